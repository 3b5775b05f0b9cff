"""The algebra of contacts as bilinear maps, bodies along the last axis, all in the body frame.

A contact at b with normal n acts along the row g = (n, b x n) of its Jacobian. The sum over all
contacts of a body is linear in the moments sum w b~ b~^T of the homogeneous points b~ = (1, b).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from world_model_node.model.algebra.bilinear import (
    Bilinear,
    pack_symmetric,
    unpack_symmetric,
    upper_triangle,
)
from world_model_node.model.algebra.schur_solver import NUM_ENTRIES, SYSTEM_SIZE

NUM_MOMENTS = 10  # stored entries of a symmetric 4x4 matrix
SKEW = np.array([[np.cross(a, b) for b in np.eye(3)] for a in np.eye(3)])  # (e_a x e_b)_c


def stiffness_matrix(S: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """Sum w J^T S J with J = [1, -[b]x], of the moments Q (4, 4). Shape (6, 6)."""
    coupling = np.einsum('pqc,p,qa->ac', SKEW, Q[0, 1:], S)
    turning = np.einsum('pqc,rsd,pr,qs->cd', SKEW, SKEW, Q[1:, 1:], S)
    return np.block([[S * Q[0, 0], coupling], [coupling.T, turning]])


def normal_wrench(n: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Sum w (n, b x n) of the first moments sum w (1, b). Shape (6,)."""
    return np.r_[first[0] * n, np.cross(first[1:], n)]


def _normal_system(normal: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """(27,) of (n n^T, n) and (moments of the normal gains, first moments of the targets)."""
    A = stiffness_matrix(
        unpack_symmetric(normal[:6], 3), unpack_symmetric(moments[:NUM_MOMENTS], 4)
    )
    return np.r_[pack_symmetric(A), normal_wrench(normal[6:], moments[NUM_MOMENTS:])]


def _drag_system() -> np.ndarray:
    """The map (27, 10) from the moments of isotropic drags to the system."""
    columns = [
        pack_symmetric(stiffness_matrix(np.eye(3), unpack_symmetric(e, 4)))
        for e in np.eye(NUM_MOMENTS)
    ]
    return np.vstack([np.stack(columns, 1), np.zeros((SYSTEM_SIZE - NUM_ENTRIES, NUM_MOMENTS))])


def _point_velocities() -> np.ndarray:
    """The map (12, 6) from a twist to the rows (3, 4) from (1, b) to the velocity of a point."""
    columns = []
    for twist in np.eye(6):
        rows = np.column_stack([twist[:3], *(np.cross(twist[3:], e) for e in np.eye(3))])
        columns.append(rows.ravel())
    return np.stack(columns, 1)


class ContactMaps(nn.Module):
    """Maps between twists, points and the 6x6 system."""

    def __init__(self) -> None:
        super().__init__()
        self.normal_outer_product = Bilinear(
            lambda a, b: pack_symmetric(0.5 * (np.outer(a, b) + np.outer(b, a))), 3, 3
        )
        self.normal_speed = Bilinear(
            lambda n, v: np.r_[n @ v[:3], [n @ np.cross(v[3:], e) for e in np.eye(3)]], 3, 6
        )
        self.normal_system = Bilinear(_normal_system, 9, NUM_MOMENTS + 4)
        self.inertia_times = Bilinear(lambda i, w: unpack_symmetric(i, 3) @ w, 6, 3)
        self.gyroscopic_torque = Bilinear(np.cross, 3, 3)
        self.register_buffer('drag_system', _float(_drag_system()), persistent=False)
        self.register_buffer('point_velocities', _float(_point_velocities()), persistent=False)
        self.register_buffer(
            'pair_left', torch.tensor([a for a, _ in upper_triangle(4)]), persistent=False
        )
        self.register_buffer(
            'pair_right', torch.tensor([b for _, b in upper_triangle(4)]), persistent=False
        )

    def isotropic_stiffness(self, points: Tensor) -> Tensor:
        """J^T J of each homogeneous point (4, P, N). Shape (NUM_ENTRIES, P, N)."""
        moments = self.moments(points)
        rows = self.drag_system[:NUM_ENTRIES] @ moments.flatten(1)
        return rows.reshape(NUM_ENTRIES, *points.shape[1:])

    def moments(self, points: Tensor) -> Tensor:
        """Second moments (NUM_MOMENTS, P, N) of homogeneous points (4, P, N)."""
        left = points.index_select(0, self.pair_left)
        return left * points.index_select(0, self.pair_right)


def _float(array: np.ndarray) -> torch.Tensor:
    return torch.tensor(array, dtype=torch.float32)
