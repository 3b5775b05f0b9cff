"""Pages made from the source: packages, API reference, and the walk of one image."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NODE_KINDS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
PROPERTY_SETTERS = ('setter', 'deleter')


@dataclass(frozen=True)
class Step:
    """One step of the walk: the functions, as `function` or `Class.method`, and what they do."""

    functions: tuple[str, ...]
    thread: str
    does: str


def packages() -> Iterator[tuple[str, str]]:
    """Every package with the first line of its docstring."""
    for path in sorted(path for top in top_packages() for path in top.rglob('__init__.py')):
        name = path.parent.relative_to(ROOT)
        indent = '\u2003' * (len(name.parts) - 1)
        yield f'{indent}`{name.name}/`', first_sentence(_tree(path))


def top_packages() -> list[Path]:
    """The folders of the Python packages."""
    return sorted(path.parent for path in ROOT.glob('*/__init__.py'))


def api_page(package: Path) -> Iterator[str]:
    """Every public class, method and function of a package with its first sentence."""
    yield first_sentence(_tree(package / '__init__.py'))
    for path in sorted(package.rglob('*.py')):
        if path.name.startswith('_'):
            continue
        tree = _tree(path)
        yield ''
        yield f'## {path.relative_to(ROOT)}'
        yield ''
        yield first_sentence(tree)
        yield ''
        for node in _public(tree):
            yield from _entry(node)


def walk_rows(steps: tuple[Step, ...]) -> Iterator[tuple[str, str, str, str]]:
    """The walk's steps with the file that each function is in."""
    for number, step in enumerate(steps, 1):
        places = '<br>'.join(
            f'`{name}` in [{find(name)}](../{find(name)})' for name in step.functions
        )
        yield str(number), step.thread, places, step.does


def find(name: str) -> Path:
    """The file that defines a function or `Class.method`.

    Raises:
        LookupError: no file defines the name, or several do.
    """
    found = _definitions().get(name, [])
    if len(found) != 1:
        raise LookupError(f'{name}: got {[str(p) for p in found]}, expected one file')
    return found[0]


def first_sentence(node: ast.AST) -> str:
    """The first sentence of a docstring, on one line; empty where there is none."""
    paragraph = (ast.get_docstring(node) or '').partition('\n\n')[0]
    text = ' '.join(paragraph.split())
    end = re.search(r'\.(?= [A-Z`])', text)
    return text[: end.end()] if end else text


def _entry(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ClassDef):
        yield f'- **class `{node.name}`**: {first_sentence(node)}'
        for method in _public(node):
            said = first_sentence(method)
            if said:
                yield f'  - `{method.name}`: {said}'
    else:
        yield f'- `{node.name}`: {first_sentence(node)}'


def _public(node: ast.Module | ast.ClassDef) -> Iterator[ast.AST]:
    for child in node.body:
        if isinstance(child, NODE_KINDS) and not child.name.startswith('_'):
            kinds = [d.attr for d in child.decorator_list if isinstance(d, ast.Attribute)]
            if not set(kinds) & set(PROPERTY_SETTERS):
                yield child


@lru_cache(maxsize=1)
def _definitions() -> dict[str, list[Path]]:
    """The files that define each function, class and method at the top level."""
    files: dict[str, list[Path]] = {}
    for path in (path for top in top_packages() for path in sorted(top.rglob('*.py'))):
        for name in _names(_tree(path)):
            files.setdefault(name, []).append(path.relative_to(ROOT))
    return files


def _names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, NODE_KINDS):
            yield node.name
        if isinstance(node, ast.ClassDef):
            methods = (child for child in node.body if isinstance(child, NODE_KINDS))
            yield from {f'{node.name}.{method.name}' for method in methods}


@lru_cache(maxsize=1024)
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding='utf-8'))
