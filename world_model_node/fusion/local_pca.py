"""Principal components of the neighbourhoods of thousands of points at once."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix

from sakiyomi.compiled import compiled

UPPER_TRIANGLE = (np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 1, 2, 2]))


def local_pca(
    points: np.ndarray, pairs: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Compute the principal components of every point's neighbours.

    Args:
        points: the points (N, 3).
        pairs: the indices (E, 2) of neighbours.

    Returns:
        Unit normals (N, 3) of either sign, the neighbours' mean (N, 3), the eigenvalues of their
        covariance (N, 3), smallest first, and their number (N,), the point itself included.
    """
    n, center = len(points), points.mean(axis=0)
    p = points - center
    i, j = UPPER_TRIANGLE
    values = np.hstack([np.ones((n, 1)), p, p[:, i] * p[:, j]])  # (N, 10)
    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (n, n)).tocsr()
    sums = values + links @ values + links.T @ values
    count = sums[:, 0]
    mean = sums[:, 1:4] / count[:, None]
    second = sums[:, 4:] / count[:, None] - mean[:, i] * mean[:, j]
    eigenvalues = symmetric_eigenvalues(second)
    return smallest_eigenvector(second, eigenvalues[:, 0]), mean + center, eigenvalues, count


@compiled
def local_normals(points: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Compute unit normals (N, 3), of either sign, of the planes through neighbours (N, K)."""
    n, k = index.shape
    normals = np.empty((n, 3))
    for p in range(n):
        x0, y0, z0 = points[p, 0], points[p, 1], points[p, 2]
        x1 = y1 = z1 = xx = xy = xz = yy = yz = zz = 0.0
        for q in index[p]:
            x, y, z = points[q, 0] - x0, points[q, 1] - y0, points[q, 2] - z0
            x1 += x
            y1 += y
            z1 += z
            xx += x * x
            xy += x * y
            xz += x * z
            yy += y * y
            yz += y * z
            zz += z * z
        xx, xy, xz = xx - x1 * x1 / k, xy - x1 * y1 / k, xz - x1 * z1 / k
        upper = (xx, xy, xz, yy - y1 * y1 / k, yz - y1 * z1 / k, zz - z1 * z1 / k)
        _smallest_eigenvector(upper, _eigenvalues(upper)[0], normals[p])
    return normals


@compiled
def symmetric_eigenvalues(upper: np.ndarray) -> np.ndarray:
    """Compute eigenvalues (N, 3), smallest first, of matrices (xx, xy, xz, yy, yz, zz).

    The cubic is solved trigonometrically (Smith, Communications of the ACM, 1961).
    """
    out = np.empty((len(upper), 3))
    for n in range(len(upper)):
        out[n, 0], out[n, 1], out[n, 2] = _eigenvalues(_row(upper, n))
    return out


@compiled
def smallest_eigenvector(upper: np.ndarray, smallest: np.ndarray) -> np.ndarray:
    """Compute unit eigenvectors (N, 3) of the smallest eigenvalue; z if all are equal."""
    out = np.empty((len(upper), 3))
    for n in range(len(upper)):
        _smallest_eigenvector(_row(upper, n), smallest[n], out[n])
    return out


@compiled
def _row(upper, n):
    u = upper[n]
    return u[0], u[1], u[2], u[3], u[4], u[5]


@compiled
def _eigenvalues(upper):
    """Compute the eigenvalues of one matrix, smallest first."""
    xx, xy, xz, yy, yz, zz = upper
    q = (xx + yy + zz) / 3.0
    a, b, c = xx - q, yy - q, zz - q
    p = np.sqrt((a * a + b * b + c * c + 2.0 * (xy * xy + xz * xz + yz * yz)) / 6.0)
    det = a * (b * c - yz * yz) - xy * (xy * c - yz * xz) + xz * (xy * yz - b * xz)
    cosine = 0.5 * det / max(p, 1e-30) ** 3
    angle = np.arccos(min(max(cosine, -1.0), 1.0)) / 3.0
    high = q + 2.0 * p * np.cos(angle)
    low = q + 2.0 * p * np.cos(angle + 2.0 * np.pi / 3.0)
    return low, 3.0 * q - high - low, high


@compiled
def _smallest_eigenvector(upper, smallest, out):
    """Write the longest vector orthogonal to two rows of A - smallest I to `out` (3,)."""
    xx, xy, xz, yy, yz, zz = upper
    a, b, c = xx - smallest, yy - smallest, zz - smallest
    longest = 0.0
    out[0], out[1], out[2] = 0.0, 0.0, 1.0
    for x, y, z in (
        (xy * yz - xz * b, xz * xy - a * yz, a * b - xy * xy),
        (xy * c - xz * yz, xz * xz - a * c, a * yz - xy * xz),
        (b * c - yz * yz, yz * xz - xy * c, xy * yz - b * xz),
    ):
        squared = x * x + y * y + z * z
        if squared > longest:
            longest = squared
            out[0], out[1], out[2] = x, y, z
    if longest > 0.0:
        out /= np.sqrt(longest)
