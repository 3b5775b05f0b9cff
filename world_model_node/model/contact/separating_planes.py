"""Separating planes and contact points of all pairs of bodies of a group.

Bodies run along the last axis, n of each of G groups; tables of pairs have the shape (., G, n, n).
"""

from __future__ import annotations

import torch
from torch import Tensor

from world_model_node.model.algebra.vectors import to_world
from world_model_node.model.contact.body_state import BodyBatch


def best_planes(
    before: tuple[Tensor, Tensor], bodies: BodyBatch, planes: Tensor, n: int
) -> Tensor:
    """Best separating plane of the other body. Shape (G, one, other); one matrix product."""
    position, R = (value.detach() for value in before)
    points = to_world(R, bodies.points[1:].detach()) + position.unsqueeze(1)
    points = torch.cat([points, bodies.points[:1]])  # (4, P, G n)
    world_planes = _world_planes(R, planes.detach(), position)
    P, M = points.shape[1], world_planes.shape[1]
    rows = world_planes.reshape(4, M, -1, n).permute(2, 1, 3, 0).reshape(-1, M * n, 4)
    columns = points.reshape(4, P, -1, n).permute(2, 0, 3, 1).reshape(-1, 4, n * P)
    gap = (rows @ columns).reshape(-1, M, n, n, P)  # (G, M, other, one, P)
    return gap.amin(-1).argmax(1).transpose(-1, -2)


def _world_planes(R: Tensor, planes: Tensor, position: Tensor) -> Tensor:
    """Planes (4, M, G * n) in the world frame: normal, and minus the offset."""
    normals = to_world(R, planes[:3])
    offsets = planes[3:] + (normals * position.unsqueeze(1)).sum(0, keepdim=True)
    return torch.cat([normals, -offsets])


def plane_distances(
    arms: Tensor, R: Tensor, planes: Tensor, position: Tensor, best: Tensor, n: int
) -> tuple[Tensor, Tensor]:
    """Distances of the points of one body from the best plane of the other, and its normal.

    Args:
        arms: Points from the centre of mass, world frame. Shape (3, P, G * n).
        R: Rotations. Shape (9, G * n).
        planes: Enclosing planes about the centre of mass. Shape (4, M, G * n).
        position: Centres of mass. Shape (3, G * n).
        best: Indices of the planes. Shape (G, one, other).
        n: Number of bodies of a group.

    Returns:
        Shape (G, n, n, P) and (3, G, n, n), one by other.
    """
    P, M = arms.shape[1], planes.shape[1]
    world_planes = _world_planes(R, planes, position).reshape(4, M, -1, n)
    world_plane = world_planes.transpose(1, 2).gather(2, best.unsqueeze(0).expand(4, -1, n, n))
    normal, offset = world_plane.split([3, 1])
    middle = (normal * pair_rows(position, n)).sum(0) + offset[0]
    arms = arms.reshape(3, P, -1, n).permute(2, 3, 0, 1)  # (G, one, 3, P)
    return normal.permute(1, 2, 3, 0) @ arms + middle.unsqueeze(-1), normal


def contact_points(
    arms: Tensor, position: Tensor, reach: Tensor, normal: Tensor, n: int, patch_depth_m: float
) -> Tensor:
    """Midpoint of the contact patches of both bodies. Shape (3, G, n, n).

    `reach` and `normal` are those of `plane_distances`; the smaller patch has more weight.
    """
    P = arms.shape[1]
    table = torch.cat([arms, (arms * arms).sum(0, keepdim=True)])
    table = table.reshape(4, P, -1, n).permute(2, 3, 1, 0)  # (G, n, P, 4)
    away = -normal.permute(1, 3, 2, 0) @ table[..., :3].transpose(-1, -2)  # (G, other, one, P)
    a, b = (_contact_patch(table, rows, patch_depth_m) for rows in (reach, away))
    one = a[:3] + pair_rows(position, n)
    other = b[:3].transpose(-1, -2) + pair_rows(position, n).transpose(-1, -2)
    size = b[3:].transpose(-1, -2)
    return other + size / (a[3:] + size) * (one - other)


def _contact_patch(table: Tensor, reach: Tensor, depth_m: float) -> Tensor:
    """Middle and squared size (4, G, n, n) of the points of lowest `reach` (G, n, n, P).

    `table` holds points and their squared lengths (G, n, P, 4).
    """
    weight = (reach.amin(-1, keepdim=True) + depth_m - reach).relu()
    weight = weight / weight.sum(-1, keepdim=True)
    first = (weight @ table).permute(3, 0, 1, 2)
    middle, square = first.split([3, 1])
    spread = (square - (middle * middle).sum(0, keepdim=True)).relu()
    return torch.cat([middle, spread + depth_m**2])


def pair_rows(value: Tensor, n: int) -> Tensor:
    """Values (C, G * n) as rows of a table of pairs. Shape (C, G, n, 1)."""
    return value.reshape(len(value), -1, n, 1)


def pair_columns(value: Tensor, n: int) -> Tensor:
    """Values (C, G * n) as columns of a table of pairs. Shape (C, G, 1, n)."""
    return value.reshape(len(value), -1, 1, n)
