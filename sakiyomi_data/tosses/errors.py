"""Errors of predicted tosses, what several predictions agree on, and how far they spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sakiyomi_data.tosses.cube_model import Paths
from sakiyomi_data.tosses.recordings import Tosses

EARLY_FRAMES = 80
ITERATIONS = 15
NEAR_M, NEAR_RAD = 1e-4, 0.02  # closer is not told apart by the medians


@dataclass(frozen=True)
class PathErrors:
    """Distance and angle of every frame to what was recorded."""

    position_m: np.ndarray  # (..., N, T)
    rotation_rad: np.ndarray  # (..., N, T)
    recorded: np.ndarray  # (N, T) bool

    def figures(self) -> dict[str, float]:
        """Means over the frames of each toss, then over tosses."""
        early = self.recorded[:, :EARLY_FRAMES]
        return {
            'mm_80': 1e3 * mean_of(self.position_m[..., :EARLY_FRAMES], early).item(),
            'rad_80': mean_of(self.rotation_rad[..., :EARLY_FRAMES], early).item(),
            'mm_full': 1e3 * mean_of(self.position_m, self.recorded).item(),
            'rad_full': mean_of(self.rotation_rad, self.recorded).item(),
        }


def mean_of(errors: np.ndarray, recorded: np.ndarray) -> np.ndarray:
    """Over the recorded frames of each toss, then over tosses. Shape (...)."""
    return ((errors * recorded).sum(-1) / recorded.sum(-1)).mean(-1)


def path_errors(paths: Paths, tosses: Tosses) -> PathErrors:
    """Of predictions (..., N, T)."""
    distance = paths.position - torch.as_tensor(tosses.position)
    angle = angle_between(paths.rotation, torch.as_tensor(tosses.rotation))
    return PathErrors(distance.norm(dim=-1).numpy(), angle.numpy(), tosses.recorded)


def angle_between(a: Tensor, b: Tensor) -> Tensor:
    """Angle of the rotation from one quaternion to another [rad]. Shape (...)."""
    apart = torch.minimum((a - b).norm(dim=-1), (a + b).norm(dim=-1))
    return 4.0 * torch.asin((0.5 * apart).clamp(max=1.0))


def geometric_median(paths: Paths) -> Paths:
    """Geometric medians over samples (K, N, T): what minimises the expected distance and angle."""
    return Paths(_median_position(paths.position), _median_rotation(paths.rotation))


def rms_spread(paths: Paths, median: Paths) -> tuple[np.ndarray, np.ndarray]:
    """Root-mean-square distance [m] and angle [rad] of the samples to their middle. (N, T)."""
    distance = (paths.position - median.position).square().sum(-1).mean(0).sqrt()
    angle = angle_between(paths.rotation, median.rotation).square().mean(0).sqrt()
    return distance.numpy(), angle.numpy()


def _median_position(samples: Tensor) -> Tensor:
    """By Weiszfeld's iteration. Shape (N, T, 3)."""
    median = samples.mean(0)
    for _ in range(ITERATIONS):
        weight = 1.0 / ((samples - median).norm(dim=-1, keepdim=True) + NEAR_M)
        median = (weight * samples).sum(0) / weight.sum(0)
    return median


def _median_rotation(samples: Tensor) -> Tensor:
    """The same on quaternions, each with the sign nearer to the middle. Shape (N, T, 4)."""
    median = samples[0]
    for _ in range(ITERATIONS):
        near = samples * torch.where((samples * median).sum(-1, keepdim=True) < 0.0, -1.0, 1.0)
        weight = 1.0 / (angle_between(samples, median).unsqueeze(-1) + NEAR_RAD)
        median = (weight * near).sum(0)
        median = median / median.norm(dim=-1, keepdim=True)
    return median
