"""The tables in the docs say what their sources say."""

import importlib.util
import re

import pytest
from project_files import PACKAGES, ROOT, source_files

from sakiyomi.topics import TOPICS
from sakiyomi_ros.qos import TOPIC_QOS


@pytest.fixture(scope='module')
def pages():
    spec = importlib.util.spec_from_file_location('write_tables', ROOT / 'docs/write_tables.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


def test_every_generated_page_is_up_to_date(pages):
    assert len(pages) > 1
    for path, text in pages.items():
        assert path.read_text(encoding='utf-8') == text, f'{path.name}: run make docs'


def test_the_topic_table_and_the_qos_table_list_the_same_topics():
    assert {topic.name for topic in TOPICS} == set(TOPIC_QOS)


def test_every_local_link_of_the_readme_leads_somewhere():
    text = (ROOT / 'README.md').read_text(encoding='utf-8')
    targets = [part.split(')')[0] for part in text.split('](')[1:]]
    assert targets
    for target in targets:
        assert target.startswith('http') or (ROOT / target).exists(), target


def test_every_file_that_the_docs_name_is_there():
    pages = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *(ROOT / 'docs').glob('*.md')]
    named = {name for p in pages for name in re.findall(r'`([\w/]+\.py)`', p.read_text('utf-8'))}
    folders = (*PACKAGES, 'test', 'docs', 'scripts')
    files = [f'/{path.relative_to(ROOT)}' for name in folders for path in source_files(name)]
    assert len(named) > 20
    for name in named:
        assert any(file.endswith(f'/{name}') for file in files), name


def test_every_test_that_the_docs_name_is_there():
    named = set(re.findall(r'`(test_[a-z0-9_]+)`', (ROOT / 'docs' / 'execution.md').read_text()))
    assert len(named) > 8
    source = ''.join(path.read_text() for path in sorted((ROOT / 'test').rglob('test_*.py')))
    assert not {name for name in named if f'def {name}(' not in source}
