"""Predicted motion: fading copies of each moving object with ellipsoids of their uncertainty."""

from __future__ import annotations

import numpy as np
import trimesh
import viser
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import transform_points
from sakiyomi.scene import ObjectState, Prediction
from viewer_node.theme import BACKGROUND_BOTTOM, color_of_id

SIGMAS = 2.0  # semi-axes of the ellipsoids, in standard deviations
MIN_AXIS_M, MAX_AXIS_M = 0.001, 0.5
POINT_SIZE_M = 0.002


class GhostsLayer:
    """Redraws all ghosts in three nodes: one cloud, one set of ellipsoids, one set of lines."""

    def __init__(
        self, scene: viser.SceneApi, stride: int, points_per_ghost: int, min_motion_m: float
    ):
        self._scene = scene
        self._stride = stride
        self._points_per_ghost = points_per_ghost
        self._min_motion_m = min_motion_m
        self._group = scene.add_frame('/predictions/moving', show_axes=False)
        self._sphere = trimesh.creation.icosphere(2)

    def show(self, predictions: tuple[Prediction, ...], objects: tuple[ObjectState, ...]) -> None:
        """Draw the predictions of the objects that will move; the others stay uncluttered."""
        states = {state.id: state for state in objects}
        moving = [
            (prediction, states[prediction.object_id])
            for prediction in predictions
            if prediction.object_id in states and motion_m(prediction) > self._min_motion_m
        ]
        if moving:
            self._draw_points(moving)
            self._draw_ellipsoids(moving)
            self._draw_lines(moving)
        self._group.visible = bool(moving)

    def _draw_points(self, moving: list[tuple[Prediction, ObjectState]]) -> None:
        points, colors = [], []
        for prediction, state in moving:
            own = _subsample(state.points_m, self._points_per_ghost)
            for step in self._steps(prediction):
                points.append(transform_points(prediction.T_world_object[step], own))
                color = faded(color_of_id(state.id), step / len(prediction.stamps_s))
                colors.append(np.tile(np.array(color, np.uint8), (len(own), 1)))
        self._scene.add_point_cloud(
            '/predictions/moving/ghosts',
            np.concatenate(points).astype(np.float32),
            np.concatenate(colors),
            point_size=POINT_SIZE_M,
            point_shape='circle',
        )

    def _draw_ellipsoids(self, moving: list[tuple[Prediction, ObjectState]]) -> None:
        positions, rotations, axes, colors, opacities = [], [], [], [], []
        for prediction, state in moving:
            for step in self._steps(prediction):
                semi_axes, R = ellipsoid(prediction.pose_covariance[step, :3, :3])
                positions.append(prediction.T_world_object[step, :3, 3])
                rotations.append(np.roll(Rotation.from_matrix(R).as_quat(), 1))
                axes.append(semi_axes)
                colors.append(lightened(color_of_id(state.id)))
                opacities.append(0.30 * (1 - 0.5 * step / len(prediction.stamps_s)))
        self._scene.add_batched_meshes_simple(
            '/predictions/moving/uncertainty',
            self._sphere.vertices,
            self._sphere.faces,
            np.array(rotations),
            np.array(positions),
            batched_scales=np.array(axes),
            batched_colors=np.array(colors, np.uint8),
            batched_opacities=np.array(opacities),
            lod='off',
            cast_shadow=False,
            receive_shadow=False,
        )

    def _draw_lines(self, moving: list[tuple[Prediction, ObjectState]]) -> None:
        segments, colors = [], []
        for prediction, state in moving:
            centers = np.vstack(
                [state.T_world_object[None, :3, 3], prediction.T_world_object[:, :3, 3]]
            )
            segments.append(np.stack([centers[:-1], centers[1:]], axis=1))
            fade = [faded(color_of_id(state.id), s) for s in np.linspace(0, 1, len(centers))]
            colors.append(np.stack([fade[:-1], fade[1:]], axis=1))
        self._scene.add_line_segments(
            '/predictions/moving/lines',
            np.concatenate(segments).astype(np.float32),
            np.concatenate(colors).astype(np.uint8),
            thickness=3.0,
            thickness_units='screen',
        )

    def _steps(self, prediction: Prediction) -> range:
        return range(self._stride - 1, len(prediction.stamps_s), self._stride)


def ellipsoid(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Semi-axes (3,) [m] of the 2-sigma ellipsoid and the rotation (3, 3) of its axes."""
    variances, R = np.linalg.eigh((covariance + covariance.T) / 2)
    if np.linalg.det(R) < 0:
        R = R * np.array([1.0, 1.0, -1.0])
    semi_axes = SIGMAS * np.sqrt(np.maximum(variances, 0.0))
    return np.clip(semi_axes, MIN_AXIS_M, MAX_AXIS_M), R


def motion_m(prediction: Prediction) -> float:
    """How far the object's origin strays from its first predicted place [m]."""
    positions = prediction.T_world_object[:, :3, 3]
    return float(np.linalg.norm(positions - positions[0], axis=1).max(initial=0.0))


def faded(color: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    """The colour gone towards the background by `share` of the way, never quite there."""
    share = 0.55 * min(max(share, 0.0), 1.0)
    r, g, b = (
        round((1 - share) * x + share * y) for x, y in zip(color, BACKGROUND_BOTTOM, strict=True)
    )
    return r, g, b


def lightened(color: tuple[int, int, int]) -> tuple[int, int, int]:
    """Half way to white."""
    r, g, b = ((channel + 255) // 2 for channel in color)
    return r, g, b


def _subsample(points: np.ndarray, count: int) -> np.ndarray:
    return points[:: max(1, -(-len(points) // count))]
