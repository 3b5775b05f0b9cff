"""How far tracked objects are from the true ones: place, motion, shape, and honesty about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from sakiyomi.geometry import rotation_angle, transform_points
from sakiyomi.scene import ObjectState, Scene
from sakiyomi_evaluation.closed_loop.ground_truth import GroundTruth
from sakiyomi_evaluation.perception.hota import TrackingFrame, center_similarity

TURNING_RADPS = 0.5
CHI2_90_3DOF = 6.251  # the 90 % quantile of chi-squared with three degrees of freedom
MOVING_MPS = 0.05
SURFACE_SAMPLES = 300


@dataclass(frozen=True)
class RotationError:
    """How well a track has followed the rotation since its object was first seen."""

    true_rad: float  # how far the object has turned
    error_rad: float
    surface_mm: float  # mean distance of the carried surface to the true one: symmetry is no error


class RotationTracker:
    """Remembers how each track and its object lay when they first went together."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, int], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def error(self, state: ObjectState, truth: GroundTruth, row: int) -> RotationError:
        """Of one state against one true object, about the object's centre.

        The surface's distance is ADD-S (Xiang et al., PoseCNN, RSS 2018), without the translation.
        """
        R, R_true = state.T_world_object[:3, :3], truth.T_world_object[row, :3, :3]
        surface = truth.surfaces_m[row, :: len(truth.surfaces_m[row]) // SURFACE_SAMPLES]
        surface = surface - truth.centers_m[row]
        key = truth.names[row], state.id
        R_0, R_true_0, surface_0 = self._first.setdefault(key, (R, R_true, surface))
        tracked_rotation, true_rotation = R @ R_0.T, R_true @ R_true_0.T
        gap, _ = cKDTree(truth.surfaces_m[row] - truth.centers_m[row]).query(
            surface_0 @ tracked_rotation.T
        )
        return RotationError(
            rotation_angle(true_rotation),
            rotation_angle(tracked_rotation.T @ true_rotation),
            1e3 * float(np.mean(gap)),
        )


@dataclass(frozen=True)
class StateError:
    """One tracked object beside the true one that it is matched with."""

    center_mm: float
    linear_mps: float
    angular_radps: float
    moving: bool
    in_ellipsoid_90: bool
    rotation: RotationError | None = None
    chamfer_mm: tuple[float, float] | None = None  # points to surface, surface to points


def matched_states(
    scene: Scene, truth: GroundTruth, counted: np.ndarray
) -> list[tuple[int, ObjectState]]:
    """Pairs (row of the truth, state) of least distance, none farther apart than 5 cm."""
    similarity = center_similarity(truth.centers_m, _centers(scene))
    similarity[~counted] = 0.0
    rows, columns = linear_sum_assignment(-similarity)
    return [
        (int(r), scene.objects[c])
        for r, c in zip(rows, columns, strict=True)
        if similarity[r, c] > 0.0
    ]


def state_error(
    state: ObjectState,
    truth: GroundTruth,
    row: int,
    shape: bool = False,
    rotation_tracker: RotationTracker | None = None,
) -> StateError:
    """Errors of one state; with `shape` Chamfer distances too, and the error of rotation."""
    gap = state.T_world_object[:3, 3] - truth.centers_m[row]
    twist_gap = state.twist - truth.twists[row]
    chamfer = None
    if shape and len(state.points_m):
        surface = transform_points(state.T_world_object, state.points_m)
        there, back = truth.chamfer_m(row, surface)
        chamfer = (1e3 * there, 1e3 * back)
    return StateError(
        center_mm=1e3 * float(np.linalg.norm(gap)),
        linear_mps=float(np.linalg.norm(twist_gap[:3])),
        angular_radps=float(np.linalg.norm(twist_gap[3:])),
        moving=_moves(truth.twists[row]),
        in_ellipsoid_90=in_ellipsoid_90(state, truth.centers_m[row]),
        rotation=None if rotation_tracker is None else rotation_tracker.error(state, truth, row),
        chamfer_mm=chamfer,
    )


def in_ellipsoid_90(state: ObjectState, center_m: np.ndarray) -> bool:
    """Whether the true centre (3,) lies where the covariance says that it does in 90 %."""
    gap = state.T_world_object[:3, 3] - center_m
    return bool(gap @ np.linalg.solve(state.pose_covariance[:3, :3], gap) < CHI2_90_3DOF)


def _moves(twist: np.ndarray) -> bool:
    """Whether a true twist (6,) is motion: of the centre, or about it."""
    speed, turn = np.linalg.norm(twist[:3]), np.linalg.norm(twist[3:])
    return bool(speed > MOVING_MPS or turn > TURNING_RADPS)


def tracking_frame(scene: Scene, truth: GroundTruth, counted: np.ndarray) -> TrackingFrame:
    """What HOTA needs of one instant; tracks of objects that do not count are left out."""
    similarity = center_similarity(truth.centers_m, _centers(scene))
    if len(similarity):
        nearest = similarity.argmax(axis=0) if similarity.size else np.zeros(0, int)
        kept = counted[nearest] | (similarity.max(axis=0, initial=0.0) <= 0.0)
    else:
        kept = np.ones(len(scene.objects), bool)
    return TrackingFrame(
        truths=tuple(np.flatnonzero(counted).tolist()),
        tracks=tuple(o.id for o, keep in zip(scene.objects, kept, strict=True) if keep),
        similarity=similarity[counted][:, kept],
    )


def _centers(scene: Scene) -> np.ndarray:
    return np.array([o.T_world_object[:3, 3] for o in scene.objects]).reshape(-1, 3)
