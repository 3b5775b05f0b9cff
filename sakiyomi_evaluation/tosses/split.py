"""Which of the recorded tosses are used, which of them are fitted, and whether files agree."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi_evaluation.tosses.recordings import LEAST_TOSSES, Tosses

KEPT_SHARE = 0.2
SLOWEST_HZ, FASTEST_HZ = 30.0, 2000.0


def check_rates(train: Tosses, train_path: Path, test: Tosses, test_path: Path) -> None:
    """Whether both are of one usual rate.

    Raises:
        BadInputError: they are not.
    """
    if not SLOWEST_HZ <= train.rate_hz <= FASTEST_HZ:
        expected = f'expected {SLOWEST_HZ:g} to {FASTEST_HZ:g}'
        raise BadInputError(f'--train {train_path}: rate_hz: got {train.rate_hz:g}, {expected}')
    if not math.isclose(train.rate_hz, test.rate_hz, rel_tol=1e-3):
        expected = f'expected {train.rate_hz:g} as in --train'
        raise BadInputError(f'--test {test_path}: rate_hz: got {test.rate_hz:g}, {expected}')


def some_of(train: Tosses, count: int | None, seed: int, flag: str) -> Tosses:
    """`count` of them, which ones is up to the seed; None: all in their order.

    Raises:
        BadInputError: there are not as many; named for the option `flag`.
    """
    if count is None:
        return train
    if not LEAST_TOSSES <= count <= len(train):
        expected = f'expected {LEAST_TOSSES} to {len(train)}'
        raise BadInputError(f'{flag}: got {count}, {expected}')
    return train.take(np.random.default_rng([seed, 4]).permutation(len(train))[:count])


def split(train: Tosses, seed: int) -> tuple[Tosses, Tosses]:
    """Tosses to fit, and those kept for the calibration."""
    order = np.random.default_rng([seed, 5]).permutation(len(train))
    count = max(2, round(KEPT_SHARE * len(train)))
    return train.take(order[count:]), train.take(order[:count])
