"""Calibration of the predicted covariances to their nominal coverage."""

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
MIN_ROWS = 20  # residuals that a factor needs
FACTOR_BOUNDS = (0.05, 4.0)
SMOOTHING_STEPS = 5  # steps of the moving average
MAX_SIGMAS = 10.0  # bound of a residual in sigmas
COLUMNS = (slice(0, 2), slice(2, 3), slice(3, 6))  # horizontal, vertical, angular


class Residuals(NamedTuple):
    """True minus predicted poses of R starts."""

    gap: np.ndarray  # (R, NUM_STEPS, 6) position and rotation vector; NaN if unknown
    covariance: np.ndarray  # (R, NUM_STEPS, 6, 6)
    kind: np.ndarray  # (R,) kind of the initial motion


def calibrate(network: WorldNetwork, examples: ExampleSet, batch: int = 64) -> np.ndarray:
    """Set the network's factors on sigma: horizontal, vertical, angular. Shape (3, NUM_STEPS, 3).

    Horizontal and vertical are apart, since the height of a fallen object is more certain than its
    horizontal position. Each kind of initial motion has its own factors; steps with few residuals
    interpolate their neighbours, and kinds with few residuals use all kinds.
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
    """The factors of one kind. Shape (NUM_STEPS, 3)."""
    factors = before.copy()
    for column, part in enumerate(COLUMNS):
        own = covariance[..., part, part]
        factors[:, column] *= _changes(gap[..., part], own, before[:, column])
    return np.clip(factors, *FACTOR_BOUNDS)


def _changes(gap: np.ndarray, covariance: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Changes of the factors (NUM_STEPS,), from residuals (R, NUM_STEPS, D) at factors of one."""
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
    """The factor on sigma with which the nominal share of squared distances (R,) lies inside.

    The factor is at least the root mean square: with a few outliers, the quantile alone gives a
    sigma under which the outliers are impossible. Distances are in sigmas over `size` axes.
    """
    share = np.quantile(squares, COVERAGE) / chi2.ppf(COVERAGE, size)
    return float(np.sqrt(max(share, np.mean(np.minimum(squares, MAX_SIGMAS**2)) / size)))


def collect_residuals(network: WorldNetwork, examples: ExampleSet, batch: int = 64) -> Residuals:
    """The residuals of all objects of full weight."""
    found: list[Residuals] = []
    noise = sample_noise(network.config.samples, network)
    for rows in examples.batches(batch):
        gap, away, covariance, on = residuals(network, rows, noise)
        chosen = rows['weight'].numpy() > 0.5
        both = np.where(on[..., None], np.concatenate([gap, away], -1), np.nan)
        kinds = motion_kinds(rows['motion'], rows['held'], network.uncertainty.min_airborne_height)
        kind = kinds.argmax(-1).numpy()
        found.append(Residuals(both[chosen], covariance[chosen], kind[chosen]))
    if not found:
        return Residuals(
            np.zeros((0, NUM_STEPS, 6)), np.zeros((0, NUM_STEPS, 6, 6)), np.zeros(0, int)
        )
    return Residuals(*(np.concatenate(column) for column in zip(*found, strict=True)))


def residuals(
    network: WorldNetwork, batch: dict[str, torch.Tensor], noise: torch.Tensor
) -> tuple[np.ndarray, ...]:
    """True minus predicted position and rotation (E, n, H, 3), covariance, and known mask.

    Without simulated truth, the later tracked poses take its place.
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
