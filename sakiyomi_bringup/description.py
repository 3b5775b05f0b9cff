"""The one description of what is started: processes, parameter files, remappings, arguments.

`launch/*.launch.py` are written from it (`python -m sakiyomi_bringup.launch_files`), and
`sakiyomi sim` and `sakiyomi demo` start the same processes from it without launch_ros.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sakiyomi.errors import BadInputError

PACKAGE = 'sakiyomi'  # the ROS package that holds every executable

Value = bool | int | str


@dataclass(frozen=True)
class Argument:
    """One argument of a graph; its type is that of its default."""

    name: str
    default: Value
    description: str
    choices: tuple[str, ...] = ()

    def parse(self, value: Any) -> Value:
        """`value` (text or already typed) in this argument's type.

        Raises:
            BadInputError: the text says nothing of this type, or none of the choices.
        """
        kind = type(self.default)
        try:
            parsed = _PARSERS[kind](str(value))
        except (KeyError, ValueError) as error:
            raise BadInputError(
                f'{self.name}: got {value!r}, expected {_KIND_NAMES[kind]}'
            ) from error
        if self.choices and parsed not in self.choices:
            options = ', '.join(self.choices)
            raise BadInputError(f'{self.name}: got {value!r}, expected one of {options}')
        return parsed


@dataclass(frozen=True)
class NodeProcess:
    """One node in a process of its own."""

    name: str
    module: str  # python -m MODULE
    executable: str  # ros2 run sakiyomi EXECUTABLE
    parameter_file: str  # in the folder that the argument config_dir names
    parameters: Mapping[str, str] = field(default_factory=dict)  # parameter → argument
    fixed_parameters: Mapping[str, Value] = field(default_factory=dict)
    remappings: Mapping[str, str] = field(default_factory=dict)  # topic → argument
    condition: str = ''  # runs where this argument is true; always where empty


@dataclass(frozen=True)
class Graph:
    """What one launch file starts."""

    name: str
    description: str
    arguments: tuple[Argument, ...]
    nodes: tuple[NodeProcess, ...]
    environment: Mapping[str, str] = field(default_factory=dict)  # where the user sets none

    def values(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """Every argument's value: what is given, else its default.

        Raises:
            BadInputError: an unknown argument or a value of the wrong type.
        """
        known = {argument.name: argument for argument in self.arguments}
        for name in given:
            if name not in known:
                raise BadInputError(f'unknown argument {name!r}, expected one of {sorted(known)}')
        return {n: a.parse(given.get(n, a.default)) for n, a in known.items()}

    def running(self, values: Mapping[str, Value]) -> tuple[NodeProcess, ...]:
        """The nodes whose condition holds."""
        return tuple(n for n in self.nodes if not n.condition or values[n.condition])


_PARSERS = {
    bool: lambda text: {'true': True, 'false': False}[text.lower()],
    int: int,
    str: str,
}
_KIND_NAMES = {bool: 'true or false', int: 'an integer', str: 'text'}

CONFIG_DIR = Argument(
    'config_dir', '', 'folder of the parameter files; those installed if not given'
)
LOG_LEVEL = Argument(
    'log_level', 'info', 'least severity logged', ('debug', 'info', 'warn', 'error', 'fatal')
)
ON_EXIT = Argument(
    'on_exit',
    'shutdown',
    'a node that ends: the graph ends with it, or the node starts again',
    ('shutdown', 'respawn'),
)
USE_SIM_TIME = Argument('use_sim_time', False, 'take the time from /clock, as with a simulator')
VIEWER = Argument('viewer', True, 'serve the browser page')
PORT = Argument('port', 8080, 'port of the browser page on 127.0.0.1')
ROBOT = Argument(
    'robot_description', '', "the arm's URDF file; empty: the one that urdf/robot.yaml names"
)
SENSORS = Argument(
    'sensor_description',
    '',
    'URDF of the sensors and the work cell; empty: urdf/workcell.urdf',
)
COMMON = (CONFIG_DIR, LOG_LEVEL, ON_EXIT)
SCENE = (
    Argument('objects', 'random_urdfs', 'folder of URDFs or meshes, or random_urdfs'),
    Argument('scene', 'packed', 'how they lie on the table', ('packed', 'pile', 'empty')),
    Argument('count', 5, 'objects on the table'),
    Argument('seed', 0, 'seed of the scene and of the sensor noise'),
)

CAMERA = {
    'camera/color/image_raw': Argument(
        'color_topic', 'camera/color/image_raw', 'colour image, sensor_msgs/Image rgb8 or bgr8'
    ),
    'camera/depth/image_rect_raw': Argument(
        'depth_topic',
        'camera/depth/image_rect_raw',
        'depth image registered to the colour image, 16UC1 [mm] or 32FC1 [m]',
    ),
    'camera/camera_info': Argument(
        'camera_info_topic', 'camera/camera_info', "the colour camera's sensor_msgs/CameraInfo"
    ),
}
LIDAR = {'lidar/points': Argument('lidar_topic', 'lidar/points', 'sensor_msgs/PointCloud2 x y z')}
TOUCH = {
    'tactile/left': Argument(
        'tactile_left_topic', 'tactile/left', 'taxels of the left pad, x y z fx fy fz'
    ),
    'tactile/right': Argument(
        'tactile_right_topic', 'tactile/right', 'taxels of the right pad, x y z fx fy fz'
    ),
    'wrench': Argument('wrench_topic', 'wrench', 'geometry_msgs/WrenchStamped at the wrist'),
    'joint_states': Argument(
        'joint_states_topic', 'joint_states', 'sensor_msgs/JointState of the arm and the fingers'
    ),
}
COMMANDS = {
    'arm_controller/joint_trajectory': Argument(
        'arm_command_topic',
        'arm_controller/joint_trajectory',
        "JointTrajectory of the arm's controller",
    ),
    'gripper_controller/joint_trajectory': Argument(
        'gripper_command_topic',
        'gripper_controller/joint_trajectory',
        'JointTrajectory of the fingers; effort is the force limit',
    ),
}
VIEWER_TOPICS = {
    topic: argument
    for topic, argument in {**CAMERA, **LIDAR, **TOUCH}.items()
    if topic not in ('camera/depth/image_rect_raw', 'wrench')  # the page does without these
}
DESCRIPTION = {'robot_description': ROBOT.name, 'sensor_description': SENSORS.name}


def _names(topics: Mapping[str, Argument]) -> dict[str, str]:
    return {topic: argument.name for topic, argument in topics.items()}


def _simulation() -> NodeProcess:
    return NodeProcess(
        'simulation',
        'simulation_node.node',
        'simulation_node',
        'simulation.yaml',
        parameters={argument.name: argument.name for argument in SCENE},
    )


def _world_model(simulated: bool) -> NodeProcess:
    return NodeProcess(
        'world_model',
        'world_model_node.node',
        'world_model_node',
        'world_model.yaml',
        **_wiring(simulated, {**CAMERA, **LIDAR, **TOUCH}),
    )


def _planner(simulated: bool) -> NodeProcess:
    return NodeProcess(
        'planner',
        'planner_node.node',
        'planner_node',
        'planner.yaml',
        **_wiring(simulated, {**TOUCH, **COMMANDS}),
    )


def _viewer(simulated: bool) -> NodeProcess:
    wiring = _wiring(simulated, VIEWER_TOPICS)
    wiring['parameters'] = {**wiring.get('parameters', {}), 'port': PORT.name}
    return NodeProcess(
        'viewer',
        'viewer_node.node',
        'viewer_node',
        'viewer.yaml',
        condition=VIEWER.name,
        **wiring,
    )


def _wiring(simulated: bool, topics: Mapping[str, Argument]) -> dict[str, Any]:
    if simulated:
        return {'fixed_parameters': {'use_sim_time': True}}
    parameters = {**DESCRIPTION, 'use_sim_time': USE_SIM_TIME.name}
    return {'parameters': parameters, 'remappings': _names(topics)}


def _robot_arguments(topics: Mapping[str, Argument]) -> tuple[Argument, ...]:
    return (ROBOT, SENSORS, USE_SIM_TIME, *topics.values(), *COMMON)


SIM = Graph(
    'sim',
    'The simulated work cell and everything that runs on it.',
    (*SCENE, VIEWER, PORT, *COMMON),
    (_simulation(), _world_model(True), _planner(True), _viewer(True)),
    environment={'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'},  # a simulator is nobody else's
)
ROBOT_GRAPH = Graph(
    'robot',
    'The stack on a physical robot, or on another simulator: its topics by remapping.',
    (*_robot_arguments({**CAMERA, **LIDAR, **TOUCH, **COMMANDS}), VIEWER, PORT),
    (_world_model(False), _planner(False), _viewer(False)),
)
WORLD_MODEL = Graph(
    'world_model',
    'The world model alone, for other planners.',
    _robot_arguments({**CAMERA, **LIDAR, **TOUCH}),
    (_world_model(False),),
)
PLANNER = Graph(
    'planner',
    'The planner alone, on the predictions of a running world model.',
    _robot_arguments({**TOUCH, **COMMANDS}),
    (_planner(False),),
)
GRAPHS = {graph.name: graph for graph in (SIM, ROBOT_GRAPH, WORLD_MODEL, PLANNER)}
