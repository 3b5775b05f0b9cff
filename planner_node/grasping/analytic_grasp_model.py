"""The success of a grasp as the share of sampled worlds in which the grasp holds.

The physical properties are sampled from the belief, the errors of hand and normals from their
uncertainty; closed-form contact mechanics evaluates every sample: both contacts inside their
friction cones (Nguyen, Constructing force-closure grasps, 1988), the pads' Coulomb force above the
weight under the lift's acceleration, and their soft-finger torsion above gravity's torque about
the closing axis (Howe and Cutkosky, Practical force-motion models for sliding manipulation, 1996).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit, logit, ndtr

from planner_node.config import GraspModelConfig
from planner_node.grasping.grasp import Grasp
from planner_node.grasping.outcome_model import Outcome
from sakiyomi.constants import GRAVITY_MPS2
from sakiyomi.scene import HiddenProperties, Scene


class AnalyticGraspModel:
    """Predicts the success of grasps from the belief about the object."""

    def __init__(self, config: GraspModelConfig):
        self.config = config
        rng = np.random.default_rng(config.seed)
        # every grasp gets the same standard-normal samples, so that two grasps compare fairly
        self._noise = rng.standard_normal((config.samples, 6))

    def evaluate(
        self, scene: Scene, candidates: Sequence[Grasp], force_limit_n: float = 0.0
    ) -> list[Outcome]:
        """One outcome per candidate; see `OutcomeModel`."""
        force_n = force_limit_n or self.config.force_n
        properties = {o.id: o.properties for o in scene.objects}
        return [
            Outcome(self._success_probability(g, properties[g.object_id], force_n), force_n)
            for g in candidates
        ]

    def _success_probability(
        self, grasp: Grasp, belief: HiddenProperties, force_n: float
    ) -> float:
        c, f, n = self.config, grasp.features, self._noise
        mass = np.maximum(_sampled(belief.mass_kg, n[:, 0]), 0.005)
        friction = np.maximum(_sampled(belief.friction, n[:, 1]), 0.05)
        cone = np.arctan(friction)
        tilts = [
            np.abs(np.arccos(np.clip(a, -1, 1)) + c.angle_sigma_rad * n[:, 2 + i])
            for i, a in enumerate(f.alignment)
        ]
        in_cones = (tilts[0] < cone) & (tilts[1] < cone)
        load = mass * (GRAVITY_MPS2 + c.lift_acceleration_mps2)
        no_slide = 2 * friction * force_n > load
        lever = np.abs(f.lever_m + c.position_sigma_m * n[:, 4])
        no_twist = 2 * friction * force_n * c.pad_radius_m > load * lever
        held = np.where(no_twist, 1.0, 0.6) * (in_cones & no_slide)
        return self._calibrated(float(held.mean()) * self._approach_probability(grasp))

    def _calibrated(self, share: float) -> float:
        """The share of worlds as a frequency of real outcomes (Platt scaling, Platt 1999)."""
        share = min(max(share, 1e-3), 1.0 - 1e-3)
        c = self.config
        return float(expit(c.calibration_offset + c.calibration_slope * logit(share)))

    def _approach_probability(self, grasp: Grasp) -> float:
        """The probability that the fingers come down beside the object and not on it."""
        c, f = self.config, grasp.features
        clear = ndtr(f.clearance_m / max(c.position_sigma_m, 1e-6))
        wrapped = ndtr((f.finger_overlap_m - 0.006) / 0.004)
        alone = 0.5 ** min(f.foreign_points / 5.0, 4.0)
        free = 0.6 + 0.4 * np.exp(-f.near_collision_points / 4.0)
        seen = min(1.0, 0.6 + 0.1 * min(f.contact_points))
        return float(clear * free * wrapped * alone * seen)


def _sampled(estimate, noise: np.ndarray) -> np.ndarray:
    return estimate.mean + np.sqrt(estimate.variance) * noise
