"""Figures on examples for model cards; `sakiyomi evaluate predict` has the full set."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

from sakiyomi_training.world_model.calibration import residuals
from sakiyomi_training.world_model.examples.example_set import ExampleSet
from world_model_node.inference.torch_engine import sample_noise
from world_model_node.model.dimensions import STEP_S
from world_model_node.model.network import WorldNetwork

REPORT_TIMES_S = (0.25, 0.5, 1.0)
AVERAGING_SPAN_S = 0.5  # time over which errors are averaged


def t0_metrics(network: WorldNetwork, examples: ExampleSet, batch: int = 64) -> dict[str, float]:
    """Errors and coverage of objects that move or are acted on."""
    gap, turn, inside, on = _errors(network, examples, batch)
    result: dict[str, float] = {'objects': int(on.any(-1).sum())}
    for t in REPORT_TIMES_S:
        step = round(t / STEP_S) - 1
        known = on[:, step]
        if known.any():
            result[f'mm_{t:g}s'] = round(1e3 * float(gap[known, step].mean()), 2)
            result[f'rad_{t:g}s'] = round(float(turn[known, step].mean()), 3)
            result[f'coverage_90_{t:g}s'] = round(float(inside[known, step].mean()), 3)
    early = on[:, : round(AVERAGING_SPAN_S / STEP_S)]
    if early.any():
        result['mm_mean'] = round(1e3 * _mean(gap, early), 2)
        result['rad_mean'] = round(_mean(turn, early), 3)
        result['coverage_90_mean'] = round(_mean(inside, early), 3)
    return result


def _errors(network: WorldNetwork, examples: ExampleSet, batch: int) -> tuple[np.ndarray, ...]:
    """Distance, angle, whether inside the 90 % region of the position, and known mask (R, H)."""
    noise = sample_noise(network.config.samples, network)
    parts = []
    for rows in examples.batches(batch):
        gap, away, covariance, on = residuals(network, rows, noise)
        chosen = on.any(-1) & (rows['weight'].numpy() > 0.5)
        gap, away, covariance = gap[chosen], away[chosen], covariance[chosen][..., :3, :3]
        d2 = (gap * np.linalg.solve(covariance, gap[..., None])[..., 0]).sum(-1)
        lengths = (np.linalg.norm(v, axis=-1) for v in (gap, away))
        parts.append((*lengths, d2 < chi2.ppf(0.9, 3), on[chosen]))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _mean(values: np.ndarray, on: np.ndarray) -> float:
    """The mean over the known steps (R, T) of each example, then over examples."""
    known = on.any(-1)
    sums = (values[:, : on.shape[1]] * on).sum(-1)
    return float((sums[known] / on[known].sum(-1)).mean())
