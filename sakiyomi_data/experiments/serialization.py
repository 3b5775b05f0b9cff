"""Records as JSON holds them, and back: dataclasses and arrays, to the last bit."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

Kind = TypeVar('Kind')


def to_json(value: Any) -> Any:
    """A value as JSON can hold it.

    Raises:
        TypeError: it cannot.
    """
    if is_dataclass(value):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        shape, values = list(value.shape), value.ravel().tolist()
        return {'dtype': value.dtype.str, 'shape': shape, 'values': values}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f'record: got {type(value).__name__}, expected what JSON can hold')


def from_json(kind: type[Kind], data: Any) -> Kind:
    """What `plain` was given, by its type hint: dataclasses, lists, tuples, dicts and arrays."""
    if data is None:
        return None
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return from_json(next(one for one in inner if one is not types.NoneType), data)
    if kind is np.ndarray:
        return np.array(data['values'], data['dtype']).reshape(data['shape'])
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{name: from_json(hints[name], item) for name, item in data.items()})
    if origin is dict:
        return {inner[0](key): from_json(inner[1], item) for key, item in data.items()}
    if origin is list:
        return [from_json(inner[0], item) for item in data]
    if origin is tuple:
        every = inner[:1] * len(data) if inner[-1] is Ellipsis else inner
        return tuple(from_json(one, item) for one, item in zip(every, data, strict=True))
    return data
