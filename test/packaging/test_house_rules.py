import ast
import subprocess
import sys

import pytest
from project_files import (
    PACKAGES,
    ROOT,
    imported_names,
    is_edge,
    module_constants,
    module_name,
    source_files,
)

COMMAND_LINE = {'sakiyomi_bringup', 'sakiyomi_cli'}
MAX_CONSTANTS_PER_1000_LINES = {
    'planner_node': 12.1,
    'sakiyomi': 14.4,
    'sakiyomi_bringup': 47.1,
    'sakiyomi_cli': 29.7,
    'sakiyomi_data': 30.0,
    'sakiyomi_evaluation': 26.8,
    'sakiyomi_ros': 18.5,
    'sakiyomi_training': 32.6,
    'simulation_node': 27.2,
    'viewer_node': 32.7,
    'world_model_node': 15.0,
}
MAX_FILES_PER_FOLDER, MIN_FILES_PER_FOLDER = 24, 2
MAX_DEPTH = 2  # levels of folders below a package
IMPORT_WITHOUT_ROS = """
import importlib, sys

class NoRos:
    def find_spec(self, name, path=None, target=None):
        top = name.partition('.')[0]
        if top.endswith('_msgs') or top in ('rclpy', 'sakiyomi_interfaces', 'rosidl_runtime_py'):
            raise ImportError(f'{name} is blocked')

sys.meta_path.insert(0, NoRos())
failures = []
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception as error:
        failures.append(f'{name}: {type(error).__name__}: {error}')
sys.exit('\\n'.join(failures) or 0)
"""


def core_modules():
    files = [path for package in PACKAGES for path in source_files(package) if not is_edge(path)]
    return [module_name(path) for path in files if path.name != '__main__.py']


def test_everything_but_the_edge_imports_without_ros():
    command = [sys.executable, '-c', IMPORT_WITHOUT_ROS, *core_modules()]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr


def test_only_the_simulated_world_imports_pybullet():
    files = [path for package in PACKAGES for path in source_files(package)]
    importers = [path for path in files if 'pybullet' in imported_names(path)]
    assert importers == [ROOT / 'simulation_node' / 'world.py']


def is_command_line(path):
    return path.relative_to(ROOT).parts[0] in COMMAND_LINE


def starts_nodes(path):
    reads_recordings = path == ROOT / 'sakiyomi_data' / 'recorded_views.py'
    evaluates = path.relative_to(ROOT).parts[0] == 'sakiyomi_evaluation'
    return is_command_line(path) or evaluates or reads_recordings


def test_only_the_edge_imports_the_ros_edge():
    files = [path for package in PACKAGES for path in source_files(package)]
    inner = [path for path in files if not is_edge(path) and not starts_nodes(path)]
    assert len(inner) > 300
    for path in inner:
        assert 'sakiyomi_ros' not in imported_names(path), path.relative_to(ROOT)


def compiled_functions(tree):
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [f for f in functions if 'compiled' in [ast.unparse(d) for d in f.decorator_list]]


def test_compiled_code_uses_only_its_own_file():
    """It is kept until its own file changes: what it took from another would go stale unseen."""
    count = 0
    for path in (path for package in PACKAGES for path in source_files(package)):
        tree = ast.parse(path.read_text())
        imports = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
        ours = [n for n in imports if (n.module or '').partition('.')[0] in PACKAGES]
        foreign = {alias.asname or alias.name for node in ours for alias in node.names}
        for function in compiled_functions(tree):
            count += 1
            body = [n for statement in function.body for n in ast.walk(statement)]
            used = {n.id for n in body if isinstance(n, ast.Name)}
            assert not used & foreign, f'{path.name}: {function.name} uses {used & foreign}'
    assert count > 20


@pytest.mark.parametrize('package', PACKAGES)
def test_tuning_does_not_stand_in_module_constants(package):
    files = source_files(package)
    constants = [name for path in files for name in module_constants(path)]
    lines = sum(len(path.read_text().splitlines()) for path in files)
    rate = 1000.0 * len(constants) / lines
    assert rate <= MAX_CONSTANTS_PER_1000_LINES[package], f'{len(constants)} in {lines} lines'


def test_folders_hold_neither_too_many_files_nor_too_few():
    """A folder of one file, or one deep inside others, divides nothing."""
    folders = {path.parent for package in PACKAGES for path in source_files(package)}
    assert len(folders) > 30
    wrong = []
    for folder in sorted(folders):
        count = sum(path.name != '__init__.py' for path in folder.glob('*.py'))
        if not MIN_FILES_PER_FOLDER <= count <= MAX_FILES_PER_FOLDER and not holds_rooms(folder):
            wrong.append(f'{folder.relative_to(ROOT)} holds {count} files')
        if len(folder.relative_to(ROOT).parts) > 1 + MAX_DEPTH:
            wrong.append(f'{folder.relative_to(ROOT)} is too deep')
    assert not wrong, '\n'.join(wrong)


def holds_rooms(folder):
    return any(path.parent != folder for path in folder.rglob('*.py'))
