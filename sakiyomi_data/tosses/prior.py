"""What is believed of a cube's parameters before its own tosses: set by hand, or learned.

A normal distribution over how far the parameters lie from `starting_point`, in whose axes the
search is done, and how strongly it holds against the tosses. A learned one also knows by how much
the 90 % radius, calibrated on the few tosses that were fitted, has to be widened.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from sakiyomi.errors import BadInputError
from sakiyomi_data.tosses.cube_model import NAMES, SCALES

HAND_SET_WEIGHT = 0.05


@dataclass(frozen=True)
class TossPrior:
    """A normal distribution over D parameters."""

    mean: np.ndarray  # (D,) from the starting point
    factor: np.ndarray  # (D, D) whose product with its transpose is the covariance
    weight: float  # of one toss, on the squared distance from the mean in standard deviations
    counts: np.ndarray = field(default_factory=lambda: np.array([1.0]))  # (M,) tosses, increasing
    widening: np.ndarray = field(default_factory=lambda: np.ones((1, 2)))  # (M, 2) place, turn

    def widening_for(self, count: int) -> tuple[float, float]:
        """Factors on the radii of place and turn after `count` tosses, between those known."""
        at = np.log(count), np.log(self.counts)
        return tuple(float(np.interp(*at, column)) for column in self.widening.T)

    @property
    def fingerprint(self) -> str:
        """Of every number in it."""
        arrays = (self.mean, self.factor, np.array([self.weight]), self.counts, self.widening)
        return hashlib.sha256(b''.join(array.tobytes() for array in arrays)).hexdigest()


HAND_SET = TossPrior(np.zeros(len(NAMES)), np.diag(SCALES), HAND_SET_WEIGHT)


def learned_prior(offsets: np.ndarray, weight: float) -> TossPrior:
    """Mean and covariance of the fitted offsets (K, D) of K cubes.

    With few cubes chance correlations are drawn towards none by the estimate of Schäfer and
    Strimmer, A shrinkage approach to large-scale covariance matrix estimation, 2005.
    """
    deviation = offsets.std(0, ddof=1)
    count = len(offsets)
    z = (offsets - offsets.mean(0)) / deviation
    products = z[:, :, None] * z[:, None, :]  # (K, D, D)
    correlation = products.sum(0) / (count - 1)
    doubt = count / (count - 1) ** 3 * np.square(products - products.mean(0)).sum(0)
    others = ~np.eye(len(deviation), dtype=bool)
    shrunk = min(1.0, doubt[others].sum() / np.square(correlation[others]).sum())
    correlation = np.where(others, (1.0 - shrunk) * correlation, 1.0)
    factor = np.linalg.cholesky(correlation) * deviation[:, None]
    return TossPrior(offsets.mean(0), factor, weight)


def write_prior(path: Path, prior: TossPrior, details: dict) -> None:
    """As safetensors; `details` are for people to read."""
    tensors = {
        'mean': prior.mean,
        'factor': prior.factor,
        'weight': np.array([prior.weight]),
        'counts': prior.counts,
        'widening': prior.widening,
    }
    metadata = {'parameters': ' '.join(NAMES), 'details': json.dumps(details)}
    part = path.with_suffix('.part')
    try:
        save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, part, metadata)
        part.replace(path)
    except OSError as error:
        raise BadInputError(f'--out {path}: {error.strerror or error}') from error


def read_prior(path: Path) -> TossPrior:
    """What `write_prior` wrote.

    Raises:
        BadInputError: the file is missing, cut off, of other parameters or holds what cannot be.
    """
    try:
        with safe_open(path, framework='numpy') as file:
            names = (file.metadata() or {}).get('parameters')
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise BadInputError(f'--pretrained {path}: got no prior: {error}') from error
    if names != ' '.join(NAMES):
        raise BadInputError(f'--pretrained {path}: parameters: got {names}, expected {NAMES}')
    size, count = len(NAMES), tensors.get('counts', np.zeros(0)).size
    shapes = {
        'mean': (size,),
        'factor': (size, size),
        'weight': (1,),
        'counts': (max(count, 1),),
        'widening': (max(count, 1), 2),
    }
    for name, shape in shapes.items():
        _check(path, name, tensors.get(name), shape)
    if (np.diff(tensors['counts']) <= 0.0).any():
        counts = tensors['counts'].tolist()
        raise BadInputError(f'--pretrained {path}: counts: got {counts}, expected increasing')
    return TossPrior(**tensors | {'weight': float(tensors['weight'][0])})


def _check(path: Path, name: str, values: np.ndarray | None, shape: tuple[int, ...]) -> None:
    if values is None or values.shape != shape or values.dtype != np.float64:
        got = 'none' if values is None else f'{values.dtype} {values.shape}'
        raise BadInputError(f'--pretrained {path}: {name}: got {got}, expected float64 {shape}')
    if not np.isfinite(values).all():
        raise BadInputError(f'--pretrained {path}: {name}: got values that are not finite')
    if name in ('weight', 'counts', 'widening') and (values <= 0.0).any():
        least = float(values.min())
        raise BadInputError(f'--pretrained {path}: {name}: got {least:g}, expected more than 0')
