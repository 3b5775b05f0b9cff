"""ROS parameters declared from a config dataclass: one default, one description, one range."""

from __future__ import annotations

import sys
from dataclasses import Field
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.node import Node

from sakiyomi.errors import BadInputError
from sakiyomi.parameters import flatten, with_values

ROS_OWN_PARAMETERS = ('use_sim_time', 'start_type_description_service')


def declare_from(node: Node, config: Any) -> Any:
    """Declare every field of `config` on `node`; the config updated by YAML and command line.

    The node must have been made with `automatically_declare_parameters_from_overrides=True`, so
    that what the user gave can be read, checked as a whole, and declared again with its range.

    Raises:
        BadInputError: the user gave a value that the config refuses.
    """
    leaves = {name: f for name, f, _ in flatten(config)}
    given = {name: plain(node.get_parameter(name).value) for name in leaves if _given(node, name)}
    config = with_values(config, given)
    for name, f, value in flatten(config):
        if node.has_parameter(name):
            node.undeclare_parameter(name)
        _declare(node, name, f, value)
    return config


def unknown_parameters(node: Node, config: Any) -> list[str]:
    """Names that the user gave and that no field of `config` takes."""
    known = {name for name, _, _ in flatten(config)}
    names = node.get_parameters_by_prefix('')
    return sorted(
        name
        for name in names
        if name not in known
        and name not in ROS_OWN_PARAMETERS
        and not name.startswith('qos_overrides.')
    )


def plain(value: Any) -> Any:
    """A parameter's value as the config holds it: lists instead of arrays."""
    return (
        value if isinstance(value, str | bytes) or not hasattr(value, '__iter__') else list(value)
    )


def _given(node: Node, name: str) -> bool:
    return node.has_parameter(name)


def _declare(node: Node, name: str, f: Field, value: Any) -> None:
    default = list(value) if isinstance(value, tuple) else value
    try:
        node.declare_parameter(name, default, _descriptor(f), ignore_override=True)
    except ParameterException as error:
        raise BadInputError(' '.join(str(error).split())) from error


def _descriptor(f: Field) -> ParameterDescriptor:
    low, high = f.metadata.get('low'), f.metadata.get('high')
    options = f.metadata.get('options') or ()
    descriptor = ParameterDescriptor(
        description=f.metadata.get('description', ''),
        additional_constraints=f'one of {", ".join(options)}' if options else '',
    )
    if (low is None and high is None) or type(f.default) not in (int, float):
        return descriptor
    if type(f.default) is float:
        low = -sys.float_info.max if low is None else float(low)
        high = sys.float_info.max if high is None else float(high)
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    else:
        low = -(2**63) if low is None else int(low)
        high = 2**63 - 1 if high is None else int(high)
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high)]
    return descriptor
