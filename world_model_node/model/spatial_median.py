"""Where something is in the middle of samples: as near as can be to all of them.

E. Weiszfeld, Tohoku Mathematical Journal 43, 1937. How far a body slides goes with the square of
its speed over its friction, so that few samples slide very far, and their mean is farther than
most.
"""

from __future__ import annotations

from torch import Tensor

NUM_ITERATIONS = 4
SMOOTHING_M = 0.05  # of samples that lie closer the mean is the better guess


def spatial_median(samples: Tensor, dim: int) -> Tensor:
    """The point of least mean rounded distance to the samples (..., K, ..., 3), K at `dim`."""
    median = samples.mean(dim, keepdim=True)
    for _ in range(NUM_ITERATIONS):
        offset = samples - median
        weight = ((offset * offset).sum(-1, keepdim=True) + SMOOTHING_M**2).rsqrt()
        median = (weight * samples).sum(dim, keepdim=True) / weight.sum(dim, keepdim=True)
    return median.squeeze(dim)
