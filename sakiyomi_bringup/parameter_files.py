"""Write a node's parameter file from its config: every parameter, its meaning, its default.

python -m sakiyomi_bringup.parameter_files world_model world_model_node.config:WorldModelConfig
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from typing import Any

import yaml

from sakiyomi.errors import BadInputError


def render(config: Any, node: str) -> str:
    """The text of the file for `node`, in the form that ROS 2 reads."""
    lines = [f'{node}:', '  ros__parameters:', *_lines(config, '    ')]
    return '\n'.join(lines) + '\n'


def _lines(config: Any, indent: str) -> Iterator[str]:
    for f in fields(config):
        value = getattr(config, f.name)
        if is_dataclass(value):
            yield f'{indent}{f.name}:'
            yield from _lines(value, indent + '  ')
        else:
            yield f'{indent}{f.name}: {_scalar(value)}  # {_comment(f)}'


def _scalar(value: Any) -> str:
    if isinstance(value, float):
        text = repr(value)
        return text if '.' in text or 'inf' in text else f'{value:.10f}'.rstrip('0')
    if isinstance(value, tuple):
        return f'[{", ".join(_scalar(item) for item in value)}]'
    return yaml.safe_dump(value, default_style="'" if isinstance(value, str) else None).split(
        '\n'
    )[0]


def _comment(f: Field) -> str:
    options = f.metadata.get('options')
    suffix = f'; one of {", ".join(options)}' if options else ''
    return f.metadata.get('description', '') + suffix


def main(args: list[str]) -> str:
    """The file for the node `args[0]` whose config is `args[1]`, written `module:Class`.

    Raises:
        BadInputError: not two arguments of that form.
    """
    if len(args) != 2 or ':' not in args[1]:
        raise BadInputError(f'arguments: got {args}, expected NODE MODULE:CLASS')
    module, _, name = args[1].partition(':')
    return render(getattr(importlib.import_module(module), name)(), args[0])


if __name__ == '__main__':
    sys.stdout.write(main(sys.argv[1:]))
