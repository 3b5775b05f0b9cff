"""Scenes, predictions and hand motions between messages and the core's types, both ways."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

import numpy as np
from geometry_msgs.msg import PoseWithCovariance, TwistWithCovariance
from sensor_msgs.msg import PointCloud2

from sakiyomi.errors import BadInputError
from sakiyomi.scene import (
    ContactPoints,
    Gaussian,
    HandMotion,
    HiddenProperties,
    ObjectState,
    Prediction,
    Scene,
)
from sakiyomi_interfaces import msg
from sakiyomi_ros.messages.conversions import (
    covariance,
    finite_floats,
    from_duration,
    from_pose,
    from_stamp,
    from_twist,
    from_xyz,
    header,
    to_duration,
    to_point,
    to_pose_with_covariance,
    to_poses,
    to_poses_with_covariance,
    to_stamp,
    to_twist_with_covariance,
)
from sakiyomi_ros.messages.point_clouds import (
    colors_of,
    from_cloud,
    has_field,
    to_cloud,
    to_xyz_cloud,
)

WORLD = 'world'
CLOUD_FIELDS = ('x', 'y', 'z', 'normal_x', 'normal_y', 'normal_z')
CONTACT_FIELDS = (*CLOUD_FIELDS, 'fx', 'fy', 'fz', 'object_id', 'source')
GREY = 128


def object_frame(object_id: int) -> str:
    """The name of an object's own frame."""
    return f'object_{object_id}'


def to_object_states(scene: Scene, frame_id: str = WORLD) -> msg.ObjectStateArray:
    """Every object of a scene; its cloud travels on a topic of its own."""
    return msg.ObjectStateArray(
        header=header(scene.stamp_s, frame_id),
        objects=[to_object_state(state, frame_id) for state in scene.objects],
        table_height=float(scene.table_height_m),
        stale_modalities=list(scene.stale),
    )


def to_scene_cloud(scene: Scene, frame_id: str = WORLD) -> PointCloud2:
    """The fused cloud with its normals as the fields that PCL names."""
    columns = np.concatenate([scene.cloud_m, scene.normals], axis=1).T
    return to_cloud(dict(zip(CLOUD_FIELDS, columns, strict=True)), scene.stamp_s, frame_id)


def to_contacts(scene: Scene, frame_id: str = WORLD) -> PointCloud2:
    """Where the robot is touched, with the force on it and the object there (-1: none known)."""
    contacts = scene.contacts
    table = np.column_stack([getattr(contacts, field.name) for field in fields(contacts)])
    return to_cloud(dict(zip(CONTACT_FIELDS, table.T, strict=True)), scene.stamp_s, frame_id)


def from_contacts(message: PointCloud2) -> ContactPoints:
    """Where the robot is touched.

    Raises:
        BadInputError: the cloud is malformed.
    """
    table = from_cloud(message, CONTACT_FIELDS)
    ids, sources = table[:, 9:].astype(int).T
    return ContactPoints(table[:, :3], table[:, 3:6], table[:, 6:9], ids, sources)


def from_object_states(message: msg.ObjectStateArray, cloud: PointCloud2 | None = None) -> Scene:
    """A scene, with the fused cloud of the same instant if there is one.

    Raises:
        BadInputError: an object or the cloud is malformed.
    """
    table = np.empty((0, 6), np.float32) if cloud is None else from_cloud(cloud, CLOUD_FIELDS)
    return Scene(
        stamp_s=from_stamp(message.header.stamp),
        objects=tuple(from_object_state(state) for state in message.objects),
        cloud_m=table[:, :3],
        table_height_m=message.table_height,
        stale=tuple(message.stale_modalities),
        normals=table[:, 3:],
    )


def to_object_state(state: ObjectState, frame_id: str = WORLD) -> msg.ObjectState:
    """One object."""
    return msg.ObjectState(
        header=header(state.stamp_s, frame_id),
        id=int(state.id),
        pose=to_pose_with_covariance(state.T_world_object, state.pose_covariance),
        twist=to_twist_with_covariance(state.twist, state.twist_covariance),
        points=_to_points(state),
        properties=_to_properties(state.properties),
        visible=bool(state.visible),
        held=bool(state.held),
        slip_probability=float(state.slip_probability),
        surprise=float(state.surprise),
    )


def from_object_state(message: msg.ObjectState) -> ObjectState:
    """One object.

    Raises:
        BadInputError: its pose, twist or points are malformed.
    """
    what = object_frame(message.id)
    points_m = from_cloud(message.points)
    colors = colors_of(message.points)
    if colors is None or len(colors) != len(points_m):
        colors = np.full((len(points_m), 3), GREY, np.uint8)
    return ObjectState(
        id=message.id,
        stamp_s=from_stamp(message.header.stamp),
        T_world_object=from_pose(message.pose.pose, what),
        pose_covariance=covariance(message.pose),
        twist=from_twist(message.twist.twist, what),
        twist_covariance=covariance(message.twist),
        points_m=points_m,
        colors=colors,
        properties=_from_properties(message.properties),
        visible=message.visible,
        held=message.held,
        completed=_completed(message.points, len(points_m)),
        slip_probability=float(finite_floats([message.slip_probability], what)[0]),
        surprise=float(finite_floats([message.surprise], what)[0]),
    )


def to_predictions(
    predictions: Iterable[Prediction], stamp_s: float, model: str, frame_id: str = WORLD
) -> msg.PredictionArray:
    """The futures of all objects, said by `model`."""
    return msg.PredictionArray(
        header=header(stamp_s, frame_id),
        model=model,
        predictions=[_to_prediction(prediction) for prediction in predictions],
    )


def from_predictions(message: msg.PredictionArray) -> tuple[Prediction, ...]:
    """The futures of all objects.

    Raises:
        BadInputError: arrays of different lengths, or numbers that are not finite.
    """
    return tuple(_from_prediction(prediction) for prediction in message.predictions)


def to_hand_motion(motion: HandMotion, stamp_s: float, frame_id: str = WORLD) -> msg.HandMotion:
    """A candidate action."""
    return msg.HandMotion(
        header=header(stamp_s, frame_id),
        times=[to_duration(t) for t in motion.times_s.tolist()],
        grasp_poses=to_poses(motion.T_world_grasp),
        finger_width=np.asarray(motion.finger_width_m, dtype=float).tolist(),
        force_limit=float(motion.force_n),
    )


def from_hand_motion(message: msg.HandMotion) -> HandMotion:
    """A candidate action.

    Raises:
        BadInputError: empty, arrays of different lengths, or numbers that are not finite.
    """
    n = len(message.times)
    if n == 0 or len(message.grasp_poses) != n or len(message.finger_width) != n:
        raise BadInputError(
            f'hand motion: got {n} times, {len(message.grasp_poses)} poses and'
            f' {len(message.finger_width)} widths, expected as many of each and at least one'
        )
    times_s = np.array([from_duration(t) for t in message.times])
    if (np.diff(times_s) <= 0.0).any():
        raise BadInputError(f'hand motion times: got {times_s.tolist()}, expected increasing ones')
    return HandMotion(
        times_s=times_s,
        T_world_grasp=np.stack([from_pose(p, 'hand motion') for p in message.grasp_poses]),
        finger_width_m=finite_floats(message.finger_width, 'hand motion width'),
        force_n=float(finite_floats([message.force_limit], 'hand motion force')[0]),
    )


def _to_points(state: ObjectState) -> PointCloud2:
    extra = {'guessed': state.completed} if len(state.completed) else None
    return to_xyz_cloud(state.points_m, state.stamp_s, object_frame(state.id), state.colors, extra)


def _completed(cloud: PointCloud2, count: int) -> np.ndarray:
    """Which points are guesses, (N,) bool; empty where the cloud does not say."""
    if not has_field(cloud, 'guessed'):
        return np.zeros(0, bool)
    completed = from_cloud(cloud, ('guessed',))[:, 0] > 0.5
    return completed if len(completed) == count else np.zeros(0, bool)


def _to_prediction(prediction: Prediction) -> msg.ObjectPrediction:
    return msg.ObjectPrediction(
        object_id=int(prediction.object_id),
        stamps=[to_stamp(stamp_s) for stamp_s in prediction.stamps_s.tolist()],
        poses=to_poses_with_covariance(prediction.T_world_object, prediction.pose_covariance),
        twists=[
            to_twist_with_covariance(twist, c)
            for twist, c in zip(prediction.twist, prediction.twist_covariance, strict=True)
        ],
        held_probability=np.asarray(prediction.held_probability, dtype=float).tolist(),
        slip_probability=np.asarray(prediction.slip_probability, dtype=float).tolist(),
    )


def _from_prediction(message: msg.ObjectPrediction) -> Prediction:
    what = f'prediction of {object_frame(message.object_id)}'
    _check_lengths(message, what)
    return Prediction(
        object_id=message.object_id,
        stamps_s=np.array([from_stamp(stamp) for stamp in message.stamps]),
        T_world_object=np.array([from_pose(p.pose, what) for p in message.poses]),
        pose_covariance=_covariances(message.poses),
        twist=np.array([from_twist(t.twist, what) for t in message.twists]),
        twist_covariance=_covariances(message.twists),
        held_probability=finite_floats(message.held_probability, what),
        slip_probability=finite_floats(message.slip_probability, what),
    )


def _check_lengths(message: msg.ObjectPrediction, what: str) -> None:
    steps = len(message.stamps)
    for name in ('poses', 'twists', 'held_probability', 'slip_probability'):
        got = len(getattr(message, name))
        if got != steps or steps == 0:
            raise BadInputError(f'{what}: got {got} {name} for {steps} stamps, expected as many')


def _covariances(messages: list[PoseWithCovariance] | list[TwistWithCovariance]) -> np.ndarray:
    return np.array([message.covariance for message in messages]).reshape(-1, 6, 6)


def _to_properties(properties: HiddenProperties) -> msg.HiddenProperties:
    return msg.HiddenProperties(
        mass=float(properties.mass_kg.mean),
        mass_variance=float(properties.mass_kg.variance),
        friction=float(properties.friction.mean),
        friction_variance=float(properties.friction.variance),
        restitution=float(properties.restitution.mean),
        restitution_variance=float(properties.restitution.variance),
        center_of_mass=to_point(properties.center_of_mass_m),
        center_of_mass_covariance=np.asarray(
            properties.center_of_mass_covariance, dtype=float
        ).reshape(9),
    )


def _from_properties(message: msg.HiddenProperties) -> HiddenProperties:
    return HiddenProperties(
        mass_kg=Gaussian(message.mass, message.mass_variance),
        friction=Gaussian(message.friction, message.friction_variance),
        restitution=Gaussian(message.restitution, message.restitution_variance),
        center_of_mass_m=from_xyz(message.center_of_mass, 'center of mass'),
        center_of_mass_covariance=np.array(message.center_of_mass_covariance).reshape(3, 3),
    )
