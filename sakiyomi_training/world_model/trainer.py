"""Training of the world model; a step depends on seed and number, so that resuming is exact."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sakiyomi.errors import BadInputError, WorkFailedError
from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi_training.world_model.auxiliary_heads import AuxiliaryHeads
from sakiyomi_training.world_model.examples.example_set import Batch, ExampleSet
from sakiyomi_training.world_model.losses import loss_terms, weighted_sum
from sakiyomi_training.world_model.state_losses import belief_loss
from sakiyomi_training.world_model.training_config import TrainingConfig
from world_model_node.model.dimensions import NUM_FRAMES
from world_model_node.model.network import WorldNetwork

MAX_SKIPPED = 10  # consecutive gradients that may be non-finite
CHECKPOINT = 'checkpoint.safetensors'
FINAL_RATE, ROLLOUT_RATE = 0.02, 0.5  # shares of the highest learning rate


class Trainer:
    """Network, auxiliary heads and optimiser.

    Args:
        examples: Training examples.
        config: Optimisation and loss.
        out: Folder of the checkpoint, from which the training resumes.
        seed: Seed of initialisation, order and noise.
        start: Initial weights; None: random weights.

    Raises:
        BadInputError: the start, or a checkpoint in `out`, is of another network or training.
    """

    def __init__(
        self,
        examples: ExampleSet,
        config: TrainingConfig,
        out: Path,
        seed: int,
        start: WorldNetwork | None = None,
    ) -> None:
        torch.manual_seed(seed)
        self.examples, self.config, self.out, self.seed = examples, config, out, seed
        self.network = WorldNetwork(config.model, read_robot_config().hand.trained)
        if start is not None:
            self._start_from(start)
        self.auxiliary = AuxiliaryHeads(config.model)
        self.parameters = [*self.network.parameters(), *self.auxiliary.parameters()]
        self.optimizer = torch.optim.AdamW(
            self.parameters, config.learning_rate, weight_decay=config.weight_decay
        )
        self.step = self._skipped = 0
        self.curve: list[dict[str, float]] = []
        self._resume()

    def _start_from(self, start: WorldNetwork) -> None:
        if start.config != self.config.model:
            raise BadInputError(
                f'--start: got a network of {start.config}, expected {self.config.model}'
            )
        self.network.load_state_dict(start.state_dict())
        self.network.calibration.fill_(1.0)  # the calibration of the initial weights does not hold

    def advance(self) -> dict[str, float]:
        """One step, and the terms of the loss."""
        rng = np.random.default_rng([self.seed, self.step])
        torch.manual_seed(int(rng.integers(2**62)))  # of dropout
        warm = self.step < self.config.warm_steps
        size = self.config.warm_batch if warm else self.config.batch
        batch = drop_modalities(self.examples.sample_batch(size, rng), self.config, rng)
        self._set_rate()
        row = self._belief_step(batch) if warm else self._rollout_step(batch, rng)
        self.step += 1
        self.curve.append({'step': self.step, **row})
        return row

    def _belief_step(self, batch: Batch) -> dict[str, float]:
        loss = belief_loss(self.network, batch, self.config)
        self._optimize(loss)
        return {'loss': float(loss.detach()), 'state': float(loss.detach())}

    def _rollout_step(self, batch: Batch, rng: np.random.Generator) -> dict[str, float]:
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        examples, objects = batch['present'].shape
        noise = antithetic_noise(
            examples, self.config.samples, objects, self.network.noise_size, generator
        )
        terms = loss_terms(self.network, self.auxiliary, batch, noise, self.config)
        loss = weighted_sum(terms, self.config)
        self._optimize(loss)
        row = {name: float(value.detach()) for name, value in terms._asdict().items()}
        return {'loss': float(loss.detach()), **row}

    def _optimize(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        if torch.isfinite(norm):  # one bad batch must not spoil the weights
            self.optimizer.step()
            self._skipped = 0
            return
        self._skipped += 1
        if self._skipped > MAX_SKIPPED:
            raise WorkFailedError(
                f'training step {self.step}: got {self._skipped} gradients that are not finite in'
                ' a row, expected finite ones'
            )

    def save(self) -> None:
        """Write the checkpoint atomically."""
        self.out.mkdir(parents=True, exist_ok=True)
        tensors = {f'network.{k}': v for k, v in self.network.state_dict().items()}
        tensors |= {f'auxiliary.{k}': v for k, v in self.auxiliary.state_dict().items()}
        for index, state in self.optimizer.state_dict()['state'].items():
            tensors |= {f'optimizer.{index}.{key}': value for key, value in state.items()}
        progress = {
            'step': self.step,
            'seed': self.seed,
            'config': asdict(self.config),
            'curve': self.curve,
        }
        partial = self.out / f'{CHECKPOINT}.part'
        metadata = {'progress': json.dumps(progress)}
        save_file({k: v.contiguous() for k, v in tensors.items()}, partial, metadata=metadata)
        partial.rename(self.out / CHECKPOINT)

    def _resume(self) -> None:
        path = self.out / CHECKPOINT
        if not path.is_file():
            return
        tensors, progress = read_checkpoint(path)
        mine = json.loads(json.dumps(asdict(self.config)))
        if progress['config'] != mine or progress['seed'] != self.seed:
            raise BadInputError(
                f'--out {self.out}: was begun with another config, data or seed, expected the'
                ' same or another folder'
            )
        self.network.load_state_dict(_with_prefix(tensors, 'network.'))
        self.auxiliary.load_state_dict(_with_prefix(tensors, 'auxiliary.'))
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in _with_prefix(tensors, 'optimizer.').items():
            index, name = key.split('.')
            state.setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {'state': state})
        self.step, self.curve = progress['step'], progress['curve']

    def _set_rate(self) -> None:
        """Set the learning rate: a cosine without and a lower one with rollouts."""
        warm, steps = self.config.warm_steps, self.config.steps
        first = self.step < warm
        done = self.step / warm if first else (self.step - warm) / max(steps - warm, 1)
        rising = min(1.0, (done + 1e-3) / max(self.config.warm_up, 1e-3))
        cosine = 0.5 * (1.0 + np.cos(np.pi * min(done, 1.0)))
        highest = self.config.learning_rate * (1.0 if first else ROLLOUT_RATE)
        for parameters in self.optimizer.param_groups:
            parameters['lr'] = highest * rising * (FINAL_RATE + (1.0 - FINAL_RATE) * cosine)


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Tensors and progress.

    Raises:
        BadInputError: it is cut off or no checkpoint.
    """
    from safetensors import safe_open

    try:
        with safe_open(path, 'pt') as file:
            progress = json.loads((file.metadata() or {})['progress'])
        return load_file(path), progress
    except (SafetensorError, KeyError, ValueError) as error:
        raise BadInputError(f'checkpoint {path}: cut off or none: {error}') from error


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def antithetic_noise(
    examples: int, samples: int, objects: int, width: int, generator: torch.Generator
) -> Tensor:
    """Standard normal noise (E, K, n, D) in pairs that cancel, so that means are exact."""
    half = torch.randn(examples, (samples + 1) // 2, objects, width, generator=generator)
    return torch.cat([half, -half], 1)[:, :samples]


def drop_modalities(batch: Batch, config: TrainingConfig, rng: np.random.Generator) -> Batch:
    """The batch with random modalities left out, and noise on the features."""
    batch, count = dict(batch), len(batch['acts'])

    def kept(share: float) -> Tensor:
        return torch.from_numpy((rng.random(count) >= share).astype(np.float32))

    batch['touch_on'] = batch['touch_on'] * kept(config.drop_touch)[:, None]
    hand = kept(config.drop_hand)[:, None]
    batch['hand_on'], batch['touch_on'] = batch['hand_on'] * hand, batch['touch_on'] * hand
    limit = batch['hand'].clone()  # the force limit is unknown unless the robot grasps
    limit[..., -1] = limit[..., -1] * kept(config.drop_limit)[:, None, None]
    batch['hand'] = limit
    batch['shape_on'] = batch['shape_on'] * kept(config.drop_shape)[:, None]
    first = np.where(rng.random(count) < config.drop_past, rng.integers(0, NUM_FRAMES, count), 0)
    on = torch.from_numpy((np.arange(NUM_FRAMES) >= first[:, None]).astype(np.float32))
    batch['seen'] = batch['seen'] * on[:, :, None]
    for name in ('motion', 'hand', 'outline'):
        noise = rng.standard_normal(batch[name].shape, dtype=np.float32)
        batch[name] = batch[name] + config.jitter * torch.from_numpy(noise)
    return batch
