"""What both pads bear together of what the hand holds, and where that falls short of its weight.

The load over the sum of the normal forces is the share of the friction cone that it takes. As a
grip loosens that share rises until the object slides, and what is then borne is friction times the
normal forces (Johansson and Westling, Experimental brain research, 1984: the slip ratio). A single
pad's shear does not tell: on slanting sides and edges the pads pull against each other as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sakiyomi.sensing import TactileReading, WrenchReading

SMOOTHED = 6  # readings
LEAST_SHORT, SHORT_SIGMAS = 0.06, 4.0  # of the weight; of a reading of the wrist
READING_SIGMA_N = 0.05
TAXEL_SIGMA_N, LOADED = 0.005, 0.1  # of a reading; of the taxel that is pressed most
BEFORE, AFTER = 3, 6  # readings around the moment at which it begins to slide
LOOSENED = 0.8  # the normal force is at most this share of what it was
PRESSED = 0.35  # of the normal force before: with less it is out of the hand
GRIPPED = 1.05  # of it: with more it is held again
SUDDEN = 0.6  # a grip that falls to less than this from reading to reading is let go


class Borne(NamedTuple):
    """By both pads, reading by reading."""

    stamps_s: np.ndarray  # (T,)
    load_n: np.ndarray  # (T, 3) along the pads, hand frame
    press_n: np.ndarray  # (T,) of both normal forces
    shear_n: np.ndarray  # (T,) of what each pad bears along its surface

    @property
    def ratio(self) -> float:
        """Of what the pads bear to what they press with."""
        along = np.linalg.norm(self.load_n, axis=1)
        return float(np.median(along / np.maximum(self.press_n, 1e-6)))


def borne(
    left: Sequence[TactileReading], right: Sequence[TactileReading], R_hand_pads: np.ndarray
) -> Borne | None:
    """The sum of both pads at the stamps of the left one, or None where one says nothing.

    Args:
        left: oldest first.
        right: the same.
        R_hand_pads: the axes of both pads (2, 3, 3), z into the finger, in the hand frame.
    """
    if not left or not right:
        return None
    stamps = np.array([r.stamp_s for r in left])
    sums = []
    for readings, R in zip((left, right), R_hand_pads, strict=True):
        own = np.array([r.forces_n.sum(axis=0) for r in readings], float)  # (t, 3) pad frame
        at = [r.stamp_s for r in readings]
        own = np.column_stack([np.interp(stamps, at, own[:, axis]) for axis in range(3)])
        shear = np.interp(stamps, at, [_sheared(r.forces_n) for r in readings])
        sums.append((own @ R.T, own[:, 2], shear))
    closing = R_hand_pads[0, :, 2]
    load = sums[0][0] + sums[1][0]
    load -= np.outer(load @ closing, closing)
    return Borne(stamps, load, sums[0][1] + sums[1][1], sums[0][2] + sums[1][2])


def _sheared(forces_n: np.ndarray) -> float:
    """What one pad (N, 3) bears along its surface [N].

    Where the object turns about the pad, what its taxels bear cancels in the sum; edges and noise
    add to what they bear one by one. Halfway is least off.
    """
    loaded = forces_n[forces_n[:, 2] > LOADED * forces_n[:, 2].max()][:, :2]
    squares = (loaded**2).sum(axis=1) - 2.0 * TAXEL_SIGMA_N**2
    each = float(np.sqrt(np.maximum(squares, 0.0)).sum())
    return 0.5 * (each + float(np.linalg.norm(forces_n[:, :2].sum(axis=0))))


def held_ratio(pads: Borne, load_n: np.ndarray, closing: np.ndarray) -> float:
    """The least friction that holds a load (3,) [N] between pads closing along a unit (3,)."""
    along = load_n - closing * (closing @ load_n)
    return float(np.linalg.norm(along) / max(np.median(pads.press_n), 1e-6))


def slid_at(
    pads: Borne, wrench: Sequence[WrenchReading], up: np.ndarray, tare_n: float, weight_n: float
) -> float | None:
    """The friction of what slid out of a still hand whose grip loosened, or None if it did not.

    While it slides, what a pad bears along its surface is friction times its normal force, on any
    side; what it bore before also hung on edges, and turned. What is gone before that can be read
    slid at what it bore last.

    Args:
        pads: of the last moments.
        wrench: of the same.
        up: the vertical (3,) in the frame of the wrench.
        tare_n: what the empty hand reads along it.
        weight_n: of the object.
    """
    if len(wrench) < BEFORE + SMOOTHED or len(pads.stamps_s) < BEFORE + SMOOTHED:
        return None
    stamps = np.array([r.stamp_s for r in wrench])
    load = _smoothed(tare_n - np.array([r.force_n @ up for r in wrench]))
    press, sheared = (np.interp(stamps, pads.stamps_s, v) for v in (pads.press_n, pads.shear_n))
    noise_n = SHORT_SIGMAS * READING_SIGMA_N / np.sqrt(SMOOTHED)
    short = max(LEAST_SHORT, noise_n / weight_n)
    sliding = np.flatnonzero(load < (1.0 - short) * weight_n)
    sliding = sliding[sliding >= BEFORE]
    if not len(sliding):
        return None
    first = int(sliding[0])  # of those that are averaged
    firm = float(np.median(press[first - BEFORE : first]))
    if firm > LOOSENED * press[0] or not _gradual(press[:first]):
        return None
    since = slice(first, first + SMOOTHED + AFTER)
    if len(press) < since.stop and press[-1] > PRESSED * firm:
        return None  # there is more to come
    slides = (press[since] > PRESSED * firm) & (press[since] < GRIPPED * firm)
    if not slides.any():
        return weight_n / firm
    return float(np.median(sheared[since][slides] / press[since][slides]))


def _gradual(press: np.ndarray) -> bool:
    return bool((press[1:] > SUDDEN * press[:-1]).all() and (press > 0.0).all())


def _smoothed(values: np.ndarray) -> np.ndarray:
    return np.convolve(values, np.full(SMOOTHED, 1.0 / SMOOTHED), 'valid')
