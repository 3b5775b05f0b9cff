"""Goals, results, grasps and paths of the planner as messages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from geometry_msgs.msg import PointStamped, PoseStamped, Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from planner_node.grasping.grasp import Grasp
from planner_node.pick_job import PickJob
from planner_node.pick_plan import PickPlan
from sakiyomi.errors import BadInputError
from sakiyomi.pick_request import PickRequest
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.sensing import TactileReading
from sakiyomi_interfaces import msg
from sakiyomi_interfaces.action import Pick
from sakiyomi_ros.messages.conversions import (
    from_pose,
    from_stamp,
    from_xyz,
    header,
    to_point,
    to_pose,
    to_stamp,
)
from sakiyomi_ros.messages.point_clouds import from_cloud

WORLD_FRAMES = ('', 'world')  # names of the frame that everything is planned in
PATH_COLORS = {'reach': (0.20, 0.55, 0.95), 'lift': (0.95, 0.60, 0.15), 'back': (0.60, 0.60, 0.60)}
PATH_WIDTH_M = 0.006
_TARGETS = {
    Pick.Goal.TARGET_ANY: 'any',
    Pick.Goal.TARGET_ID: 'id',
    Pick.Goal.TARGET_POINT: 'point',
}


def to_request(
    goal: Pick.Goal, base_link: str, exclude: frozenset[int] = frozenset()
) -> PickRequest:
    """What a goal asks for.

    Args:
        goal: of the action.
        base_link: link that the arm stands on, another name of the world frame.
        exclude: objects that are not to be picked.

    Raises:
        BadInputError: an unknown kind of target, a frame that is not the world, a number that is
            not finite, or a negative force.
    """
    if goal.target not in _TARGETS:
        raise BadInputError(f'target: got {goal.target}, expected one of {sorted(_TARGETS)}')
    target = _TARGETS[goal.target]
    if not 0.0 <= goal.force_limit < float('inf'):
        raise BadInputError(f'force_limit: got {goal.force_limit} N, expected 0 or more')
    point_m = T_world_place = None
    if target == 'point':
        _require_world(goal.point, base_link, 'point')
        point_m = from_xyz(goal.point.point, 'point')
    if goal.use_place_pose:
        _require_world(goal.place_pose, base_link, 'place_pose')
        T_world_place = from_pose(goal.place_pose.pose, 'place_pose')
    return PickRequest(target, goal.object_id, point_m, goal.force_limit, T_world_place, exclude)


def _require_world(message: PointStamped | PoseStamped, base_link: str, what: str) -> None:
    frame = message.header.frame_id
    if frame not in (*WORLD_FRAMES, base_link):
        raise BadInputError(f'{what}: got frame {frame!r}, expected the world frame')


def to_result(job: PickJob, stamp_s: float) -> Pick.Result:
    """How a pick ended."""
    result = Pick.Result(
        outcome=getattr(Pick.Result, job.outcome.upper()),
        reason=job.reason,
        plan_seconds=job.plan_s,
        execution_seconds=job.execution_s,
    )
    if job.grasp is not None:
        result.object_id = job.grasp.object_id
        result.grasp = to_grasp(job.grasp, stamp_s)
    return result


def to_feedback(job: PickJob, stamp_s: float) -> Pick.Feedback:
    """How far a pick is."""
    feedback = Pick.Feedback(phase=job.phase)
    if job.grasp is not None:
        feedback.object_id = job.grasp.object_id
        feedback.predicted_success = job.grasp.predicted_success
        feedback.grasp = to_grasp(job.grasp, stamp_s)
    return feedback


def to_heartbeat(stamp_s: float, commands: int, phase: str, scene_stamp_s: float) -> msg.Heartbeat:
    """The planner lives, and has acted on this much."""
    return msg.Heartbeat(
        header=header(stamp_s, ''),
        commands=commands,
        phase=phase,
        scene=to_stamp(scene_stamp_s),
    )


def to_grasp(grasp: Grasp, stamp_s: float) -> msg.Grasp:
    """The chosen grasp in the world frame."""
    return msg.Grasp(
        header=header(stamp_s, 'world'),
        object_id=grasp.object_id,
        pose=to_pose(grasp.T_world_grasp),
        width=float(grasp.opening_m),
        force=float(grasp.force_n),
        predicted_success=float(grasp.predicted_success),
    )


def to_path(plan: PickPlan, robot: RobotModel, stamp_s: float) -> MarkerArray:
    """The way of the grasp frame as line strips: to the object, with it, and back."""
    parts = {
        'reach': np.concatenate([plan['reach'].q, plan['approach'].q]),
        'lift': np.concatenate([plan['lift'].q, plan['carry'].q]),
        'back': plan['retreat'].q,
    }
    return MarkerArray(markers=list(_strips(parts, robot, stamp_s)))


def _strips(parts: dict[str, np.ndarray], robot: RobotModel, stamp_s: float) -> Iterator[Marker]:
    for i, (name, q) in enumerate(parts.items()):
        red, green, blue = PATH_COLORS[name]
        marker = Marker(
            header=header(stamp_s, 'world'), ns=f'path_{name}', id=i, type=Marker.LINE_STRIP
        )
        marker.scale = Vector3(x=PATH_WIDTH_M)
        marker.color = ColorRGBA(r=red, g=green, b=blue, a=0.9)
        marker.pose.orientation.w = 1.0
        marker.points = [to_point(xyz) for xyz in robot.grasp_pose(q)[:, :3, 3]]
        yield marker


def cleared_path(stamp_s: float) -> MarkerArray:
    """Wipes the path off."""
    marker = Marker(header=header(stamp_s, 'world'), action=Marker.DELETEALL)
    return MarkerArray(markers=[marker])


def from_tactile(message, side: str) -> TactileReading:
    """The taxels of one pad.

    Raises:
        BadInputError: fields are missing or sizes do not fit.
    """
    table = from_cloud(message, ('x', 'y', 'z', 'fx', 'fy', 'fz'))
    return TactileReading(from_stamp(message.header.stamp), side, table[:, :3], table[:, 3:])
