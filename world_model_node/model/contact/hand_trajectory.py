"""The hand's trajectory at every substep, and one row of the trajectory for every body."""

from __future__ import annotations

import torch
from torch import Tensor

from world_model_node.model.algebra.quaternions import QuaternionMaps
from world_model_node.model.algebra.vectors import cross
from world_model_node.model.contact.hand_contact import HandKinematics
from world_model_node.model.dimensions import NUM_STEPS, STEP_S

ROW_SIZES = (3, 3, 3, 3, 3, 3, 1, 1, 1)  # sizes of the fields of `HandKinematics`
WIDTH_ROW = 18  # row of the opening


def interpolate_hand(action: Tensor, substeps: int, quaternion_maps: QuaternionMaps) -> Tensor:
    """The hand at the end of every substep, interpolated linearly between the given poses.

    The result (T, C, A) holds the stacked fields of `HandKinematics` of A = E * B motions.

    Args:
        action: Hand motions. Shape (E, B, H + 1, ACTION_SIZE).
        substeps: Number of substeps of each of the H steps.
        quaternion_maps: Maps from quaternions to matrices.
    """
    A = action.shape[0] * action.shape[1]
    rows = action.reshape(A, NUM_STEPS + 1, -1).permute(1, 2, 0)  # (H + 1, ACTION_SIZE, A)
    before, after = rows[:-1], rows[1:]
    q0, q1 = before[:, 3:7], after[:, 3:7]
    q1 = q1 * (q0 * q1).sum(1, keepdim=True).sign()
    share = (torch.arange(substeps) + 1.0).to(action) / substeps
    share = share.reshape(1, -1, 1, 1)
    q = q0.unsqueeze(1) + share * (q1 - q0).unsqueeze(1)  # (H, S, 4, A)
    q = q / q.norm(dim=2, keepdim=True)
    T = NUM_STEPS * substeps
    interpolated = before.unsqueeze(1) + share * (after - before).unsqueeze(1)
    interpolated = interpolated.reshape(T, -1, A)
    velocity = _repeat_per_substep((after - before)[:, :3] / STEP_S, substeps)
    spin = _repeat_per_substep(_rotation_between(q0, q1) / STEP_S, substeps)
    q = q.reshape(T, 4, A).permute(1, 0, 2).reshape(4, T * A)
    R = quaternion_maps.matrix(q).reshape(3, 3, T, A)
    width, force = interpolated[:, 7:8], interpolated[:, 8:9]
    opening = _repeat_per_substep((after - before)[:, 7:8] / STEP_S, substeps)
    sideways, closing, approach = (R[:, k].permute(1, 0, 2) for k in range(3))
    hand = (
        interpolated[:, :3],
        closing,
        sideways,
        approach,
        velocity,
        spin,
        width,
        force,
        opening,
    )
    return torch.cat(hand, 1)


def hand_at_substep(row: Tensor, bodies: int) -> HandKinematics:
    """One row (C, A) of the trajectory, repeated for every body."""
    C, N = row.shape[0], bodies
    row = row.unsqueeze(-1).expand(C, row.shape[1], N // row.shape[1]).reshape(C, N)
    return HandKinematics(*row.split(ROW_SIZES))


def _repeat_per_substep(value: Tensor, times: int) -> Tensor:
    """Values (H, C, A) repeated for every substep. Shape (H * times, C, A)."""
    H, C, A = value.shape
    return value.unsqueeze(1).expand(H, times, C, A).reshape(H * times, C, A)


def _rotation_between(q0: Tensor, q1: Tensor) -> Tensor:
    """Rotation vectors (H, 3, A) from q0 to q1 in the world frame, for small angles."""
    w0, v0, w1, v1 = q0[:, :1], q0[:, 1:], q1[:, :1], q1[:, 1:]
    crossed = cross(v0.permute(1, 0, 2), v1.permute(1, 0, 2)).permute(1, 0, 2)
    return 2.0 * (w0 * v1 - w1 * v0 + crossed)  # of q1 times the conjugate of q0
