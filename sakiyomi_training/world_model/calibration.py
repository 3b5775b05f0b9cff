"""Widen or narrow what the network says of its doubt until intervals hold what they promise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import chi2

from sakiyomi_training.world_model.examples.example_set import ExampleSet, to_model_input
from world_model_node.inference.torch_engine import sample_noise
from world_model_node.model.dimensions import NUM_STEPS
from world_model_node.model.network import (
    MOTION_KINDS,
    WorldNetwork,
    motion_kinds,
    rotation_between,
)
from world_model_node.model.physics.active_contacts import ActiveContacts

COVERAGE = 0.9
MIN_ROWS = 20
FACTOR_BOUNDS = (0.05, 4.0)
SMOOTHING_STEPS = 5  # steps that are averaged
MAX_SIGMAS = 10.0  # sigmas; what is farther off counts as if it were there
COLUMNS = (slice(0, 2), slice(2, 3), slice(3, 6))  # horizontal, vertical, angular


class Residuals(NamedTuple):
    """True minus imagined poses of R beginnings."""

    gap: np.ndarray  # (R, NUM_STEPS, 6) place, turn; NaN where it is not known
    covariance: np.ndarray  # (R, NUM_STEPS, 6, 6)
    kind: np.ndarray  # (R,) of the beginning


def calibrate(network: WorldNetwork, examples: ExampleSet, batch: int = 64) -> np.ndarray:
    """Set the network's factors on sigma: horizontal, vertical, angular. Shape (3, NUM_STEPS, 3).

    Horizontal and vertical are apart, for a fallen object's height is known better than its
    place. Each kind of beginning has its own; steps of which too little is known change as their
    neighbours do, and a kind of which nothing is known as all kinds together.
    """
    before = network.calibration.double().numpy()
    network.calibration.fill_(1.0)
    rows = collect_residuals(network, examples, batch)
    factors = np.empty_like(before)
    for index in range(len(MOTION_KINDS)):
        own = rows.kind == index
        if own.sum() < MIN_ROWS:
            own = np.ones(len(rows.kind), bool)
        factors[index] = _factors(rows.gap[own], rows.covariance[own], before[index])
    network.calibration.copy_(torch.from_numpy(factors).float())
    return factors


def _factors(gap: np.ndarray, covariance: np.ndarray, before: np.ndarray) -> np.ndarray:
    """(NUM_STEPS, 3) of one kind."""
    factors = before.copy()
    for column, part in enumerate(COLUMNS):
        own = covariance[..., part, part]
        factors[:, column] *= _changes(gap[..., part], own, before[:, column])
    return np.clip(factors, *FACTOR_BOUNDS)


def _changes(gap: np.ndarray, covariance: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Of each step's factor (NUM_STEPS,), from residuals (R, NUM_STEPS, D) at factors of one."""
    squares = (gap * np.linalg.solve(covariance, gap[..., None])[..., 0]).sum(-1)
    known = np.isfinite(squares)
    steps = np.flatnonzero(known.sum(axis=0) >= MIN_ROWS)
    if not len(steps):
        return np.ones(NUM_STEPS)
    size = gap.shape[-1]
    found = [sigma_factor(squares[known[:, step], step], size) / before[step] for step in steps]
    padded = np.pad(
        np.interp(np.arange(NUM_STEPS), steps, found), SMOOTHING_STEPS // 2, mode='edge'
    )
    return np.convolve(padded, np.full(SMOOTHING_STEPS, 1.0 / SMOOTHING_STEPS), 'valid')


def sigma_factor(squares: np.ndarray, size: int) -> float:
    """What sigma must be multiplied by, so that SHARE of squared distances (R,) lie inside.

    And at least by their root mean square: where few are far off, a sigma that holds the share is
    so small that those few become impossible. They are over `size` axes, in sigmas.
    """
    share = np.quantile(squares, COVERAGE) / chi2.ppf(COVERAGE, size)
    return float(np.sqrt(max(share, np.mean(np.minimum(squares, MAX_SIGMAS**2)) / size)))


def collect_residuals(network: WorldNetwork, examples: ExampleSet, batch: int = 64) -> Residuals:
    """Of every object that counts."""
    found: list[Residuals] = []
    noise = sample_noise(network.config.samples, network)
    for rows in examples.batches(batch):
        gap, away, covariance, on = residuals(network, rows, noise)
        chosen = rows['weight'].numpy() > 0.5
        both = np.where(on[..., None], np.concatenate([gap, away], -1), np.nan)
        kind = motion_kinds(rows['motion'], rows['held']).argmax(-1).numpy()
        found.append(Residuals(both[chosen], covariance[chosen], kind[chosen]))
    if not found:
        return Residuals(
            np.zeros((0, NUM_STEPS, 6)), np.zeros((0, NUM_STEPS, 6, 6)), np.zeros(0, int)
        )
    return Residuals(*(np.concatenate(column) for column in zip(*found, strict=True)))


def residuals(
    network: WorldNetwork, batch: dict[str, torch.Tensor], noise: torch.Tensor
) -> tuple[np.ndarray, ...]:
    """True minus imagined place and turn (E, n, H, 3), their covariance, and where it is known.

    In recordings without simulated truth, what was tracked later stands for it.
    """
    inputs = to_model_input(batch)
    E, n = inputs.present.shape
    with torch.no_grad():
        belief = network.update(inputs)
        imagined, _ = network.imagine(
            belief,
            inputs,
            batch['action'].unsqueeze(1),
            noise[None, :, None].expand(E, -1, n, -1),
            ActiveContacts(hand=bool((batch['acts'] > 0.5).any())),
        )
        true = batch['true_on'][:, :, 1:] > 0.5
        place, goal = (
            torch.where(
                true.unsqueeze(-1), batch[f'true_{name}'][:, :, 1:], batch[f'tracked_{name}']
            )
            for name in ('place', 'turn')
        )
        gap = place - imagined.position[:, 0]
        q = imagined.rotation[:, 0]
        away = rotation_between(q, goal * ((goal * q).sum(-1, keepdim=True) + 1e-9).sign())
    arrays = (gap, away, imagined.covariance[:, 0], true | (batch['tracked_on'] > 0.5))
    return tuple(a.double().numpy() if a.dtype == torch.float32 else a.numpy() for a in arrays)
