"""The plane through the neighbourhood of each point, for thousands of points at once."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix

UPPER = (np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 1, 2, 2]))


def local_planes(
    points: np.ndarray, pairs: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Principal components of every point's neighbours.

    Args:
        points: (N, 3).
        pairs: (E, 2) indices of points that are neighbours.

    Returns:
        Unit normals (N, 3) of either sign, the neighbours' mean (N, 3), the eigenvalues of their
        covariance (N, 3), smallest first, and their number (N,), the point itself included.
    """
    n, center = len(points), points.mean(axis=0)
    p = points - center
    i, j = UPPER
    values = np.hstack([np.ones((n, 1)), p, p[:, i] * p[:, j]])  # (N, 10)
    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (n, n)).tocsr()
    sums = values + links @ values + links.T @ values
    count = sums[:, 0]
    mean = sums[:, 1:4] / count[:, None]
    second = sums[:, 4:] / count[:, None] - mean[:, i] * mean[:, j]
    eigenvalues = eigenvalues_of(second)
    return least_eigenvector(second, eigenvalues[:, 0]), mean + center, eigenvalues, count


def local_normals(points: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Unit normals (N, 3), of either sign, of the planes through neighbours (N, K)."""
    axes = (points - points.mean(axis=0)).astype(np.float32).T
    near = [axis[index] - axis[:, None] for axis in axes]  # 3 x (N, K)
    near = [n - n.mean(axis=1, keepdims=True) for n in near]
    pairs = zip(*UPPER, strict=True)
    second = np.stack([np.einsum('nk,nk->n', near[i], near[j]) for i, j in pairs], axis=1)
    second = second.astype(float)
    return least_eigenvector(second, eigenvalues_of(second)[:, 0])


def eigenvalues_of(upper: np.ndarray) -> np.ndarray:
    """Eigenvalues (N, 3), smallest first, of symmetric matrices given as (xx, xy, xz, yy, yz, zz).

    The trigonometric solution of the cubic (Smith, Communications of the ACM, 1961).
    """
    xx, xy, xz, yy, yz, zz = upper.T
    q = (xx + yy + zz) / 3.0
    a, b, c = xx - q, yy - q, zz - q
    p = np.sqrt((a * a + b * b + c * c + 2.0 * (xy * xy + xz * xz + yz * yz)) / 6.0)
    det = a * (b * c - yz * yz) - xy * (xy * c - yz * xz) + xz * (xy * yz - b * xz)
    angle = np.arccos(np.clip(0.5 * det / np.maximum(p, 1e-30) ** 3, -1.0, 1.0)) / 3.0
    high = q + 2.0 * p * np.cos(angle)
    low = q + 2.0 * p * np.cos(angle + 2.0 * np.pi / 3.0)
    return np.stack([low, 3.0 * q - high - low, high], axis=1)


def least_eigenvector(upper: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Unit eigenvectors (N, 3) of the least eigenvalue; z where every direction is one."""
    xx, xy, xz, yy, yz, zz = upper.T
    a, b, c = xx - least, yy - least, zz - least
    crosses = np.stack(
        [
            np.stack([xy * yz - xz * b, xz * xy - a * yz, a * b - xy * xy], axis=1),
            np.stack([xy * c - xz * yz, xz * xz - a * c, a * yz - xy * xz], axis=1),
            np.stack([b * c - yz * yz, yz * xz - xy * c, xy * yz - b * xz], axis=1),
        ]
    )  # (3, N, 3), each orthogonal to two rows of A - least I
    squared = np.einsum('knj,knj->kn', crosses, crosses)
    best = np.argmax(squared, axis=0)
    rows = np.arange(len(best))
    norm = np.sqrt(squared[best, rows])
    vectors = crosses[best, rows] / np.maximum(norm, 1e-300)[:, None]
    return np.where((norm > 0.0)[:, None], vectors, np.array([0.0, 0.0, 1.0]))
