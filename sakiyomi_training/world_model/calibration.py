"""Widen or narrow what the network says of its doubt until intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import chi2

from sakiyomi_training.world_model.example_set import ExampleSet, watched_of
from world_model_node.engines.torch_engine import sample_noise
from world_model_node.model.dimensions import STEPS
from world_model_node.model.involved import Involved
from world_model_node.model.network import KINDS, WorldNetwork, kinds, turns

SHARE = 0.9
LEAST_ROWS = 20
BOUNDS = (0.05, 4.0)
SMOOTH = 5  # steps that are averaged


def calibrate(network: WorldNetwork, examples: ExampleSet, batch: int = 64) -> np.ndarray:
    """Set the network's factors on sigma for place and turn. Shape (KINDS, STEPS, 2).

    Each kind of beginning has its own; steps of which too little is known change as their
    neighbours do, and a kind of which nothing is known as all kinds together.
    """
    before = network.calibration[..., [0, 2]].double().numpy()
    network.calibration.fill_(1.0)
    place, turn, kind = distances(network, examples, batch)
    smooth = np.empty_like(before)
    for index in range(len(KINDS)):
        own = kind == index
        if own.sum() < LEAST_ROWS:
            own = np.ones(len(kind), bool)
        for column, rows in enumerate((place, turn)):
            changes = _smoothed(_changes(rows[own], before[index, :, column]))
            smooth[index, :, column] = np.clip(changes * before[index, :, column], *BOUNDS)
    network.calibration.copy_(torch.from_numpy(smooth[..., [0, 0, 1]]).float())
    return smooth


def _smoothed(values: np.ndarray) -> np.ndarray:
    padded = np.pad(values, SMOOTH // 2, mode='edge')
    return np.convolve(padded, np.full(SMOOTH, 1.0 / SMOOTH), 'valid')


def _changes(rows: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Of each step's factor (STEPS,), from squared distances (R, STEPS) at factors of one."""
    known = np.isfinite(rows)
    steps = np.flatnonzero(known.sum(axis=0) >= LEAST_ROWS)
    if not len(steps):
        return np.ones(STEPS)
    found = [sigma_factor(rows[known[:, step], step]) / before[step] for step in steps]
    return np.interp(np.arange(STEPS), steps, found)


def sigma_factor(squares: np.ndarray) -> float:
    """What sigma must be multiplied by, so that SHARE of squared distances (R,) lie inside."""
    return float(np.sqrt(np.quantile(squares, SHARE) / chi2.ppf(SHARE, 3)))


def distances(
    network: WorldNetwork, examples: ExampleSet, batch: int = 64
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Squared distances in sigmas to places and turns (R, STEPS), or NaN; beginnings (R,)."""
    found: list[tuple[np.ndarray, ...]] = []
    noise = sample_noise(network.config.samples, network)
    for rows in examples.batches(batch):
        gap, away, covariance, on = residuals(network, rows, noise)
        chosen = rows['weight'].numpy() > 0.5
        squares = (
            np.where(
                on, (vector * np.linalg.solve(block, vector[..., None])[..., 0]).sum(-1), np.nan
            )
            for vector, block in ((gap, covariance[..., :3, :3]), (away, covariance[..., 3:, 3:]))
        )
        kind = kinds(rows['motion'], rows['held']).argmax(-1).numpy()
        found.append(tuple(values[chosen] for values in (*squares, kind)))
    if not found:
        return np.zeros((0, STEPS)), np.zeros((0, STEPS)), np.zeros(0, int)
    place, turn, kind = (np.concatenate(column) for column in zip(*found, strict=True))
    return place, turn, kind


def residuals(
    network: WorldNetwork, batch: dict[str, torch.Tensor], noise: torch.Tensor
) -> tuple[np.ndarray, ...]:
    """True minus imagined place and turn (E, n, H, 3), their covariance, and where it is known.

    In recordings without simulated truth, what was tracked later stands for it.
    """
    watched = watched_of(batch)
    E, n = watched.present.shape
    with torch.no_grad():
        belief = network.update(watched)
        imagined, _ = network.imagine(
            belief,
            watched,
            batch['action'].unsqueeze(1),
            noise[None, :, None].expand(E, -1, n, -1),
            Involved(hand=bool((batch['acts'] > 0.5).any())),
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
        away = turns(q, goal * ((goal * q).sum(-1, keepdim=True) + 1e-9).sign())
    arrays = (gap, away, imagined.covariance[:, 0], true | (batch['tracked_on'] > 0.5))
    return tuple(a.double().numpy() if a.dtype == torch.float32 else a.numpy() for a in arrays)
