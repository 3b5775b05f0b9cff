"""Products of small vectors of many bodies: gathers, one product, one matrix.

Bodies run along the last axis, so that every operator works on contiguous rows. With batched
products of 3x3 matrices, a substep takes ONNX Runtime 2.6 times as long.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn


class Bilinear(nn.Module):
    """A bilinear map of vectors (I, N) and (J, N) to (O, N), found by probing a function."""

    def __init__(
        self, function: Callable[[np.ndarray, np.ndarray], np.ndarray], i: int, j: int
    ) -> None:
        super().__init__()
        basis_a, basis_b = np.eye(i), np.eye(j)
        table = np.stack(
            [np.stack([np.ravel(function(a, b)) for b in basis_b]) for a in basis_a]
        )  # (I, J, O)
        left, right = np.nonzero(np.any(table != 0.0, -1))
        weights = torch.tensor(table[left, right].T, dtype=torch.float32)
        self.register_buffer('left', torch.tensor(left), persistent=False)
        self.register_buffer('right', torch.tensor(right), persistent=False)
        self.register_buffer('weights', weights, persistent=False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The map of every body. Shape (O, N)."""
        product = a.index_select(0, self.left) * b.index_select(0, self.right)
        return self.weights @ product


def upper_triangle(n: int) -> list[tuple[int, int]]:
    """The stored entries of a symmetric matrix: the upper triangle, row by row."""
    return [(a, b) for a in range(n) for b in range(a, n)]


def unpack_symmetric(entries: np.ndarray, n: int) -> np.ndarray:
    """The symmetric matrix (n, n) of its stored entries."""
    matrix = np.zeros((n, n))
    for value, (a, b) in zip(entries, upper_triangle(n), strict=True):
        matrix[a, b] = matrix[b, a] = value
    return matrix


def pack_symmetric(matrix: np.ndarray) -> np.ndarray:
    """The stored entries of a symmetric matrix."""
    return np.array([matrix[a, b] for a, b in upper_triangle(len(matrix))])
