"""Between a model that was gone on from and what it became (WiSE-FT).

What both can do is kept, and more of it holds on new objects (Wortsman et al., Robust fine-tuning
of zero-shot models, CVPR 2022).
"""

from __future__ import annotations

import torch

from world_model_node.model.network import WorldNetwork


def average_weights(learned: WorldNetwork, start: WorldNetwork, share: float) -> None:
    """Let the learned weights be the mean, in which those started from have a share."""
    with torch.no_grad():
        for value, before in zip(learned.parameters(), start.parameters(), strict=True):
            value.lerp_(before, share)


def average_calibration(learned: WorldNetwork, start: WorldNetwork, share: float) -> None:
    """The same of the calibrated factors on doubt.

    Kept episodes are few and of the objects that were learned from, which makes doubt look small.
    """
    learned.calibration.lerp_(start.calibration, share)
