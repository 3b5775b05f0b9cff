"""Solve one symmetric 6x6 system per body in closed form, bodies along the last axis."""

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

NUM_ENTRIES = 21  # stored entries of a symmetric 6x6 matrix
SYSTEM_SIZE = NUM_ENTRIES + 6  # entries of matrix and right-hand side


def _adjugate3(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The adjugate of a symmetric 3x3 matrix, as a bilinear form of the matrix taken twice."""
    A, B = unpack_symmetric(a, 3), unpack_symmetric(b, 3)
    next_rows, second_next_rows = np.roll(np.arange(3), -1), np.roll(np.arange(3), -2)
    cofactors = A[np.ix_(next_rows, next_rows)] * B[np.ix_(second_next_rows, second_next_rows)]
    cofactors = (
        cofactors - A[np.ix_(next_rows, second_next_rows)] * B[np.ix_(second_next_rows, next_rows)]
    )
    return pack_symmetric(0.5 * (cofactors + cofactors.T))


def _blocks(system: np.ndarray) -> tuple[np.ndarray, ...]:
    A, b = unpack_symmetric(system[:NUM_ENTRIES], 6), system[NUM_ENTRIES:]
    return A[:3, :3], A[:3, 3:], A[3:, 3:], b[:3], b[3:]


def _pack_system(matrix: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.concatenate([pack_symmetric(matrix), b])


class SchurSolver(nn.Module):
    """x of A x = b, by the Schur complement and two inverses by cofactors."""

    def __init__(self) -> None:
        super().__init__()
        self.adjugate = Bilinear(_adjugate3, 6, 6)
        self.determinant = Bilinear(
            lambda a, c: unpack_symmetric(a, 3)[0] @ unpack_symmetric(c, 3)[0], 6, 6
        )
        self.lever = Bilinear(
            lambda i, s: _blocks(s)[1].T @ unpack_symmetric(i, 3), 6, SYSTEM_SIZE
        )
        self.reduction = Bilinear(self._reduction, 9, SYSTEM_SIZE)
        self.times = Bilinear(lambda i, y: unpack_symmetric(i, 3) @ y, 6, 3)
        self.back = Bilinear(lambda s, x: _blocks(s)[1] @ x, SYSTEM_SIZE, 3)
        stored = {pair: k for k, pair in enumerate(upper_triangle(6))}
        first = [stored[a, b] for a, b in upper_triangle(3)]
        last = [stored[a + 3, b + 3] for a, b in upper_triangle(3)]
        force = [NUM_ENTRIES, NUM_ENTRIES + 1, NUM_ENTRIES + 2]
        torque = [NUM_ENTRIES + 3, NUM_ENTRIES + 4, NUM_ENTRIES + 5]
        self.register_buffer('first', torch.tensor(first), persistent=False)
        self.register_buffer('last', torch.tensor(last + torque), persistent=False)
        self.register_buffer('force', torch.tensor(force), persistent=False)

    @staticmethod
    def _reduction(lever: np.ndarray, system: np.ndarray) -> np.ndarray:
        """L A12 and L b1; the product is symmetric only for the lever of the same system."""
        _, A12, _, b1, _ = _blocks(system)
        L = lever.reshape(3, 3)
        product = L @ A12
        return _pack_system(0.5 * (product + product.T), L @ b1)

    def forward(self, system: Tensor) -> Tensor:
        """Shape (6, N), of the stored entries of A and then b. Shape (27, N)."""
        inverse = self.inverse3(system.index_select(0, self.first))
        lever = self.lever(inverse, system)
        reduced = system.index_select(0, self.last) - self.reduction(lever, system)
        schur, y = reduced.split([6, 3], 0)
        angular = self.times(self.inverse3(schur), y)
        force = system.index_select(0, self.force) - self.back(system, angular)
        return torch.cat([self.times(inverse, force), angular], 0)

    def inverse3(self, A: Tensor) -> Tensor:
        """Inverses of symmetric 3x3 matrices. Shape (6, N)."""
        adjugate = self.adjugate(A, A)
        return adjugate / self.determinant(A, adjugate)
