"""Correction of a prediction by the grasp success classifier."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sakiyomi.scene import HandMotion, ObjectState, Prediction
from world_model_node.model.grasp_success.classifier import GraspSuccessClassifier
from world_model_node.model.grasp_success.grasp_attempt import closed_fraction, find_grasp_attempt


def apply_grasp_success(
    prediction: Prediction,
    motion: HandMotion,
    state: ObjectState,
    now_s: float,
    classifier: GraspSuccessClassifier,
) -> Prediction:
    """The prediction with the classifier's probability of holding as the fingers close.

    The position changes by the hand's lift times the change of that probability (law of total
    expectation); the covariance grows by the law of total variance.

    Args:
        prediction: Prediction of the rollout with convex bodies.
        motion: Motion of the hand.
        state: State of the object; held objects and objects without surface stay unchanged.
        now_s: Time at which the motion begins.
        classifier: Grasp success classifier.
    """
    attempt = find_grasp_attempt(motion)
    if attempt is None or state.held or not len(state.points_m):
        return prediction
    times_s = prediction.stamps_s - now_s
    fraction, imagined = closed_fraction(motion, times_s), prediction.held_probability
    held = imagined + fraction * (classifier.probability(attempt, state) - imagined)
    lift_m = _lift_m(motion, attempt.T_world_grasp, times_s)  # (H, 3)
    T, covariance = prediction.T_world_object.copy(), prediction.pose_covariance.copy()
    T[:, :3, 3] += (held - imagined)[:, None] * lift_m
    added = np.maximum(held * (1.0 - held) - imagined * (1.0 - imagined), 0.0)
    covariance[:, :3, :3] += added[:, None, None] * lift_m[:, :, None] * lift_m[:, None, :]
    return replace(prediction, T_world_object=T, pose_covariance=covariance, held_probability=held)


def _lift_m(motion: HandMotion, T_world_grasp: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Lift of the hand above its closing pose at times (T,) [s]. Shape (T, 3), at least 0."""
    z_m = np.interp(times_s, motion.times_s, motion.T_world_grasp[:, 2, 3])
    lift_m = np.zeros((len(times_s), 3))
    lift_m[:, 2] = np.maximum(z_m - T_world_grasp[2, 3], 0.0)
    return lift_m
