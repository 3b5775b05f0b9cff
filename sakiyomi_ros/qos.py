"""The quality of service of every topic, with its reason, in one table.

`offered` is what our publishers give, `requested` what our subscriptions ask for. A subscription
to a sensor asks for best effort, which matches the driver of any robot, reliable or not.
"""

from __future__ import annotations

from dataclasses import dataclass

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy


@dataclass(frozen=True)
class TopicQos:
    """One row of the table."""

    offered: QoSProfile
    requested: QoSProfile
    reason: str


def _reliable(depth: int) -> QoSProfile:
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE)


def _best_effort(depth: int) -> QoSProfile:
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)


def _latched(depth: int) -> QoSProfile:
    return QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )


_IMAGE = TopicQos(
    _best_effort(2), _best_effort(2), 'an image that is late is worth less than the next one'
)
_SCAN = TopicQos(
    _reliable(5), _best_effort(5), 'small enough never to be lost; matches best-effort drivers'
)
_SIGNAL = TopicQos(
    _reliable(20), _best_effort(20), '50 Hz and more: 20 bridge a pause of the reader of 0.2 s'
)
_COMMAND = TopicQos(_reliable(10), _reliable(10), 'a lost command leaves the arm where it was')
_RESULT = TopicQos(_reliable(5), _reliable(5), 'each result counts; small and at 10 Hz')
_NEWEST = TopicQos(_reliable(1), _best_effort(1), 'large: only the newest counts')
_LATCHED = TopicQos(_latched(1), _latched(1), 'changes seldom; late joiners need the last one')

TOPIC_QOS: dict[str, TopicQos] = {
    '/clock': TopicQos(_best_effort(1), _best_effort(1), 'only the newest time counts'),
    '/diagnostics': TopicQos(_reliable(10), _reliable(10), 'the convention of diagnostic_updater'),
    'camera/color/image_raw': _IMAGE,
    'camera/depth/image_rect_raw': _IMAGE,
    'camera/camera_info': _IMAGE,
    'lidar/points': _SCAN,
    'tactile/left': _SIGNAL,
    'tactile/right': _SIGNAL,
    'wrench': _SIGNAL,
    'joint_states': _SIGNAL,
    'arm_controller/joint_trajectory': _COMMAND,
    'gripper_controller/joint_trajectory': _COMMAND,
    'simulation/ground_truth': _RESULT,
    'simulation/processing_time': _RESULT,
    'world_model/objects': _RESULT,
    'world_model/predictions': _RESULT,
    'world_model/predicted_poses': _RESULT,
    'world_model/predicted_trajectories': _RESULT,
    'world_model/processing_time': _RESULT,
    'world_model/contacts': _RESULT,
    'world_model/cloud': _NEWEST,
    'world_model/markers': _NEWEST,
    'planner/grasp': _LATCHED,
    'planner/path': _LATCHED,
    'planner/processing_time': _RESULT,
    'planner/heartbeat': _SIGNAL,
}


def topic_qos(topic: str) -> TopicQos:
    """The row of a topic.

    Raises:
        KeyError: a topic that the table does not list.
    """
    if topic not in TOPIC_QOS:
        raise KeyError(f'topic {topic!r} has no QoS, expected one of {", ".join(TOPIC_QOS)}')
    return TOPIC_QOS[topic]
