"""Write `launch/*.launch.py` from the description of the bring-up.

The files are plain launch_ros files that anyone can read, copy and change; a test keeps them equal
to what `python -m sakiyomi_bringup.launch_files` writes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from sakiyomi_bringup.description import (
    CONFIG_DIR,
    GRAPHS,
    LOG_LEVEL,
    ON_EXIT,
    PACKAGE,
    Argument,
    Graph,
    NodeProcess,
)

_LINE_LENGTH = 99
_INDENT = 12  # of an entry of the launch description
_RESPAWN_DELAY_S = 2.0

_HEADER = '''"""{description}

Written by `python -m sakiyomi_bringup.launch_files` from sakiyomi_bringup/description.py:
change it there.
"""

{imports}

{outcomes}


def generate_launch_description():
    """{description}"""
    return LaunchDescription(
        [
'''
_FOOTER = """        ]
    )
"""


def render(graph: Graph) -> str:
    """The text of the launch file that starts `graph`."""
    types = {argument.name: type(argument.default).__name__ for argument in graph.arguments}
    lines = [line for name, value in graph.environment.items() for line in _variable(name, value)]
    lines += [line for argument in graph.arguments for line in _argument(argument)]
    lines += [line for node in graph.nodes for line in _node(node, types)]
    header = _HEADER.format(
        description=graph.description,
        imports='\n'.join(_imports(graph)),
        outcomes='\n'.join(
            f'{outcome.upper()} = EqualsSubstitution({_configuration(ON_EXIT.name)}, {outcome!r})'
            for outcome in ON_EXIT.choices
        ),
    )
    return header + ''.join(f'{" " * _INDENT}{line}\n' for line in lines) + _FOOTER


def _imports(graph: Graph) -> Iterator[str]:
    actions = ['DeclareLaunchArgument', 'Shutdown']
    substitutions = ['EqualsSubstitution', 'LaunchConfiguration', 'PathJoinSubstitution']
    if graph.environment:
        actions.insert(1, 'SetEnvironmentVariable')
        substitutions.insert(0, 'EnvironmentVariable')
    yield 'from launch import LaunchDescription'
    yield f'from launch.actions import {", ".join(actions)}'
    yield 'from launch.conditions import IfCondition'
    yield from _import('launch.substitutions', substitutions)
    yield 'from launch_ros.actions import Node'
    yield 'from launch_ros.parameter_descriptions import ParameterValue'
    yield 'from launch_ros.substitutions import FindPackageShare'


def _import(module: str, names: list[str]) -> Iterator[str]:
    line = f'from {module} import {", ".join(names)}'
    if len(line) <= _LINE_LENGTH:
        yield line
        return
    yield f'from {module} import ('
    yield from (f'    {name},' for name in names)
    yield ')'


def _variable(name: str, value: str) -> Iterator[str]:
    yield 'SetEnvironmentVariable('
    yield f'    {name!r},'
    yield f'    EnvironmentVariable({name!r}, default_value={value!r}),'
    yield '),'


def _argument(argument: Argument) -> Iterator[str]:
    yield 'DeclareLaunchArgument('
    yield f'    {argument.name!r},'
    if argument.name == CONFIG_DIR.name:
        yield f"    default_value=PathJoinSubstitution([FindPackageShare({PACKAGE!r}), 'config']),"
    else:
        yield f'    default_value={_text(argument.default)!r},'
    if argument.choices:
        yield f'    choices={list(argument.choices)!r},'
    yield f'    description={argument.description!r},'
    yield '),'


def _node(node: NodeProcess, types: dict[str, str]) -> Iterator[str]:
    yield 'Node('
    yield f'    package={PACKAGE!r},'
    yield f'    executable={node.executable!r},'
    yield f'    name={node.name!r},'
    if node.condition:
        yield f'    condition=IfCondition({_configuration(node.condition)}),'
    yield '    parameters=['
    path = f'[{_configuration(CONFIG_DIR.name)}, {node.parameter_file!r}]'
    yield from _call(8, 'PathJoinSubstitution(', path, '),')
    yield from _parameters(node, types)
    yield '    ],'
    if node.remappings:
        yield '    remappings=['
        for topic, argument in node.remappings.items():
            yield from _call(8, '(', f'{topic!r}, {_configuration(argument)}', '),')
        yield '    ],'
    yield f"    ros_arguments=['--log-level', {_configuration(LOG_LEVEL.name)}],"
    yield "    output='screen',"
    yield '    respawn=RESPAWN,'
    yield f'    respawn_delay={_RESPAWN_DELAY_S},'
    yield '    on_exit=Shutdown(condition=IfCondition(SHUTDOWN)),'
    yield '),'


def _parameters(node: NodeProcess, types: dict[str, str]) -> Iterator[str]:
    if not node.parameters and not node.fixed_parameters:
        return
    yield '        {'
    for name, value in node.fixed_parameters.items():
        yield f'            {name!r}: {value!r},'
    for name, argument in node.parameters.items():
        value = f'{_configuration(argument)}, value_type={types[argument]}'
        yield from _call(12, f'{name!r}: ParameterValue(', value, '),')
    yield '        },'


def _configuration(argument: str) -> str:
    return f'LaunchConfiguration({argument!r})'


def _call(indent: int, opening: str, inside: str, closing: str) -> Iterator[str]:
    """On one line where it fits, else broken as ruff format breaks it."""
    line = f'{" " * indent}{opening}{inside}{closing}'
    if _INDENT + len(line) <= _LINE_LENGTH:
        yield line
        return
    inner = ',\n'.join(inside.split(', ')) + ',' if opening == '(' else inside
    yield f'{" " * indent}{opening}'
    yield from (f'{" " * (indent + 4)}{part}' for part in inner.split('\n'))
    yield f'{" " * indent}{closing}'


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def write(folder: Path) -> None:
    """Write every launch file into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, graph in GRAPHS.items():
        (folder / f'{name}.launch.py').write_text(render(graph), encoding='utf-8')


if __name__ == '__main__':
    write(Path(sys.argv[1] if len(sys.argv) > 1 else 'launch'))
