"""The spatial median of samples: the point of least mean distance to the samples.

E. Weiszfeld, Tohoku Mathematical Journal 43, 1937. The sliding distance grows with the square of
the speed over the friction, so that a few samples slide very far and bias the mean.
"""

from __future__ import annotations

from torch import Tensor


def spatial_median(
    samples: Tensor, dim: int, smoothing_m: float = 0.05, iterations: int = 4
) -> Tensor:
    """The point of least mean smoothed distance to the samples.

    Args:
        samples: Positions (..., K, ..., 3) with K samples along `dim`.
        dim: Axis of the samples.
        smoothing_m: Distance below which the result approaches the mean.
        iterations: Number of Weiszfeld's iterations.
    """
    median = samples.mean(dim, keepdim=True)
    for _ in range(iterations):
        offset = samples - median
        weight = ((offset * offset).sum(-1, keepdim=True) + smoothing_m**2).rsqrt()
        median = (weight * samples).sum(dim, keepdim=True) / weight.sum(dim, keepdim=True)
    return median.squeeze(dim)
