"""What the page shows, out of messages. Every reader raises BadInputError for a malformed one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Pose
from sensor_msgs.msg import CameraInfo, Image, JointState, PointCloud2
from visualization_msgs.msg import Marker, MarkerArray

from sakiyomi.errors import BadInputError
from sakiyomi.sensing import TactileReading
from sakiyomi_interfaces.action import Pick
from sakiyomi_interfaces.msg import Grasp, ObjectStateArray, PredictionArray, StageTimes
from sakiyomi_interfaces.srv import PushObject, ResetScene, SpawnObject
from sakiyomi_ros.messages.beliefs import from_contacts, from_object_states, from_predictions
from sakiyomi_ros.messages.conversions import (
    finite_floats,
    from_joint_state,
    from_pose,
    from_stamp,
    from_xyz,
    to_point,
    to_vector,
)
from sakiyomi_ros.messages.images import from_camera_info, from_color_image
from sakiyomi_ros.messages.point_clouds import colors_of, from_cloud
from viewer_node.layers.plan import ChosenGrasp, PathSegment
from viewer_node.panels.status import HealthLine, NodeTimes
from viewer_node.theme import height_colors

OUTCOMES = {
    getattr(Pick.Result, name): name.replace('_', ' ').lower()
    for name in (
        'SUCCESS',
        'NO_TARGET',
        'NO_GRASP',
        'UNREACHABLE',
        'NO_MOTION',
        'MISSED',
        'SLIPPED',
        'DROPPED',
        'STOPPED',
        'STALE_INPUT',
        'REJECTED',
        'COLLIDED',
    )
}


def to_tactile(message: PointCloud2, side: str) -> TactileReading:
    """The taxels of one pad."""
    table = from_cloud(message, ('x', 'y', 'z', 'fx', 'fy', 'fz'))
    return TactileReading(from_stamp(message.header.stamp), side, table[:, :3], table[:, 3:])


def to_colored_cloud(message: PointCloud2) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3) [m] and colours (N, 3) uint8, by height where the cloud has none."""
    points_m, colors = from_cloud(message), colors_of(message)
    if colors is None or len(colors) != len(points_m):
        colors = height_colors(points_m[:, 2])
    return points_m, colors


def to_chosen_grasp(message: Grasp) -> ChosenGrasp:
    """The grasp that the planner chose."""
    numbers = (message.width, message.force, message.predicted_success)
    width_m, force_n, success = finite_floats(numbers, 'grasp').tolist()
    T_world_grasp = from_pose(message.pose, 'grasp pose')
    return ChosenGrasp(message.object_id, T_world_grasp, width_m, force_n, success)


def to_path(message: MarkerArray) -> tuple[PathSegment, ...]:
    """The line strips of a path; none where it was wiped off."""
    strips = [m for m in message.markers if m.action == Marker.ADD and len(m.points) > 1]
    return tuple(
        PathSegment(
            np.array([from_xyz(point, 'path point') for point in strip.points]),
            tuple(round(255 * c) for c in (strip.color.r, strip.color.g, strip.color.b)),
        )
        for strip in strips
    )


def to_node_times(node: str, message: StageTimes) -> NodeTimes:
    """One node's processing times."""
    if len(message.stages) != len(message.milliseconds):
        raise BadInputError(
            f'{node} times: got {len(message.stages)} stages and {len(message.milliseconds)}'
            ' figures, expected as many of each'
        )
    stages_ms = tuple(zip(message.stages, message.milliseconds, strict=True))
    # only the world model's figure is the time from the sensor to the page's picture of the world
    latency_ms = message.latency_milliseconds if node == 'world_model' else None
    return NodeTimes(node, latency_ms, stages_ms)


def to_health_line(status: DiagnosticStatus) -> HealthLine:
    """One line of /diagnostics."""
    return HealthLine(int.from_bytes(status.level, 'little'), status.name, status.message)


def to_outcome_line(result: Pick.Result) -> tuple[bool, str]:
    """Whether a pick succeeded, and one line about it."""
    succeeded = result.outcome == Pick.Result.SUCCESS
    target = f'#{result.object_id} ' if result.grasp.width > 0 else ''
    if succeeded:
        seconds = result.plan_seconds + result.execution_seconds
        return True, f'{target}picked in {seconds:.1f} s'
    outcome = OUTCOMES.get(result.outcome, f'outcome {result.outcome}')
    return False, f'{target}{outcome}: {result.reason}'


def to_progress(feedback: Pick.Feedback) -> tuple[str, int | None, float | None]:
    """Phase, object and predicted success; the latter two are None until a grasp is chosen."""
    if feedback.grasp.width <= 0.0:
        return feedback.phase, None, None
    return feedback.phase, feedback.object_id, feedback.predicted_success


@dataclass(frozen=True)
class PageStream:
    """What arrives on a topic, and how it becomes what the painter takes."""

    kind: type
    convert: Callable[[Any], Any]


def to_camera(message: CameraInfo) -> tuple[str, np.ndarray, tuple[int, int]]:
    """Optical frame, intrinsics (3, 3) and picture size (H, W)."""
    K = from_camera_info(message)
    return message.header.frame_id, K, (message.height, message.width)


STREAMS = {
    'joint_states': PageStream(JointState, from_joint_state),
    'camera/camera_info': PageStream(CameraInfo, to_camera),
    'camera/color/image_raw': PageStream(Image, from_color_image),
    'lidar/points': PageStream(PointCloud2, lambda _: None),  # its points are in the fused cloud
    'tactile/left': PageStream(PointCloud2, partial(to_tactile, side='left')),
    'tactile/right': PageStream(PointCloud2, partial(to_tactile, side='right')),
    'world_model/cloud': PageStream(PointCloud2, to_colored_cloud),
    'world_model/contacts': PageStream(PointCloud2, from_contacts),
    'world_model/objects': PageStream(ObjectStateArray, lambda m: from_object_states(m).objects),
    'world_model/predictions': PageStream(PredictionArray, from_predictions),
    'planner/grasp': PageStream(Grasp, to_chosen_grasp),
    'planner/path': PageStream(MarkerArray, to_path),
    **{
        f'{node}/processing_time': PageStream(StageTimes, partial(to_node_times, node))
        for node in ('world_model', 'planner', 'simulation')
    },
}


def to_goal(object_id: int | None) -> Pick.Goal:
    """Pick this object, or any where None."""
    if object_id is None:
        return Pick.Goal(target=Pick.Goal.TARGET_ANY)
    return Pick.Goal(target=Pick.Goal.TARGET_ID, object_id=object_id)


def to_push(position_m: np.ndarray, impulse_ns: np.ndarray) -> PushObject.Request:
    """Hit the object nearest to a point (3,) [m] with an impulse (3,) [N s]."""
    return PushObject.Request(point=to_point(position_m), impulse=to_vector(impulse_ns))


def to_throw(start_m: np.ndarray, velocity_mps: np.ndarray) -> SpawnObject.Request:
    """The scene's next object at a point (3,) [m] with a velocity (3,) [m/s]."""
    request = SpawnObject.Request(pose=Pose(position=to_point(start_m)))
    request.twist.linear = to_vector(velocity_mps)
    return request


def to_reset(seed: int) -> ResetScene.Request:
    """The same kind of scene with another seed; negative: the next one."""
    return ResetScene.Request(seed=seed)
