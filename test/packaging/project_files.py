"""The project's own Python files and what they import."""

import ast
import functools
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(path.parent.name for path in ROOT.glob('*/__init__.py'))
EDGE_FILES = ('conversions.py', 'node.py')


def source_files(package):
    return sorted((ROOT / package).rglob('*.py'))


def is_edge(path):
    """Whether the file may import ROS."""
    return path.name in EDGE_FILES or path.relative_to(ROOT).parts[0] == 'sakiyomi_ros'


@functools.cache
def imported_modules(path, types=True):
    """The modules of all absolute imports of a file, with or without those of types alone."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        type_only = isinstance(node, ast.If) and ast.unparse(node.test) == 'TYPE_CHECKING'
        if type_only and not types:
            node.body = [ast.Pass()]
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path.name}: a relative import'
            modules |= {f'{node.module}.{alias.name}' for alias in node.names}
    return modules


def imported_names(path):
    """The top-level names of all imports of a file, without those of types alone."""
    return {module.partition('.')[0] for module in imported_modules(path, types=False)}


def module_constants(path):
    """The names in capitals that a file assigns at its top level."""
    names = []
    for node in ast.parse(path.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, 'target', None)]
        for target in targets:
            elements = target.elts if isinstance(target, ast.Tuple) else [target]
            names += [e.id for e in elements if isinstance(e, ast.Name)]
    return [name for name in names if re.fullmatch(r'_?[A-Z][A-Z0-9_]+', name)]


def tracked_files():
    """The files that git tracks, relative to the root."""
    command = ['git', 'ls-files', '-z']
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [Path(name) for name in listed.stdout.split('\0') if name]


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)
