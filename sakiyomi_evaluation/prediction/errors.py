"""Predicted against true motion: errors over time, and how honest the covariance is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi_data.episodes.layout import SAMPLE_PERIOD_S, T0_SAMPLE, Episode
from sakiyomi_data.episodes.truth_columns import true_centers
from sakiyomi_evaluation.perception.state_errors import CHI2_90_3DOF
from sakiyomi_evaluation.prediction.predictors import TIMES_S, PredictedMotion, Predictor

REPORTED_S = (0.25, 0.5, 1.0)
REPORTED_STEPS = [round(t / SAMPLE_PERIOD_S) - 1 for t in REPORTED_S]
MIN_SIGMA_M = 1e-3


@dataclass(frozen=True)
class PredictionErrors:
    """One predictor on one object of one episode."""

    scenario: str
    predictor: str
    position_error_m: np.ndarray  # (H, 3) predicted minus true centre
    rotation_error_rad: np.ndarray  # (H,) error of the rotation since t0
    covariance: np.ndarray | None  # (H, 3, 3) of the position


@dataclass
class ErrorTally:
    """Outcomes, and how many objects could not be judged because nothing tracked them at t0."""

    outcomes: list[PredictionErrors]
    objects: dict[str, int]
    untracked: dict[str, int]


def evaluate_episodes(episodes: Iterable[Episode], predictors: Sequence[Predictor]) -> ErrorTally:
    """Every predictor on every object that the scenario is about."""
    tally = ErrorTally([], {}, {})
    for episode in episodes:
        evaluate_episode(episode, predictors, tally)
    return tally


def evaluate_episode(episode: Episode, predictors: Sequence[Predictor], tally: ErrorTally) -> None:
    """Add the outcomes of one episode."""
    scenario = str(episode['episode/scenario'])
    actors = np.flatnonzero(episode['truth/actor'])
    slots = episode['truth/slot'][actors]
    tally.objects[scenario] = tally.objects.get(scenario, 0) + len(actors)
    tally.untracked[scenario] = tally.untracked.get(scenario, 0) + int((slots < 0).sum())
    if (slots < 0).all():
        return
    for predictor in predictors:
        futures = predictor.predict(episode)
        for row, slot in zip(actors, slots, strict=True):
            if slot >= 0:
                future = futures[int(episode['frames/id'][slot])]
                tally.outcomes.append(
                    _prediction_errors(scenario, predictor.name, future, episode, row)
                )


def _prediction_errors(
    scenario: str, predictor: str, future: PredictedMotion, episode: Episode, row: int
) -> PredictionErrors:
    after = slice(T0_SAMPLE + 1, T0_SAMPLE + 1 + len(TIMES_S))
    gap = future.T_world_object[:, :3, 3] - true_centers(episode)[after, row]
    R = episode['truth/T_world_object'][:, row, :3, :3].astype(float)
    true_turn = Rotation.from_matrix(R[after] @ R[T0_SAMPLE].T)
    turn = Rotation.from_matrix(future.T_world_object[:, :3, :3] @ future.R_start.T)
    error = (turn.inv() * true_turn).magnitude()
    return PredictionErrors(scenario, predictor, gap, error, future.position_covariance)


def fit_noise(outcomes: Sequence[PredictionErrors]) -> np.ndarray:
    """The likeliest Gaussian, level and upright, at each time: sigma (H, 2) [m], never shrinking.

    One for all scenarios: the predictor that it is for knows of none.
    """
    gaps = np.array([o.position_error_m for o in outcomes])  # (n, H, 3)
    horizontal = np.sqrt(np.mean(gaps[..., :2] ** 2, axis=(0, 2)))
    vertical = np.sqrt(np.mean(gaps[..., 2] ** 2, axis=0))
    sigma = np.maximum(np.stack([horizontal, vertical], axis=1), MIN_SIGMA_M)
    return np.maximum.accumulate(sigma, axis=0)


def noise_covariance(sigma: np.ndarray) -> np.ndarray:
    """The covariances (H, 3, 3) of a fitted noise (H, 2)."""
    return np.einsum('hi,ij->hij', sigma[:, [0, 0, 1]] ** 2, np.eye(3))


def figures(outcomes: Sequence[PredictionErrors], sigma: np.ndarray | None) -> dict[str, Any]:
    """Errors at the shown times; coverage and NLL by own covariance, or that of the noise."""
    gaps = np.linalg.norm([o.position_error_m for o in outcomes], axis=-1)  # (n, H)
    turns = np.array([o.rotation_error_rad for o in outcomes])
    result: dict[str, Any] = {
        'objects': len(outcomes),
        'error_mm': _reported(1e3 * gaps.mean(axis=0)),
        'median_mm': _reported(1e3 * np.median(gaps, axis=0)),
        'error_rad': _reported(turns.mean(axis=0)),
        'median_rad': _reported(np.median(turns, axis=0)),
        'curve_mm': [round(float(v), 3) for v in 1e3 * gaps.mean(axis=0)],
    }
    calibration = _calibration(outcomes, sigma)
    if calibration is not None:
        inside, nll = calibration
        result['coverage_90'] = float(inside[:, REPORTED_STEPS].mean())
        result['coverage_90_at'] = _reported(inside.mean(axis=0))
        result['nll'] = float(nll[:, REPORTED_STEPS].mean())
        result['nll_at'] = _reported(nll.mean(axis=0))
    return result


def _calibration(
    outcomes: Sequence[PredictionErrors], sigma: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Inside the 90 % ellipsoid of the position (n, H), and its NLL (n, H) [nats, m]."""
    if sigma is None and any(o.covariance is None for o in outcomes):
        return None
    fitted = None if sigma is None else noise_covariance(sigma)
    covariance = np.array([o.covariance if fitted is None else fitted for o in outcomes])
    gap = np.array([o.position_error_m for o in outcomes])[..., None]
    d2 = (gap * np.linalg.solve(covariance, gap)).sum(axis=(-1, -2))
    spread = np.linalg.slogdet(covariance)[1]
    return d2 < CHI2_90_3DOF, 0.5 * (d2 + spread + 3.0 * np.log(2.0 * np.pi))


def _reported(values: np.ndarray) -> dict[str, float]:
    return {f'{t:g}': float(values[i]) for t, i in zip(REPORTED_S, REPORTED_STEPS, strict=True)}
