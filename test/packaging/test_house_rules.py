import ast
import subprocess
import sys

import pytest
from project_files import PACKAGES, ROOT, imported_names, is_edge, module_name, source_files

CORE = {'sakiyomi'}
MAY_IMPORT = {
    'sakiyomi': set(),
    'sakiyomi_ros': CORE,
    'simulation_node': CORE | {'sakiyomi_ros'},
    'world_model_node': CORE | {'sakiyomi_ros'},
    'planner_node': CORE | {'sakiyomi_ros', 'world_model_node'},
    'viewer_node': CORE | {'sakiyomi_ros'},
    # below what trains and what evaluates
    'sakiyomi_data': CORE
    | {'sakiyomi_ros', 'simulation_node', 'world_model_node', 'planner_node'},
    'sakiyomi_bringup': CORE | {'simulation_node', 'viewer_node'},
    'sakiyomi_cli': set(PACKAGES),  # the top: nothing imports the command line
}
COMMAND_LINE = {'sakiyomi_bringup', 'sakiyomi_cli'}  # what starts nodes
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


def test_nothing_imports_the_command_line():
    for package in set(PACKAGES) - {'sakiyomi_cli'}:
        for path in source_files(package):
            assert 'sakiyomi_cli' not in imported_names(path), path.relative_to(ROOT)


@pytest.mark.parametrize('package', MAY_IMPORT)
def test_imports_run_one_way(package):
    allowed = MAY_IMPORT[package] | {package, 'sakiyomi_interfaces'}
    for path in source_files(package):
        forbidden = (imported_names(path) & set(PACKAGES)) - allowed
        if not is_command_line(path):
            assert not forbidden, f'{path.relative_to(ROOT)} imports {sorted(forbidden)}'


def test_only_the_edge_imports_the_ros_edge():
    for path in (path for package in PACKAGES for path in source_files(package)):
        if not is_edge(path) and not starts_nodes(path):
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


def test_no_folder_holds_more_than_24_files():
    commands = {'sakiyomi_cli', 'sakiyomi_evaluation'}  # a file for each command
    folders = {path.parent for package in PACKAGES for path in source_files(package)}
    assert len(folders) > 30
    for folder in folders:
        files = [path for path in folder.glob('*.py') if path.name != '__init__.py']
        if str(folder.relative_to(ROOT)) not in commands:
            assert len(files) <= 24, f'{folder.relative_to(ROOT)} holds {len(files)} files'
