"""How well imagined outcomes put candidates in order."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata, spearmanr

STEP_M = 0.001  # differences below are none


def round_to_millimetres(values_m: np.ndarray) -> np.ndarray:
    """Lengths (n,) [m] in whole millimetres, so that what hardly moved is tied."""
    return np.round(np.asarray(values_m) / STEP_M) * STEP_M


def rank_correlation(imagined: np.ndarray, simulated: np.ndarray) -> float | None:
    """Spearman's rho; 0 where all that is imagined is alike, None where all that happened is."""
    if np.ptp(simulated) == 0.0:
        return None
    if np.ptp(imagined) == 0.0:
        return 0.0
    return float(spearmanr(imagined, simulated).statistic)


def max_rank_correlation(simulated: np.ndarray) -> float | None:
    """What `rank_correlation` an untied score can reach: outcomes that are tied cost it some."""
    return rank_correlation(np.arange(len(simulated)), np.sort(simulated))


def auc(score: np.ndarray, success: np.ndarray) -> float | None:
    """The chance that a success scores higher than a failure; None where all went alike."""
    wins = int(success.sum())
    losses = len(success) - wins
    if not wins or not losses:
        return None
    ranks = rankdata(score)[success].sum()
    return float((ranks - 0.5 * wins * (wins + 1)) / (wins * losses))


def direction_error_rad(
    imagined: np.ndarray, simulated: np.ndarray, min_length_m: float
) -> float | None:
    """Mean angle between (n, 2) displacements of at least that length; None where there are none.

    What is imagined to stay where it is goes in no direction: a quarter turn.
    """
    moved = np.linalg.norm(simulated, axis=1) >= min_length_m
    if not moved.any():
        return None
    one, other = imagined[moved], simulated[moved]
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosine = np.where(lengths > 1e-9, (one * other).sum(axis=1) / np.maximum(lengths, 1e-9), 0.0)
    return float(np.mean(np.arccos(np.clip(cosine, -1.0, 1.0))))
