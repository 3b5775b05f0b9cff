"""A prior over the parameters of a tossed cube, learned from simulated cubes.

The method is learning from many tasks (Baxter, A model of inductive bias learning, 2000): each
cube is fitted on its own, and the spread of the fits is the prior of the next cube. Further cubes,
of which only some tosses are shown, give the weight of the prior and the factor that widens a
radius calibrated on few tosses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sakiyomi_data.tosses.cube_model import NAMES, starting_point
from sakiyomi_data.tosses.errors import path_errors
from sakiyomi_data.tosses.fit import NUM_FIT_FRAMES, TossFit, TossPredictor, advance, toss_cost
from sakiyomi_data.tosses.flight import estimate_flight
from sakiyomi_data.tosses.prior import HAND_SET, TossPrior, learned_prior
from sakiyomi_data.tosses.recordings import Tosses
from sakiyomi_data.tosses.simulated_cubes import sample_cube, simulate_tosses
from sakiyomi_data.tosses.tossed_cube import CubeProperties

KNOWN_PARAMETERS = ('friction', 'restitution', 'radius_squared', 'axial_ratio')
WEIGHTS = (0.05, 0.2, 0.8)  # candidate weights of the prior
NUM_TESTED = 16  # test tosses of each further cube
FITTED_SHARE = 0.8  # share of the shown tosses that are fitted, as in `evaluate toss`
COVERAGE = 0.9  # share of the frames that a calibrated radius contains
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Pretraining:
    """Size of the simulation and of the search."""

    cubes: int = 32
    tosses: int = 16  # tosses of each cube
    further_cubes: int = 12
    counts: tuple[int, ...] = (8, 16, 32, 64)
    generations: int = 40
    seed: int = 0


def pretrain(settings: Pretraining, progress: Progress) -> tuple[TossPrior, dict]:
    """The prior, and the figures on the further cubes."""
    offsets = np.array(_offsets(settings, progress))
    num_shown = max(settings.counts)
    test_cubes = [
        simulate_tosses(sample_cube(rng), num_shown + NUM_TESTED, rng)
        for rng in _generators(settings, settings.further_cubes, 1)
    ]
    min_count = min(settings.counts)
    costs = {}
    for weight in WEIGHTS:
        fits = _fitted(test_cubes, min_count, learned_prior(offsets, weight), settings, progress)
        costs[weight] = _cost(fits, test_cubes, settings)
    prior = learned_prior(offsets, min(costs, key=costs.get))
    by_hand = _cost(
        _fitted(test_cubes, min_count, HAND_SET, settings, progress), test_cubes, settings
    )
    widening = []
    for count in settings.counts:
        fits = _fitted(test_cubes, count, prior, settings, progress)
        widening.append(_widening(fits, test_cubes, count, settings))
    prior = replace(prior, counts=np.array(settings.counts, float), widening=np.array(widening))
    figures = {
        f'cost_of_weight_{min_count}_tosses': {
            str(weight): cost for weight, cost in costs.items()
        },
        f'cost_by_hand_{min_count}_tosses': by_hand,
        'weight': prior.weight,
        'mean': dict(zip(NAMES, prior.mean, strict=True)),
        'deviation': dict(zip(NAMES, np.linalg.norm(prior.factor, axis=1), strict=True)),
        'widening': dict(zip(map(str, settings.counts), widening, strict=True)),
    }
    return prior, figures


def _generators(settings: Pretraining, count: int, stream: int) -> list[np.random.Generator]:
    return [np.random.default_rng([settings.seed, stream, i]) for i in range(count)]


def _offsets(settings: Pretraining, progress: Progress) -> list[np.ndarray]:
    """Fitted parameters of every cube less the starting point of its flight. Shape (D,) each."""
    fits = []
    for rng in _generators(settings, settings.cubes, 0):
        cube = sample_cube(rng)
        tosses = simulate_tosses(cube, settings.tosses, rng)
        begin = replace(HAND_SET, mean=_from_truth(cube, tosses))
        fits.append(TossFit(tosses, settings.generations, settings.seed, begin))
    _search(fits, 'cubes', progress)
    return [fit.parameters - starting_point(fit.flight) for fit in fits]


def _from_truth(cube: CubeProperties, tosses: Tosses) -> np.ndarray:
    """True parameters of a simulated cube less the starting point. Shape (D,)."""
    start = starting_point(estimate_flight(tosses))
    known = {name: getattr(cube, name) for name in KNOWN_PARAMETERS}
    known_values = dict(zip(NAMES, start, strict=True)) | known
    return np.array(list(known_values.values())) - start


def _fitted(
    test_cubes: list[Tosses],
    count: int,
    prior: TossPrior,
    settings: Pretraining,
    progress: Progress,
) -> list[TossFit]:
    """Fits of every further cube on its first tosses."""
    some = np.arange(round(FITTED_SHARE * count))
    fits = [
        TossFit(tosses.take(some), settings.generations, settings.seed, prior)
        for tosses in test_cubes
    ]
    _search(fits, f'{count} tosses', progress)
    return fits


def _search(fits: list[TossFit], name: str, progress: Progress) -> None:
    for generation in range(fits[0].generations):
        advance(fits)
        progress(name, generation + 1, fits[0].generations)


def _tested(tosses: Tosses, settings: Pretraining) -> Tosses:
    return tosses.take(max(settings.counts) + np.arange(NUM_TESTED)).cut(NUM_FIT_FRAMES)


def _cost(fits: list[TossFit], test_cubes: list[Tosses], settings: Pretraining) -> float:
    """The mean cost over the cubes, on test tosses."""
    costs = []
    for fit, tosses in zip(fits, test_cubes, strict=True):
        tested = _tested(tosses, settings)
        paths = fit.model.roll_out(fit.parameters[None], tested)
        costs.append(float(toss_cost(path_errors(paths, tested))[0]))
    return float(np.mean(costs))


def _widening(
    fits: list[TossFit], test_cubes: list[Tosses], count: int, settings: Pretraining
) -> list[float]:
    """Factors on the radii of position and rotation that reach the coverage on test tosses."""
    shares = []
    for fit, tosses in zip(fits, test_cubes, strict=True):
        predictor = TossPredictor(fit)
        predictor.calibrate(tosses.take(np.arange(count)))
        tested = _tested(tosses, settings)
        median_paths, distance, angle = predictor.predict(tested)
        shares.append(
            predictor.shares_of_radius(path_errors(median_paths, tested), distance, angle)
        )
    return [float(np.quantile(np.stack(kind), COVERAGE)) for kind in zip(*shares, strict=True)]
