"""Which driver moves the arm and which the gripper, by the kinds that a parameter names."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.action import ActionClient
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage

from sakiyomi.errors import BadInputError
from sakiyomi.robot.drivers import ArmDriver, GripperDriver
from sakiyomi.robot.gripper_kinematics import GripperKinematics
from sakiyomi_ros.drivers import action_types
from sakiyomi_ros.drivers.arm_action import ARM_ACTION, FollowJointTrajectoryDriver
from sakiyomi_ros.drivers.arm_topic import TopicArmDriver
from sakiyomi_ros.drivers.auto import AutoArmDriver, AutoGripperDriver
from sakiyomi_ros.drivers.gripper_action import GRIPPER_ACTION
from sakiyomi_ros.drivers.gripper_servers import GripperServers
from sakiyomi_ros.drivers.gripper_topic import TopicGripperDriver
from sakiyomi_ros.lifecycle import LifecycleNode

ARM_TOPIC, GRIPPER_TOPIC = 'arm_controller/joint_trajectory', 'gripper_controller/joint_trajectory'
ARM_KINDS = ('auto', 'follow_joint_trajectory', 'topic')
GRIPPER_KINDS = (
    'auto',
    'topic',
    'topic_position_only',
    'gripper_command',
    'parallel_gripper_command',
)


def make_arm_driver(
    node: LifecycleNode, kind: str, joint_names: Sequence[str], name: str = ARM_ACTION
) -> ArmDriver:
    """The arm's driver; its `note` says what was chosen, and why, where that was left open.

    Args:
        node: owns the publisher and the action client, until its clean-up.
        kind: one of ARM_KINDS.
        joint_names: of the arm, in the order of the trajectories.
        name: of the action.

    Raises:
        BadInputError: an unknown kind.
    """
    _check(kind, ARM_KINDS, 'arm driver')
    action_type = action_types.FollowJointTrajectory
    if kind == 'topic' or action_type is None:
        note = '' if kind == 'topic' else _instead(node, kind, ARM_TOPIC)
        return _arm_topic(node, joint_names, note)
    client = node.create_entity(ActionClient(node, action_type, name))
    note = f'the arm is driven by the action {name}'
    action = FollowJointTrajectoryDriver(client, joint_names, name, note=note)
    if kind == 'follow_joint_trajectory':
        return action
    topic = _arm_topic(node, joint_names, _unserved('arm', ARM_TOPIC, name))
    return AutoArmDriver(topic, action.ready, node.get_logger().info)


def make_gripper_driver(
    node: LifecycleNode,
    kind: str,
    joint_names: Sequence[str],
    fingers: GripperKinematics,
    name: str = GRIPPER_ACTION,
) -> GripperDriver:
    """The gripper's driver; its `note` says what was chosen, and why, where that was left open.

    Args:
        node: owns the publisher and the action client, until its clean-up.
        kind: one of GRIPPER_KINDS.
        joint_names: of the fingers; an action takes the first one alone.
        fingers: from an opening to a joint position.
        name: of the action.

    Raises:
        BadInputError: an unknown kind.
    """
    _check(kind, GRIPPER_KINDS, 'gripper driver')
    servers = GripperServers(node, joint_names[0], fingers, name)
    if kind in servers.types:
        return servers.driver(kind, f'the gripper is driven by the action {name} ({kind})')
    output = node.create_output(JointTrajectoryMessage, GRIPPER_TOPIC)
    topic = TopicGripperDriver(output, joint_names, fingers, kind != 'topic_position_only')
    if kind == 'auto' and servers.types:
        topic.note = _unserved('gripper', GRIPPER_TOPIC, name)
        servers.watch()
        return AutoGripperDriver(topic, servers.ready, node.get_logger().info)
    if not kind.startswith('topic'):
        topic.note = _instead(node, kind, GRIPPER_TOPIC)
    return topic


def _arm_topic(node: LifecycleNode, joint_names: Sequence[str], note: str) -> TopicArmDriver:
    return TopicArmDriver(node.create_output(JointTrajectoryMessage, ARM_TOPIC), joint_names, note)


def _check(kind: str, kinds: tuple[str, ...], what: str) -> None:
    if kind not in kinds:
        raise BadInputError(f'{what}: got {kind!r}, expected one of {", ".join(kinds)}')


def _unserved(what: str, topic: str, name: str) -> str:
    return f'the {what} is driven by the topic {topic}: no action server answers for {name}'


def _instead(node: LifecycleNode, kind: str, topic: str) -> str:
    """The note on a topic that stands for an action; a warning where an action was asked for."""
    absent = 'control_msgs is not installed, or lacks this action'
    note = f'driver {kind}: commands go to the topic {topic}: {absent}'
    if kind == 'auto':
        node.get_logger().info(note)
    else:
        node.get_logger().warning(note)
    return note
