"""The project's own Python files and what they import."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(path.parent.name for path in ROOT.glob('*/__init__.py'))
EDGE_FILES = ('conversions.py', 'node.py')


def source_files(package):
    return sorted((ROOT / package).rglob('*.py'))


def is_edge(path):
    """Whether the file may import ROS."""
    return path.name in EDGE_FILES or path.relative_to(ROOT).parts[0] == 'sakiyomi_ros'


def imported_names(path):
    """The top-level names of all absolute imports of a file, but for those of types alone."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == 'TYPE_CHECKING':
            node.body = [ast.Pass()]
    nodes = list(ast.walk(tree))
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    qualified = [n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.level == 0]
    return {name.partition('.')[0] for name in [*plain, *qualified]}


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)
