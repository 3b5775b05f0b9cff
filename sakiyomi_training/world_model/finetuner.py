"""Fine-tuning of trained weights with little data and a pull towards the start."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from sakiyomi.parameters import parameter
from sakiyomi_training.world_model.examples.example_set import ExampleSet
from sakiyomi_training.world_model.trainer import Trainer
from sakiyomi_training.world_model.training_config import TrainingConfig
from world_model_node.model.network import WorldNetwork

# 120 examples: six tosses and their mirror images
REFERENCE_EXAMPLES, REFERENCE_STEPS, MAX_STEPS = 120, 150, 1000


@dataclass(frozen=True)
class FinetuningConfig(TrainingConfig):
    """Few and small steps; the auxiliary heads start anew, so that their losses have no weight."""

    steps: int = parameter(0, 'optimiser steps; 0: by the number of examples', 0, 10_000_000)
    warm_steps: int = parameter(0, 'of these without rollouts: simulated truth alone', 0)
    batch: int = parameter(32, 'objects of one step', 1, 4096)
    samples: int = parameter(4, 'futures imagined of each', 2, 64)
    learning_rate: float = parameter(1e-3, 'twice what it is at its highest', 1e-6, 1.0)
    weight_decay: float = parameter(0.0, 'towards zero', 0.0, 1.0)
    anchor: float = parameter(3.0, 'decay towards the starting weights', 0.0, 100.0)
    touch: float = parameter(0.0, 'weight of the next touch', 0.0, 100.0)
    embedding: float = parameter(0.0, 'weight of the next embedding', 0.0, 100.0)
    start: str = parameter('', 'sha256 of the starting weights; found by itself')
    data: str = parameter('', 'sha256 of those of the files; found by itself')


def with_num_steps(config: FinetuningConfig, examples: int) -> FinetuningConfig:
    """The config with a number of steps that grows with the number of examples."""
    if config.steps > 0:
        return config
    steps = round(REFERENCE_STEPS * math.sqrt(examples / REFERENCE_EXAMPLES))
    return replace(config, steps=min(max(steps, REFERENCE_STEPS), MAX_STEPS))


class Finetuner(Trainer):
    """A training from `start` with a decay towards `start`.

    The pull is that of L2-SP (Li, Grandvalet and Davoine, ICML 2018), decoupled from the gradient
    as the weight decay of AdamW is.
    """

    def __init__(
        self,
        examples: ExampleSet,
        config: FinetuningConfig,
        out: Path,
        seed: int,
        start: WorldNetwork,
    ) -> None:
        super().__init__(examples, config, out, seed)
        if self.step == 0:
            self.network.load_state_dict(start.state_dict())
        self._anchor = [p.detach().clone() for p in start.parameters()]

    def advance(self) -> dict[str, float]:
        """One step, and the decay towards the start."""
        row = super().advance()
        rate = self.optimizer.param_groups[0]['lr'] * self.config.anchor
        with torch.no_grad():
            for now, initial in zip(self.network.parameters(), self._anchor, strict=True):
                now.lerp_(initial, rate)
        return row
