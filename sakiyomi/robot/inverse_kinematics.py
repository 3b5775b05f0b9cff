"""Inverse kinematics by damped least squares over a batch of targets and starting points.

Source: Sugihara, Solvability-unconcerned inverse kinematics by the Levenberg-Marquardt method,
IEEE T-RO 27(5), 2011 (damping in proportion to the squared error). Each step is the smallest one,
so a redundant arm stays close to where it started.
"""

from __future__ import annotations

import numpy as np

from sakiyomi.robot.kinematic_chain import KinematicChain

POSITION_TOLERANCE_M = 2e-5
ROTATION_TOLERANCE_RAD = 2e-4
ROTATION_WEIGHT_M = 0.3  # metres of position error that one radian weighs
MAX_STEP_RAD = 0.6


def solve(
    chain: KinematicChain,
    T_base_tip: np.ndarray,
    q_start: np.ndarray,
    q_lower: np.ndarray,
    q_upper: np.ndarray,
    iterations: int = 30,
) -> tuple[np.ndarray, np.ndarray]:
    """Move every row of `q_start` until its tip is at its target.

    Args:
        chain: the arm.
        T_base_tip: targets. Shape (B, 4, 4).
        q_start: starting points [rad]. Shape (B, n).
        q_lower: lower joint limits [rad]. Shape (n,).
        q_upper: upper joint limits [rad]. Shape (n,).
        iterations: bound on the number of steps.

    Returns:
        q: joint angles [rad], meaningful where `converged`. Shape (B, n).
        converged: within tolerance and limits. Shape (B,).
    """
    q = np.clip(q_start, q_lower, q_upper)
    converged = np.zeros(len(q), dtype=bool)
    active = np.arange(len(q))
    for _ in range(iterations):
        T, J = chain.forward_and_jacobian(q[active])
        error = pose_error(T_base_tip[active], T)  # (B, 6)
        done = _within_tolerance(error)
        converged[active[done]] = True
        active, J, error = active[~done], J[~done], error[~done]
        if not len(active):
            break
        q[active] = np.clip(q[active] + _damped_step(J, error), q_lower, q_upper)
    return q, converged


def pose_error(T_target: np.ndarray, T: np.ndarray) -> np.ndarray:
    """Translation [m] and rotation vector [rad] from `T` to `T_target`. Shape (B, 6)."""
    R = T_target[:, :3, :3] @ np.swapaxes(T[:, :3, :3], 1, 2)
    w = 0.5 * np.stack(
        [R[:, 2, 1] - R[:, 1, 2], R[:, 0, 2] - R[:, 2, 0], R[:, 1, 0] - R[:, 0, 1]], axis=1
    )
    sine = np.sqrt((w * w).sum(axis=1))
    cosine = 0.5 * (R[:, 0, 0] + R[:, 1, 1] + R[:, 2, 2] - 1.0)
    scale = np.where(sine > 1e-9, np.arctan2(sine, cosine) / np.maximum(sine, 1e-9), 1.0)
    return np.concatenate([T_target[:, :3, 3] - T[:, :3, 3], scale[:, None] * w], axis=1)


def _within_tolerance(error: np.ndarray) -> np.ndarray:
    position = (error[:, :3] ** 2).sum(axis=1) < POSITION_TOLERANCE_M**2
    return position & ((error[:, 3:] ** 2).sum(axis=1) < ROTATION_TOLERANCE_RAD**2)


def _damped_step(J: np.ndarray, error: np.ndarray) -> np.ndarray:
    """The smallest step that reaches for the error: J^T (J J^T + damping)^-1 e. Shape (B, n)."""
    weight = np.array([1.0, 1.0, 1.0] + 3 * [ROTATION_WEIGHT_M])
    J, error = J * weight[:, None], error * weight
    damping = 0.02 * (error * error).sum(axis=1) + 1e-8
    J_t = np.swapaxes(J, 1, 2)
    A = J @ J_t + damping[:, None, None] * np.eye(6)
    step = (J_t @ np.linalg.solve(A, error[..., None]))[..., 0]
    largest = np.abs(step).max(axis=1, keepdims=True)
    return step * np.minimum(1.0, MAX_STEP_RAD / np.maximum(largest, 1e-12))
