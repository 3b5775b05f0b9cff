"""The tuning of the segmentation training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SegmentationTrainingConfig:
    """Optimisation of the segmentation network.

    Attributes:
        batch: Views per step.
        early_max_parts: Largest number of parts of a view in the early steps.
        early_share: Share of the time with thinned views.
        learning_rate: Highest learning rate.
        weight_decay: Weight decay of AdamW.
        warm_up: Share of the time in which the learning rate rises.
        near_m: Distance over which the weight of a pair decays.
        far_weight: Weight of a pair of distant parts.
        vote_weight: Weight of the votes in the loss.
        object_weight: Weight of the parts in the loss.
        validation_files: Held-out files of each kind of scene.
        checkpoint_s: Time between checkpoints.
        new_scenes: Largest number of files that an epoch adds.
        validate_every: Epochs between validations.
    """

    batch: int = 4
    early_max_parts: int = 112
    early_share: float = 0.85
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    warm_up: float = 0.02
    near_m: float = 0.06
    far_weight: float = 0.1
    vote_weight: float = 0.5
    object_weight: float = 0.2
    validation_files: int = 25
    checkpoint_s: float = 120.0
    new_scenes: int = 300
    validate_every: int = 3
