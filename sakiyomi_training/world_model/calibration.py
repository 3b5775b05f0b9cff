"""Widen or narrow what the network says of its doubt until intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import chi2

from sakiyomi_training.world_model.example_set import ExampleSet, watched_of
from world_model_node.engines.torch_engine import sample_noise
from world_model_node.model.dimensions import STEPS
from world_model_node.model.involved import Involved
from world_model_node.model.network import WorldNetwork, turns

SHARE = 0.9
LEAST_ROWS = 20
BOUNDS = (0.05, 4.0)
SMOOTH = 5  # steps that are averaged


def calibrate(network: WorldNetwork, examples: ExampleSet, batch: int = 64) -> np.ndarray:
    """Set the network's factors on sigma, one per step, for place and turn. Shape (STEPS, 2).

    Steps of which too little is known change as their neighbours do.
    """
    before = network.calibration[:, [0, 2]].double().numpy()
    network.calibration.fill_(1.0)
    place, turn = distances(network, examples, batch)
    changes = np.stack(
        [_changes(rows, before[:, column]) for column, rows in enumerate((place, turn))],
        1,
    )
    padded = np.pad(changes, ((SMOOTH // 2, SMOOTH // 2), (0, 0)), mode='edge')
    window = np.ones(SMOOTH) / SMOOTH
    smooth = np.stack([np.convolve(column, window, 'valid') for column in padded.T], 1)
    smooth = np.clip(smooth * before, *BOUNDS)
    network.calibration.copy_(torch.from_numpy(smooth[:, [0, 0, 1]]).float())
    return smooth


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
) -> tuple[np.ndarray, np.ndarray]:
    """Squared Mahalanobis distances to places and turns, (R, STEPS); NaN where unknown."""
    place, turn = [np.zeros((0, STEPS))], [np.zeros((0, STEPS))]
    noise = sample_noise(network.config.samples, network)
    for rows in examples.batches(batch):
        gap, away, covariance, on = residuals(network, rows, noise)
        for found, vector, block in (
            (place, gap, covariance[..., :3, :3]),
            (turn, away, covariance[..., 3:, 3:]),
        ):
            d2 = (vector * np.linalg.solve(block, vector[..., None])[..., 0]).sum(-1)
            found.append(np.where(on, d2, np.nan)[rows['weight'].numpy() > 0.5])
    return np.concatenate(place), np.concatenate(turn)


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
