"""One default per parameter: frozen dataclasses whose fields carry description and range.

Nodes declare their ROS parameters from these fields, the YAML in `config/` and the tables in the
docs are tested against them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace
from typing import Any

import yaml

from sakiyomi.errors import BadInputError


def parameter(
    default: Any,
    description: str,
    low: float | None = None,
    high: float | None = None,
    options: tuple[str, ...] = (),
) -> Any:
    """A dataclass field with its description and the range or options it is checked against."""
    return field(
        default=default,
        metadata={'description': description, 'low': low, 'high': high, 'options': options},
    )


class ParameterSet:
    """Base of every config dataclass: validates each field on construction."""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            BadInputError: a value has the wrong type or lies outside its range or options.
        """
        for f in fields(self):
            value = getattr(self, f.name)
            if not is_dataclass(value):
                object.__setattr__(self, f.name, checked(f, value))


def checked(f: Field, value: Any) -> Any:
    """`value` as the field's type, or a BadInputError that names both."""
    kind = type(f.default)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kind is tuple and isinstance(value, list):
        value = tuple(value)
    if type(value) is not kind:
        raise BadInputError(f'{f.name}: got {value!r}, expected a {kind.__name__}')
    low, high = f.metadata.get('low'), f.metadata.get('high')
    options = f.metadata.get('options')
    # `not (low <= value)` rather than `value < low`, so that NaN is refused too
    if low is not None and not low <= value:
        raise BadInputError(f'{f.name}: got {value!r}, expected at least {low}')
    if high is not None and not value <= high:
        raise BadInputError(f'{f.name}: got {value!r}, expected at most {high}')
    if options and value not in options:
        raise BadInputError(f'{f.name}: got {value!r}, expected one of {", ".join(options)}')
    return value


def flatten(config: Any, prefix: str = '') -> Iterator[tuple[str, Field, Any]]:
    """Every leaf as (dotted name, field, value); nested dataclasses become dotted names."""
    for f in fields(config):
        value = getattr(config, f.name)
        if is_dataclass(value):
            yield from flatten(value, f'{prefix}{f.name}.')
        else:
            yield f'{prefix}{f.name}', f, value


def with_values(config: Any, values: dict[str, Any]) -> Any:
    """A copy with some dotted names changed, validated as a whole before it is returned.

    Raises:
        BadInputError: an unknown name, or a value that a field refuses.
    """
    own: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    names = {f.name for f in fields(config)}
    for name, value in values.items():
        head, _, rest = name.partition('.')
        if head not in names:
            raise BadInputError(f'unknown parameter {name!r}, expected one of {sorted(names)}')
        if rest:
            nested.setdefault(head, {})[rest] = value
        else:
            own[head] = value
    for head, inner in nested.items():
        own[head] = with_values(getattr(config, head), inner)
    return replace(config, **own)


def load_yaml(config: Any, path: str, node: str) -> Any:
    """`config` updated from a ROS 2 parameter file (`node: ros__parameters: ...`).

    Raises:
        BadInputError: the file cannot be read, is not YAML of that form, or holds a bad value.
    """
    try:
        with open(path, encoding='utf-8') as stream:
            tree = yaml.safe_load(stream)
    except OSError as error:
        raise BadInputError(f'parameter file {path}: {error.strerror}') from error
    except yaml.YAMLError as error:
        problem = ' '.join(str(error).split())
        raise BadInputError(f'parameter file {path}: not valid YAML: {problem}') from error
    if not isinstance(tree, dict):
        raise BadInputError(f'parameter file {path}: got {type(tree).__name__}, expected a map')
    section = (tree.get(node) or tree.get(f'/{node}') or {}).get('ros__parameters', {})
    return with_values(config, dict(_dotted(section)))


def _dotted(tree: dict[str, Any], prefix: str = '') -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _dotted(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}', value


@dataclass(frozen=True)
class NodeConfig(ParameterSet):
    """What every node takes."""

    autostart: bool = parameter(True, 'configure and activate on start, with no lifecycle manager')
    diagnostics_period_s: float = parameter(1.0, 'period of /diagnostics [s]', 0.1, 60.0)
    robot_description: str = parameter(
        '', "the arm's URDF file; empty: the one that urdf/robot.yaml names"
    )
    sensor_description: str = parameter(
        '', 'URDF of the sensors and the work cell; empty: urdf/workcell.urdf'
    )
