"""Fit the step to tosses, resumably; what it predicts, with how much doubt."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from sakiyomi.errors import BadInputError
from sakiyomi_data.tosses.cma_es import CmaEs
from sakiyomi_data.tosses.cube_model import Paths, TossModel, starting_point
from sakiyomi_data.tosses.errors import (
    PathErrors,
    geometric_median,
    mean_of,
    path_errors,
    rms_spread,
)
from sakiyomi_data.tosses.flight import Flight, estimate_flight
from sakiyomi_data.tosses.prior import HAND_SET, TossPrior
from sakiyomi_data.tosses.recordings import Tosses, concatenate_tosses

NUM_CANDIDATES, INITIAL_SIGMA = 14, 0.8
BATCH_SIZE, LATE_BATCH_SIZE, LATE_SHARE = 80, 160, 0.25
NUM_FIT_FRAMES = 80
LENGTH_SCALE_M, ANGLE_SCALE_RAD = 0.01, 0.25  # errors that weigh the same
NUM_SAMPLES = 24
SAVE_EVERY = 5


def toss_cost(errors: PathErrors) -> np.ndarray:
    """Mean distance and angle of every candidate, in comparable units. Shape (C,)."""
    distance = mean_of(errors.position_m, errors.recorded) / LENGTH_SCALE_M
    angle = mean_of(errors.rotation_rad, errors.recorded) / ANGLE_SCALE_RAD
    return np.nan_to_num(distance + angle, nan=1e3)


class TossFit:
    """The search for the parameters of one cube, from recordings of its tosses."""

    def __init__(
        self, tosses: Tosses, generations: int, seed: int, prior: TossPrior = HAND_SET
    ) -> None:
        self.tosses, self.generations, self.seed = tosses.cut(NUM_FIT_FRAMES), generations, seed
        self.model = TossModel(tosses.rate_hz)
        self.flight: Flight = estimate_flight(tosses)
        self.prior = prior
        self.start = starting_point(self.flight) + prior.mean
        self.search = CmaEs(len(self.start), NUM_CANDIDATES, INITIAL_SIGMA, seed)

    @property
    def parameters(self) -> np.ndarray:
        """The best guess so far. Shape (D,)."""
        return self.at(self.search.mean)

    def run(self, checkpoint: Path | None, progress: Callable[[int], None]) -> None:
        """Search to the end, from the checkpoint where there is one."""
        if checkpoint is not None and checkpoint.exists():
            self.search.restore(_read(checkpoint, self.fingerprint()))
        while self.search.generation < self.generations:
            advance([self])
            progress(self.search.generation)
            if checkpoint is not None and self.search.generation % SAVE_EVERY == 0:
                _write(checkpoint, self.search.state(), self.fingerprint())

    def fingerprint(self) -> str:
        """Of everything that a checkpoint must agree with."""
        digest = hashlib.sha256(self.tosses.position.tobytes())
        digest.update(repr((self.seed, self.generations, len(self.tosses))).encode())
        digest.update(self.prior.fingerprint.encode())
        return digest.hexdigest()

    def tell(self, candidates: np.ndarray, batch: Tosses, paths: Paths) -> None:
        """Learn from the paths (C, N, T) of this generation's candidates on this batch."""
        prior = self.prior.weight / len(self.tosses) * (candidates**2).sum(1)
        self.search.tell(candidates, toss_cost(path_errors(paths, batch)) + prior)

    def at(self, points: np.ndarray) -> np.ndarray:
        """Parameters (..., D) of points in the axes of the search."""
        return self.start + points @ self.prior.factor.T

    def batch(self) -> Tosses:
        """Those of this generation."""
        return self.tosses.take(self._chosen())

    def _chosen(self) -> np.ndarray:
        """Other tosses every generation, more of them towards the end."""
        late = self.search.generation >= (1.0 - LATE_SHARE) * self.generations
        size = min(LATE_BATCH_SIZE if late else BATCH_SIZE, len(self.tosses))
        random = np.random.default_rng([self.seed, self.search.generation, 1])
        return np.sort(random.permutation(len(self.tosses))[:size])


def advance(fits: list[TossFit]) -> None:
    """One generation of every search, in one rollout; their tosses are of one rate and length."""
    asked = [(fit, fit.search.ask(), fit.batch()) for fit in fits]
    rows, first = [], []
    for fit, candidates, batch in asked:
        rows.append(np.repeat(fit.at(candidates), len(batch), 0))
        first.append(batch.cut(1).take(np.tile(np.arange(len(batch)), len(candidates))))
    frames = asked[0][2].position.shape[1]
    paths = fits[0].model.roll_out_each(np.concatenate(rows), concatenate_tosses(first), frames)
    begin = 0
    for fit, candidates, batch in asked:
        end = begin + len(candidates) * len(batch)
        own = (p[begin:end] for p in (paths.position, paths.rotation))
        shape = (len(candidates), len(batch))
        fit.tell(candidates, batch, Paths(*(p.unflatten(0, shape) for p in own)))
        begin = end


@dataclass(frozen=True)
class RadiusCalibration:
    """Factors that make of a spread the radius that holds 90 %, and what the model adds to it.

    The factors hold on the tosses they were measured on; `widening` is for others.
    """

    position: float
    rotation: float
    position_floor_m: np.ndarray  # (T,)
    rotation_floor_rad: np.ndarray  # (T,)
    widening: tuple[float, float]  # of place and turn


class TossPredictor:
    """Samples of the first twist, rolled out; their medians and a calibrated radius."""

    def __init__(self, fit: TossFit) -> None:
        self.model, self.parameters, self.seed = fit.model, fit.parameters, fit.seed
        errors = fit.flight.errors
        self.errors = errors - np.median(errors, 0)
        self.prior = fit.prior
        self.calibration: RadiusCalibration | None = None

    def predict(self, tosses: Tosses) -> tuple[Paths, np.ndarray, np.ndarray]:
        """Medians, and the spread [m], [rad] of the samples. Shape (N, T)."""
        random = np.random.default_rng([self.seed, 2])
        chosen = random.integers(len(self.errors), size=(NUM_SAMPLES, len(tosses)))
        parameters = np.tile(self.parameters, (NUM_SAMPLES, 1))
        samples = self.model.roll_out(parameters, tosses, self.errors[chosen])
        median_paths = geometric_median(samples)
        return median_paths, *rms_spread(samples, median_paths)

    def calibrate(self, tosses: Tosses) -> None:
        """Fit the radius to the errors on these tosses."""
        median_paths, distance, angle = self.predict(tosses)
        errors = path_errors(median_paths, tosses)
        recorded = tosses.recorded
        frames = recorded.shape[1]
        series = (errors.position_m, errors.rotation_rad)
        floors = [_extended(_floor(values, recorded), frames) for values in series]
        factors = [
            float(np.quantile((error / (wide + floor))[recorded], 0.9))
            for error, wide, floor in (
                (errors.position_m, distance, floors[0]),
                (errors.rotation_rad, angle, floors[1]),
            )
        ]
        self.calibration = RadiusCalibration(
            *factors, *floors, self.prior.widening_for(len(tosses))
        )

    def coverage(
        self, errors: PathErrors, distance: np.ndarray, angle: np.ndarray, widened: bool = True
    ) -> dict[str, float]:
        """Share of recorded frames within their 90 % radius, as calibrated or widened too."""
        assert self.calibration is not None
        within = self.shares_of_radius(errors, distance, angle)
        limits = self.calibration.widening if widened else (1.0, 1.0)
        shares = [
            float((share[errors.recorded] <= limit).mean())
            for share, limit in zip(within, limits, strict=True)
        ]
        return {
            'coverage': float(np.mean(shares)),
            'coverage_position': shares[0],
            'coverage_rotation': shares[1],
        }

    def shares_of_radius(
        self, errors: PathErrors, distance: np.ndarray, angle: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Distance and angle over their radius as calibrated, not widened. Shape (N, T)."""
        assert self.calibration is not None
        frames = errors.recorded.shape[1]
        floor_m = _extended(self.calibration.position_floor_m, frames)
        floor_rad = _extended(self.calibration.rotation_floor_rad, frames)
        near = errors.position_m / (self.calibration.position * (distance + floor_m))
        return near, errors.rotation_rad / (self.calibration.rotation * (angle + floor_rad))


def _floor(errors: np.ndarray, recorded: np.ndarray) -> np.ndarray:
    """The median error of each frame, smoothed. Shape (T,)."""
    known = np.where(recorded, errors, np.nan)
    enough = recorded.sum(0) >= min(3, len(recorded))
    last = int(np.flatnonzero(enough)[-1]) + 1
    medians = np.nanmedian(known[:, :last], axis=0)
    padded = np.pad(medians, 4, mode='edge')
    return np.maximum(np.convolve(padded, np.ones(9) / 9.0, mode='valid'), 1e-6)


def _extended(floor: np.ndarray, frames: int) -> np.ndarray:
    """Its last value for what lasts longer. Shape (frames,)."""
    return floor[np.minimum(np.arange(frames), len(floor) - 1)]


def _write(path: Path, state: dict[str, np.ndarray], fingerprint: str) -> None:
    part = path.with_suffix('.part')
    try:
        save_file(
            {k: np.ascontiguousarray(v) for k, v in state.items()}, part, {'of': fingerprint}
        )
        part.replace(path)
    except OSError as error:
        raise BadInputError(f'--checkpoint {path}: {error.strerror or error}') from error


def _read(path: Path, fingerprint: str) -> dict[str, np.ndarray]:
    try:
        with safe_open(path, framework='numpy') as file:
            found = (file.metadata() or {}).get('of')
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise BadInputError(f'--checkpoint {path}: got no checkpoint: {error}') from error
    if found != fingerprint:
        raise BadInputError(
            f'--checkpoint {path}: got one of other tosses, generations, seed or prior; '
            'expected the same'
        )
    return state
