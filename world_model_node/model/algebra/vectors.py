"""Vectors along the first axis, bodies along the last."""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-9
NEXT_AXIS = torch.tensor([1, 2, 0])  # cyclic successor of each axis


def to_body(R: Tensor, vectors: Tensor) -> Tensor:
    """World vectors (3, Q, N) in body frames; R (9, N)."""
    return (R.reshape(3, 3, 1, -1) * vectors.unsqueeze(1)).sum(0)


def to_world(R: Tensor, vectors: Tensor) -> Tensor:
    """Body vectors (3, Q, N) in the world frame; R (9, N)."""
    return (R.reshape(3, 3, 1, -1) * vectors.unsqueeze(0)).sum(1)


def cross(a: Tensor, b: Tensor) -> Tensor:
    """The vector product along the first axis. Shape (3, ...)."""
    next_axis = NEXT_AXIS.to(a.device)
    turned = a * b.index_select(0, next_axis) - a.index_select(0, next_axis) * b
    return turned.index_select(0, next_axis)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """The scalar product along the first axis. Shape (1, ...)."""
    return (a * b).sum(0, keepdim=True)


def length(a: Tensor) -> Tensor:
    """The norm along the first axis. Shape (1, ...)."""
    return (dot(a, a) + TINY**2).sqrt()
