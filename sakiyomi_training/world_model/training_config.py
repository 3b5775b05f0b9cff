"""The config of a training."""

from __future__ import annotations

from dataclasses import dataclass, field

from sakiyomi.parameters import ParameterSet, parameter
from world_model_node.model.model_config import ModelConfig


@dataclass(frozen=True)
class TrainingConfig(ParameterSet):
    """Optimisation, weights of the loss, augmentation; kept in checkpoint and card."""

    steps: int = parameter(3000, 'optimiser steps', 1, 10_000_000)
    warm_steps: int = parameter(1800, 'of these without rollouts: the belief alone', 0)
    warm_batch: int = parameter(192, 'objects of one of them', 1, 4096)
    batch: int = parameter(64, 'objects of one step', 1, 4096)
    samples: int = parameter(2, 'futures imagined of each', 2, 64)
    learning_rate: float = parameter(2e-3, 'at its highest', 1e-6, 1.0)
    weight_decay: float = parameter(5e-2, 'of AdamW', 0.0, 1.0)
    warm_up: float = parameter(0.03, 'share of the steps', 0.0, 0.5)
    clip: float = parameter(1.0, 'largest norm of the gradient', 1e-3, 1e3)
    tracked: float = parameter(0.5, 'weight of what the tracker saw next', 0.0, 100.0)
    privileged: float = parameter(1.0, 'weight of simulated truth; 0: none', 0.0, 100.0)
    touch: float = parameter(0.1, 'weight of the next touch', 0.0, 100.0)
    embedding: float = parameter(0.1, 'weight of the next embedding', 0.0, 100.0)
    drop_touch: float = parameter(0.1, 'examples without touch', 0.0, 1.0)
    drop_hand: float = parameter(0.05, 'examples in which the hand is not watched', 0.0, 1.0)
    drop_limit: float = parameter(0.3, 'examples without the force limit of the grip', 0.0, 1.0)
    drop_shape: float = parameter(0.05, 'examples without shape', 0.0, 1.0)
    drop_past: float = parameter(0.15, 'examples with a shorter past', 0.0, 1.0)
    jitter: float = parameter(0.05, 'noise on the features of motion and hand', 0.0, 1.0)
    model: ModelConfig = field(default_factory=ModelConfig)
