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

NUM_SMOOTHED = 6  # readings
MIN_WEIGHT_DEFICIT, WEIGHT_DEFICIT_SIGMAS = 0.06, 4.0  # of the weight; of a reading of the wrist
WRENCH_SIGMA_N = 0.05
TAXEL_SIGMA_N, MIN_TAXEL_RATIO = 0.005, 0.1  # of a reading; of the taxel that is pressed most
NUM_BEFORE, NUM_AFTER = 3, 6  # readings around the moment at which it begins to slide
MAX_LOOSENED_RATIO = 0.8  # the normal force is at most this share of what it was
MIN_GRIP_RATIO = 0.35  # of the normal force before: with less it is out of the hand
MAX_SLIDING_RATIO = 1.05  # of it: with more it is held again
MIN_GRADUAL_RATIO = 0.6  # a grip that falls to less than this from reading to reading is let go


class PadLoads(NamedTuple):
    """By both pads, reading by reading."""

    stamps_s: np.ndarray  # (T,)
    tangential_load_n: np.ndarray  # (T, 3) along the pads, hand frame
    normal_force_n: np.ndarray  # (T,) of both normal forces
    pad_shear_n: np.ndarray  # (T,) of what each pad bears along its surface

    @property
    def tangential_ratio(self) -> float:
        """Of what the pads bear to what they press with."""
        tangential_n = np.linalg.norm(self.tangential_load_n, axis=1)
        return float(np.median(tangential_n / np.maximum(self.normal_force_n, 1e-6)))


def measure_pad_loads(
    left: Sequence[TactileReading], right: Sequence[TactileReading], R_hand_pads: np.ndarray
) -> PadLoads | None:
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
        force = np.array([r.forces_n.sum(axis=0) for r in readings], float)  # (t, 3) pad frame
        times = [r.stamp_s for r in readings]
        force = np.column_stack([np.interp(stamps, times, force[:, axis]) for axis in range(3)])
        shear = np.interp(stamps, times, [_pad_shear(r.forces_n) for r in readings])
        sums.append((force @ R.T, force[:, 2], shear))
    closing = R_hand_pads[0, :, 2]
    load = sums[0][0] + sums[1][0]
    load -= np.outer(load @ closing, closing)
    return PadLoads(stamps, load, sums[0][1] + sums[1][1], sums[0][2] + sums[1][2])


def _pad_shear(forces_n: np.ndarray) -> float:
    """What one pad (N, 3) bears along its surface [N].

    Where the object turns about the pad, what its taxels bear cancels in the sum; edges and noise
    add to what they bear one by one. Halfway is least off.
    """
    loaded = forces_n[forces_n[:, 2] > MIN_TAXEL_RATIO * forces_n[:, 2].max()][:, :2]
    squares = (loaded**2).sum(axis=1) - 2.0 * TAXEL_SIGMA_N**2
    taxel_shear_n = float(np.sqrt(np.maximum(squares, 0.0)).sum())
    return 0.5 * (taxel_shear_n + float(np.linalg.norm(forces_n[:, :2].sum(axis=0))))


def required_friction(pads: PadLoads, tangential_load_n: np.ndarray, closing: np.ndarray) -> float:
    """The least friction that holds a load (3,) [N] between pads closing along a unit (3,)."""
    tangential_n = tangential_load_n - closing * (closing @ tangential_load_n)
    return float(np.linalg.norm(tangential_n) / max(np.median(pads.normal_force_n), 1e-6))


def friction_at_slip(
    pads: PadLoads,
    wrench: Sequence[WrenchReading],
    up: np.ndarray,
    tare_force_n: float,
    weight_n: float,
) -> float | None:
    """The friction of what slid out of a still hand whose grip loosened, or None if it did not.

    While it slides, what a pad bears along its surface is friction times its normal force, on any
    side; what it bore before also hung on edges, and turned. What is gone before that can be read
    slid at what it bore last.

    Args:
        pads: of the last moments.
        wrench: of the same.
        up: the vertical (3,) in the frame of the wrench.
        tare_force_n: what the empty hand reads along it.
        weight_n: of the object.
    """
    if len(wrench) < NUM_BEFORE + NUM_SMOOTHED or len(pads.stamps_s) < NUM_BEFORE + NUM_SMOOTHED:
        return None
    stamps = np.array([r.stamp_s for r in wrench])
    load = _smooth(tare_force_n - np.array([r.force_n @ up for r in wrench]))
    normal_n, pad_shear = (
        np.interp(stamps, pads.stamps_s, v) for v in (pads.normal_force_n, pads.pad_shear_n)
    )
    noise_n = WEIGHT_DEFICIT_SIGMAS * WRENCH_SIGMA_N / np.sqrt(NUM_SMOOTHED)
    weight_deficit = max(MIN_WEIGHT_DEFICIT, noise_n / weight_n)
    sliding = np.flatnonzero(load < (1.0 - weight_deficit) * weight_n)
    sliding = sliding[sliding >= NUM_BEFORE]
    if not len(sliding):
        return None
    first = int(sliding[0])  # of those that are averaged
    grip_n = float(np.median(normal_n[first - NUM_BEFORE : first]))
    if grip_n > MAX_LOOSENED_RATIO * normal_n[0] or not _is_gradual(normal_n[:first]):
        return None
    since = slice(first, first + NUM_SMOOTHED + NUM_AFTER)
    if len(normal_n) < since.stop and normal_n[-1] > MIN_GRIP_RATIO * grip_n:
        return None  # there is more to come
    is_sliding = (normal_n[since] > MIN_GRIP_RATIO * grip_n) & (
        normal_n[since] < MAX_SLIDING_RATIO * grip_n
    )
    if not is_sliding.any():
        return weight_n / grip_n
    return float(np.median(pad_shear[since][is_sliding] / normal_n[since][is_sliding]))


def _is_gradual(normal_n: np.ndarray) -> bool:
    return bool(
        (normal_n[1:] > MIN_GRADUAL_RATIO * normal_n[:-1]).all() and (normal_n > 0.0).all()
    )


def _smooth(values: np.ndarray) -> np.ndarray:
    return np.convolve(values, np.full(NUM_SMOOTHED, 1.0 / NUM_SMOOTHED), 'valid')
