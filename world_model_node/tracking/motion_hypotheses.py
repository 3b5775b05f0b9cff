"""Hypotheses on an object's motion between two frames: impulses, release, steady motion."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from world_model_node.tracking.motion_config import MultipleModelConfig

Row = tuple[float, float, float, float, float]  # of the columns of `Hypotheses`


class Hypotheses(NamedTuple):
    """H hypotheses."""

    impulse_s: np.ndarray  # (H,) after the last frame; inf: none
    impulse_mps: np.ndarray  # (H,) standard deviation of the change of velocity per axis
    fall_s: np.ndarray  # (H,) begin of free fall; inf: the object is supported
    accel_noise_mps2: np.ndarray  # (H,)
    weight: np.ndarray  # (H,)

    def is_steady(self, config: MultipleModelConfig) -> np.ndarray:
        """Which (H,) hypotheses are of a steady motion."""
        return (self.accel_noise_mps2 == config.steady_accel_mps2) & ~np.isfinite(self.impulse_s)


def hypotheses(
    dt_s: float, steady: float | None, unsupported: bool, config: MultipleModelConfig
) -> Hypotheses:
    """The hypotheses on the motion since the last frame.

    Args:
        dt_s: since the last frame.
        steady: probability that the motion was steady; None: the object was at rest.
        unsupported: whether the object was above the table.
        config: the tuning of the hypotheses.
    """
    at_s = (np.arange(config.num_impulse_times) + 0.5) / config.num_impulse_times * dt_s
    rows = _supported(at_s, steady, config)
    if unsupported:
        rows += _falling(rows, at_s, steady is not None, config)
    columns = np.array(rows).T
    return Hypotheses(*columns[:4], columns[4] / columns[4].sum())


def _supported(at_s: np.ndarray, steady: float | None, config: MultipleModelConfig) -> list[Row]:
    """Impulses of several strengths at several instants, and motion without an impulse."""
    sigmas_mps, noise = config.impulse_sigmas_mps, config.maneuvering_accel_mps2
    maneuvering = 1.0 if steady is None else 1.0 - steady
    struck = 1.0 if steady is None else config.impulse_probability
    each = struck * maneuvering / (len(at_s) * len(sigmas_mps))
    rows = [(t, impulse, np.inf, noise, each) for impulse in sigmas_mps for t in at_s]
    if steady is not None:
        undisturbed = (1.0 - config.impulse_probability) * maneuvering
        rows += [
            (np.inf, 0.0, np.inf, config.steady_accel_mps2, steady),
            (np.inf, 0.0, np.inf, noise, undisturbed),
        ]
    return rows


def _falling(
    supported: list[Row], at_s: np.ndarray, moved: bool, config: MultipleModelConfig
) -> list[Row]:
    """Falls that begin with an impulse, with a release, or before the last frame."""
    released = config.release_probability / len(at_s)
    rows = [(t, impulse, t, w, p) for t, impulse, _, w, p in supported if np.isfinite(t)]
    rows += [(np.inf, 0.0, t, config.steady_accel_mps2, released) for t in at_s]
    if moved:
        rows += [(t, impulse, 0.0, w, 2.0 * p) for t, impulse, _, w, p in supported]
    return rows
