"""How far tracked objects are from the true ones: place, motion, shape, and honesty about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from sakiyomi.geometry import transform_points
from sakiyomi.scene import ObjectState, Scene
from sakiyomi_evaluation.hota import TrackingFrame, center_similarity
from sakiyomi_evaluation.truth import Truth

CHI2_3_90 = 6.251  # the 90 % quantile of chi-squared with three degrees of freedom
MOVING_MPS = 0.05


@dataclass(frozen=True)
class StateError:
    """One tracked object beside the true one that it is matched with."""

    center_mm: float
    linear_mps: float
    angular_radps: float
    moving: bool
    in_ellipsoid_90: bool
    chamfer_mm: tuple[float, float] | None = None  # points to surface, surface to points


def matched_states(
    scene: Scene, truth: Truth, counted: np.ndarray
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


def state_error(state: ObjectState, truth: Truth, row: int, shape: bool = False) -> StateError:
    """Errors of one state; with `shape` also the Chamfer distances, which take a while."""
    gap = state.T_world_object[:3, 3] - truth.centers_m[row]
    twist_gap = state.twist - truth.twists[row]
    spread = gap @ np.linalg.solve(state.pose_covariance[:3, :3], gap)
    chamfer = None
    if shape and len(state.points_m):
        surface = transform_points(state.T_world_object, state.points_m)
        there, back = truth.chamfer_m(row, surface)
        chamfer = (1e3 * there, 1e3 * back)
    return StateError(
        center_mm=1e3 * float(np.linalg.norm(gap)),
        linear_mps=float(np.linalg.norm(twist_gap[:3])),
        angular_radps=float(np.linalg.norm(twist_gap[3:])),
        moving=bool(np.linalg.norm(truth.twists[row, :3]) > MOVING_MPS),
        in_ellipsoid_90=bool(spread < CHI2_3_90),
        chamfer_mm=chamfer,
    )


def tracking_frame(scene: Scene, truth: Truth, counted: np.ndarray) -> TrackingFrame:
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
