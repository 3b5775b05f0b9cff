"""The robot beyond its URDF, read from the file `robot.yaml` beside it."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from sakiyomi.errors import BadInputError
from sakiyomi.paths import share_dir
from sakiyomi.robot.gripper_kinematics import GripperKinematics
from sakiyomi.robot.hand_geometry import HandGeometry

FILE_NAME = 'robot.yaml'
PACKAGE_SCHEME = 'package://'
PER_JOINT = ('q_home', 'q_lower', 'q_upper', 'dq_max', 'ddq_max')
SIGNED = ('_z_m', '_sections_m', '_points_m')  # endings of lengths of the hand that have a sign


@dataclass(frozen=True)
class ArmConfig:
    """The joints of the arm and their true limits.

    Attributes:
        urdf: the arm's URDF file: `package://` and a path in a Python package, or a path relative
            to the robot file.
        base_link: link that the arm stands on.
        joints: names from the base to the wrist.
        q_home: resting position [rad]. Shape (n,), like the limits.
        q_lower: lower position limits [rad].
        q_upper: upper position limits [rad].
        dq_max: speed limits [rad/s].
        ddq_max: acceleration limits [rad/s^2].
    """

    urdf: str
    base_link: str
    joints: tuple[str, ...]
    q_home: tuple[float, ...]
    q_lower: tuple[float, ...]
    q_upper: tuple[float, ...]
    dq_max: tuple[float, ...]
    ddq_max: tuple[float, ...]


@dataclass(frozen=True)
class GripperConfig:
    """The links and joints of the hand.

    Attributes:
        hand_link: link that the fingers slide in; the wrist's wrench is in its frame.
        grasp_frame: frame between the pads; z approaches, y closes.
        finger_joints: names, left before right.
        kinematics: map from the position of a finger joint to the opening.
    """

    hand_link: str
    grasp_frame: str
    finger_joints: tuple[str, ...]
    kinematics: GripperKinematics


@dataclass(frozen=True)
class SensorConfig:
    """The frames of the sensors."""

    camera_frame: str
    lidar_frame: str
    left_pad_frame: str
    right_pad_frame: str

    @property
    def pad_frames(self) -> dict[str, str]:
        """The frames of the tactile pads by side."""
        return {'left': self.left_pad_frame, 'right': self.right_pad_frame}


@dataclass(frozen=True)
class RobotConfig:
    """Arm, gripper, sensors and the shape of the hand."""

    arm: ArmConfig
    gripper: GripperConfig
    sensors: SensorConfig
    hand: HandGeometry


def robot_config_path(arm_urdf: str | Path | None = None) -> Path:
    """The robot file beside an arm's URDF; ours where there is none or no URDF is given."""
    beside = Path(arm_urdf).with_name(FILE_NAME) if arm_urdf else None
    return beside if beside and beside.is_file() else share_dir('urdf') / FILE_NAME


def read_robot_config(path: Path | None = None) -> RobotConfig:
    """Read and check a robot file; ours if None.

    Raises:
        BadInputError: the file cannot be read, lacks a key, has an unknown one or a bad value.
    """
    path = path or robot_config_path()
    try:
        tree = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, 'strerror', None) or error
        raise BadInputError(f'robot file {path}: {reason}') from error
    except yaml.YAMLError as error:
        problem = ' '.join(str(error).split())
        raise BadInputError(f'robot file {path}: not valid YAML: {problem}') from error
    try:
        config = _section(RobotConfig, tree, '')
        _check_joints(config.arm)
        _check_hand(config.hand, 'hand')
    except BadInputError as error:
        raise BadInputError(f'robot file {path}: {error}') from error
    return config


def arm_urdf_path(config: RobotConfig, folder: Path) -> Path:
    """The arm's URDF that a robot file in `folder` names; no package is imported.

    Raises:
        BadInputError: the package is not installed.
    """
    urdf = config.arm.urdf
    if not urdf.startswith(PACKAGE_SCHEME):
        return folder / urdf
    package, _, rest = urdf.removeprefix(PACKAGE_SCHEME).partition('/')
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise BadInputError(
            f'arm.urdf: got {urdf!r}, expected a Python package that is installed, or a path'
        )
    return Path(next(iter(spec.submodule_search_locations))) / rest


def _section(kind: type, tree: Any, key: str) -> Any:
    """The dataclass `kind` from the map at a dotted key."""
    names = [f.name for f in fields(kind)]
    prefix = f'{key}.' if key else ''
    if not isinstance(tree, dict):
        got = type(tree).__name__
        raise BadInputError(f'{key or "file"}: got {got}, expected a map of {", ".join(names)}')
    for name in tree:
        if name not in names:
            raise BadInputError(f'{prefix}{name}: unknown key, expected one of {", ".join(names)}')
    for name in names:
        if name not in tree:
            raise BadInputError(f'{prefix}{name}: got nothing, expected a value')
    types = get_type_hints(kind)
    values = {name: _value(types[name], tree[name], f'{prefix}{name}') for name in names}
    try:
        return kind(**values)
    except BadInputError as error:
        raise BadInputError(f'{key}: {error}') from error


def _value(kind: Any, value: Any, key: str) -> Any:
    """`value` as the type `kind` of a field."""
    if is_dataclass(kind):
        return _section(kind, value, key)
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind), value, key)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and number and math.isfinite(value):
        return float(value)
    if kind is int and number and isinstance(value, int):
        return value
    if kind is str and isinstance(value, str) and value:
        return value
    expected = {float: 'a finite number', int: 'a whole number', str: 'a name'}[kind]
    raise BadInputError(f'{key}: got {value!r}, expected {expected}')


def _tuple(kinds: tuple[Any, ...], value: Any, key: str) -> tuple[Any, ...]:
    if not isinstance(value, list) or not value:
        raise BadInputError(f'{key}: got {value!r}, expected a list')
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise BadInputError(f'{key}: got {len(value)} values, expected {len(kinds)}')
    pairs = zip(kinds, value, strict=True)
    return tuple(_value(kind, item, f'{key}[{i}]') for i, (kind, item) in enumerate(pairs))


def _check_joints(arm: ArmConfig) -> None:
    expected = len(arm.joints)
    for name in PER_JOINT:
        got = len(getattr(arm, name))
        if got != expected:
            raise BadInputError(f'arm.{name}: got {got} values, expected {expected}, as joints')


def _check_hand(shape: Any, key: str) -> None:
    """Every length, force and count of the hand is positive but for heights in its frame."""
    for f in fields(shape):
        value = getattr(shape, f.name)
        if is_dataclass(value):
            _check_hand(value, f'{key}.{f.name}')
        elif not f.name.endswith(SIGNED) and not value > 0:
            raise BadInputError(f'{key}.{f.name}: got {value}, expected more than 0')
