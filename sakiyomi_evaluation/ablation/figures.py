"""What an ablated world model is worth, against the full one on the same objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sakiyomi_evaluation.prediction.errors import (
    REPORTED_S,
    REPORTED_STEPS,
    PredictionErrors,
    figures,
)

TIME_S = 1.0
STEP = REPORTED_STEPS[REPORTED_S.index(TIME_S)]
NUM_BOOTSTRAP_DRAWS, SEED = 2000, 0  # of the bootstrap


def summarize(outcomes: Sequence[PredictionErrors]) -> dict[str, Any]:
    """Errors at `TIME_S` by scenario and the mean of these; coverage and NLL over all objects."""
    pooled = figures(outcomes, None)
    by_scenario = {name: figures(own, None) for name, own in _groups(outcomes).items()}
    errors = {name: row['error_mm'][f'{TIME_S:g}'] for name, row in by_scenario.items()}
    turns = {name: row['error_rad'][f'{TIME_S:g}'] for name, row in by_scenario.items()}
    return {
        'objects': len(outcomes),
        'error_mm': errors | {'mean': _mean(errors)},
        'error_rad': turns | {'mean': _mean(turns)},
        'coverage_90': pooled['coverage_90'],
        'nll': pooled['nll'],
    }


def ratio_to_full(
    outcomes: Sequence[PredictionErrors], full: Sequence[PredictionErrors]
) -> dict[str, Any]:
    """Mean error at `TIME_S` over the full model's: by scenario, the mean of these, its interval.

    The interval is a paired bootstrap over the objects of each scenario: how far chance in the
    choice of test episodes reaches. What another training seed would change is not in it.
    """
    own, other = _errors(outcomes), _errors(full)
    rng = np.random.default_rng(SEED)
    drawn = np.zeros((NUM_BOOTSTRAP_DRAWS, len(own)))
    for column, name in enumerate(own):
        rows = rng.integers(len(own[name]), size=(NUM_BOOTSTRAP_DRAWS, len(own[name])))
        drawn[:, column] = own[name][rows].mean(axis=1) / other[name][rows].mean(axis=1)
    ratios = {name: float(own[name].mean() / other[name].mean()) for name in own}
    return ratios | {
        'mean': _mean(ratios),
        'interval_90': np.quantile(drawn.mean(axis=1), [0.05, 0.95]).tolist(),
    }


def _errors(outcomes: Sequence[PredictionErrors]) -> dict[str, np.ndarray]:
    """Distances (N,) [m] at `TIME_S` by scenario."""
    return {
        name: np.array([np.linalg.norm(o.position_error_m[STEP]) for o in own])
        for name, own in _groups(outcomes).items()
    }


def _groups(outcomes: Sequence[PredictionErrors]) -> dict[str, list[PredictionErrors]]:
    groups: dict[str, list[PredictionErrors]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.scenario, []).append(outcome)
    return groups


def _mean(rows: dict[str, float]) -> float:
    return float(np.mean(list(rows.values())))
