"""Averaging of initial and fine-tuned weights (WiSE-FT).

The average generalises better to new objects (Wortsman et al., Robust fine-tuning of zero-shot
models, CVPR 2022).
"""

from __future__ import annotations

import torch

from world_model_node.model.network import WorldNetwork


def average_weights(learned: WorldNetwork, start: WorldNetwork, share: float) -> None:
    """Replace the learned weights by a mean, in which the initial weights have `share`."""
    with torch.no_grad():
        for value, before in zip(learned.parameters(), start.parameters(), strict=True):
            value.lerp_(before, share)


def average_calibration(learned: WorldNetwork, start: WorldNetwork, share: float) -> None:
    """Average the calibration factors likewise.

    Calibration episodes are few and show training objects, so that their residuals are small.
    """
    learned.calibration.lerp_(start.calibration, share)
