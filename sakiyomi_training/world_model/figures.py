"""Quick figures on examples, for model cards; `sakiyomi evaluate predict` has the full ones."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

from sakiyomi_training.world_model.calibration import residuals
from sakiyomi_training.world_model.example_set import ExampleSet
from world_model_node.engines.torch_engine import sample_noise
from world_model_node.model.dimensions import STEP_S
from world_model_node.model.network import WorldNetwork

SHOWN_S = (0.25, 0.5, 1.0)


def t0_figures(network: WorldNetwork, examples: ExampleSet, batch: int = 64) -> dict[str, float]:
    """Errors and coverage of what objects do that something happens to."""
    noise = sample_noise(network.config.samples, network)
    gaps, turns_, inside = [], [], []
    for rows in examples.batches(batch):
        gap, away, covariance, on = residuals(network, rows, noise)
        chosen = on.all(-1) & (rows['weight'].numpy() > 0.5)
        gap, away, covariance = gap[chosen], away[chosen], covariance[chosen][..., :3, :3]
        d2 = (gap * np.linalg.solve(covariance, gap[..., None])[..., 0]).sum(-1)
        gaps.append(np.linalg.norm(gap, axis=-1))
        turns_.append(np.linalg.norm(away, axis=-1))
        inside.append(d2 < chi2.ppf(0.9, 3))
    gap, turn, share = (np.concatenate(parts) for parts in (gaps, turns_, inside))
    result: dict[str, float] = {'objects': len(gap)}
    for t in SHOWN_S:
        step = round(t / STEP_S) - 1
        if len(gap):
            result[f'mm_{t:g}s'] = round(1e3 * float(gap[:, step].mean()), 2)
            result[f'rad_{t:g}s'] = round(float(turn[:, step].mean()), 3)
            result[f'coverage_90_{t:g}s'] = round(float(share[:, step].mean()), 3)
    return result
