"""Which of the recorded tosses are used, which of them are fitted, and whether files agree."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi_data.tosses.recordings import MIN_TOSSES, Tosses

CALIBRATION_SHARE = 0.2
MIN_RATE_HZ, MAX_RATE_HZ = 30.0, 2000.0


def check_rates(train: Tosses, train_path: Path, test: Tosses, test_path: Path) -> None:
    """Whether both are of one usual rate.

    Raises:
        BadInputError: they are not.
    """
    if not MIN_RATE_HZ <= train.rate_hz <= MAX_RATE_HZ:
        expected = f'expected {MIN_RATE_HZ:g} to {MAX_RATE_HZ:g}'
        raise BadInputError(f'--train {train_path}: rate_hz: got {train.rate_hz:g}, {expected}')
    if not math.isclose(train.rate_hz, test.rate_hz, rel_tol=1e-3):
        expected = f'expected {train.rate_hz:g} as in --train'
        raise BadInputError(f'--test {test_path}: rate_hz: got {test.rate_hz:g}, {expected}')


def subset(train: Tosses, count: int | None, seed: int, flag: str) -> Tosses:
    """`count` of them, which ones is up to the seed; None: all in their order.

    Raises:
        BadInputError: there are not as many; named for the option `flag`.
    """
    if count is None:
        return train
    if not MIN_TOSSES <= count <= len(train):
        expected = f'expected {MIN_TOSSES} to {len(train)}'
        raise BadInputError(f'{flag}: got {count}, {expected}')
    return train.take(np.random.default_rng([seed, 4]).permutation(len(train))[:count])


def split_tosses(train: Tosses, seed: int) -> tuple[Tosses, Tosses]:
    """Tosses to fit, and those kept for the calibration."""
    order = np.random.default_rng([seed, 5]).permutation(len(train))
    count = max(2, round(CALIBRATION_SHARE * len(train)))
    return train.take(order[count:]), train.take(order[:count])
