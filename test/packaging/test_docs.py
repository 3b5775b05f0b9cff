"""The docs name what is there, and their generated parts say what their sources say."""

import importlib.util
import re
import sys
from dataclasses import replace

import pytest
from project_files import PACKAGES, ROOT, source_files

from sakiyomi.parameters import flatten
from sakiyomi.topics import TOPICS
from sakiyomi_ros.qos import TOPIC_QOS

MAX_WALK_STEPS = 15
PAGES = [
    ROOT / 'README.md',
    ROOT / 'CONTRIBUTING.md',
    *sorted((ROOT / 'docs').glob('*.md')),
    *sorted((ROOT / 'docs' / 'api').glob('*.md')),
]
WRITTEN = [page for page in PAGES if page.parent.name != 'api']
# types of ROS and of other libraries, which the docs name beside our own
OTHER_TYPES = {'GripperCommand', 'ParallelGripperCommand', 'FollowJointTrajectory'}
PLACEHOLDER = 'NAME_engine.py'


def named(pattern, pages=WRITTEN):
    """What a pattern finds in each page, as (page, name)."""
    return [(p.name, name) for p in pages for name in re.findall(pattern, p.read_text('utf-8'))]


@pytest.fixture(scope='module')
def generator():
    spec = importlib.util.spec_from_file_location('write_tables', ROOT / 'docs/write_tables.py')
    module = importlib.util.module_from_spec(spec)
    before = sys.path.copy()
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


@pytest.fixture(scope='module')
def sources():
    """The text of all Python files and message definitions of the project."""
    files = [path for package in PACKAGES for path in source_files(package)]
    files += [path for path in (ROOT / 'sakiyomi_interfaces').rglob('*.*') if is_interface(path)]
    return {path: path.read_text('utf-8') for path in files}


def is_interface(path):
    return path.suffix in ('.msg', '.srv', '.action')


def test_every_generated_page_is_up_to_date(generator):
    pages = generator.pages()
    assert len(pages) > 15
    for path, text in pages.items():
        assert path.read_text(encoding='utf-8') == text, f'{path.name}: run make docs'


def test_the_api_reference_has_a_page_for_each_package_and_no_other():
    pages = {page.stem for page in (ROOT / 'docs' / 'api').glob('*.md')}
    assert pages == {'README', *PACKAGES}


def test_the_topic_table_and_the_qos_table_list_the_same_topics():
    assert {topic.name for topic in TOPICS} == set(TOPIC_QOS)


def test_the_readme_has_one_picture_and_a_table_of_five_rows():
    text = (ROOT / 'README.md').read_text('utf-8')
    table = text.partition('<!-- figures')[2].partition('<!-- end of figures')[0]
    rows = [line for line in table.splitlines() if line.startswith('|')]
    assert len(rows) == 2 + 5  # head and rule
    assert text.count('![') == 1


def test_every_local_link_leads_somewhere():
    links = 0
    for page in PAGES:
        for target in re.findall(r'\]\(([^)#]+)[^)]*\)', page.read_text('utf-8')):
            links += 1
            found = target.startswith('http') or (page.parent / target).exists()
            assert found, f'{page.name}: {target}'
    assert links > 80


def test_every_page_can_be_reached_from_the_readme():
    reached, waiting = set(), [ROOT / 'README.md']
    while waiting:
        page = waiting.pop().resolve()
        if page not in reached:
            reached.add(page)
            targets = re.findall(r'\]\(([^)#:]+\.md)\)', page.read_text('utf-8'))
            waiting += [page.parent / target for target in targets]
    assert set(PAGES) <= reached


def test_every_file_and_folder_that_the_docs_name_is_there():
    folders = (*PACKAGES, 'test', 'docs', 'scripts')
    files = [path.relative_to(ROOT) for name in folders for path in source_files(name)]
    places = [f'/{path}' for path in files] + [f'/{path.parent}/' for path in files]
    names = named(r'`([\w/]+\.py)`') + named(r'`([\w/]+/)`') + named(r'`(\w+_node/[\w/]+)`')
    assert len(names) > 60
    for page, name in names:
        found = any(place.endswith(f'/{name}') or f'/{name}/' in place for place in places)
        found = found or (ROOT / name).exists() or name.endswith(PLACEHOLDER)
        assert found, f'{page}: {name}'


def test_every_class_that_the_docs_name_is_there(sources):
    files = {path.stem for path in sources if is_interface(path)}
    text = '\n'.join(sources.values())
    names = named(r'`([A-Z][a-z]+[A-Z]\w+)[`(.]')
    assert len(names) > 20
    for page, name in names:
        known = name in files or name in OTHER_TYPES or f'class {name}' in text
        assert known, f'{page}: {name}'


def test_every_parameter_that_the_docs_name_is_there(generator):
    known = {name for config in generator.CONFIGS.values() for name, *_ in flatten(config)}
    groups = {name.partition('.')[0] for name in known if '.' in name}
    names = [
        (page, name)
        for page, name in named(r'`([a-z_]+\.[a-z_]+)[`:]')
        if name.partition('.')[0] in groups and not name.endswith(('.py', '.md', '.onnx'))
    ]
    assert len(names) > 15
    for page, name in names:
        assert name in known, f'{page}: {name}'


def test_every_command_that_the_docs_name_is_there(sources):
    commands = {path.stem for path in sources if path.parent.name == 'sakiyomi_cli'}
    names = named(r'`sakiyomi ([a-z]+)') + named(r'(?m)^sakiyomi ([a-z]+)')
    assert len(names) > 20
    for page, name in names:
        assert name in commands, f'{page}: sakiyomi {name}'


def test_every_test_that_the_docs_name_is_there():
    names = named(r'`(test_[a-z0-9_]+)`')
    assert len(names) > 8
    source = ''.join(path.read_text() for path in sorted((ROOT / 'test').rglob('test_*.py')))
    assert not {name for _, name in names if f'def {name}(' not in source}


def test_every_message_that_the_troubleshooting_page_quotes_is_one_of_ours(sources):
    page = ROOT / 'docs' / 'troubleshooting.md'
    rows = [line.split('|')[1] for line in page.read_text('utf-8').splitlines() if '|' in line]
    quoted = [text for cell in rows for text in re.findall(r'`([^`]* [^`]*)`', cell)]
    assert len(quoted) > 25
    text = '\n'.join(sources.values())
    for message in quoted:
        assert message in text, message


def test_every_step_of_the_walk_is_a_function_of_the_code(generator):
    rows = list(generator.walk_rows(generator.STEPS))
    assert 0 < len(rows) <= MAX_WALK_STEPS
    with pytest.raises(LookupError):
        list(generator.walk_rows((replace(generator.STEPS[0], functions=('no_such_function',)),)))
