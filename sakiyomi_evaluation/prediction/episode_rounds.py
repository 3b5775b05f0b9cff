"""One round of `evaluate predict`: an episode, played or read, and every predictor on it."""

from __future__ import annotations

import argparse
from bisect import bisect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Protocol

import numpy as np

from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi_data.episodes.layout import Episode
from sakiyomi_data.episodes.recorder import EpisodeRecorder
from sakiyomi_data.episodes.shards import read_shard, shard_about, shard_files
from sakiyomi_data.experiments.rounds import Round
from sakiyomi_data.experiments.strips import Strip
from sakiyomi_data.rollouts.hull_simulator import HullSimulator
from sakiyomi_evaluation.prediction.errors import ErrorTally, evaluate_episode
from sakiyomi_evaluation.prediction.predictors import (
    ConstantTwist,
    DynamicsPredictor,
    OracleLevel,
    Predictor,
    PyBulletPredictor,
)
from world_model_node.config import WorldModelConfig
from world_model_node.core import WorldModel
from world_model_node.inference.dynamics import Dynamics
from world_model_node.inference.physics_prior import PhysicsPrior

MODEL = 'model'
FAILURE_M = 0.10  # off after 1 s: a prediction that failed


@dataclass(frozen=True)
class EpisodeResult:
    """What is kept of a round."""

    model: str  # the name of its dynamics
    tally: ErrorTally


class EpisodeSource(Protocol):
    """Where episodes come from."""

    def episode(self, index: int, strip: Strip) -> Episode | None:
        """Episode `index`; None where it is of another scenario than was asked for."""


class SimulatedEpisodes:
    """Fresh episodes of objects from these files, each scenario in turn."""

    def __init__(self, files: tuple[Path, ...], scenarios: Sequence[str], seed: int) -> None:
        self._files, self._scenarios, self._seed = files, scenarios, seed
        self._recorder = EpisodeRecorder()

    def episode(self, index: int, strip: Strip) -> Episode:
        """Play it; the strip sees every frame."""
        scenario = self._scenarios[index % len(self._scenarios)]
        return self._recorder.episode(scenario, self._files, self._seed, index, strip.frame)


class StoredEpisodes:
    """Collected episodes; there is nothing to draw of them."""

    def __init__(self, folder: Path, scenarios: Sequence[str]) -> None:
        self._shards, self._scenarios = shard_files(folder), scenarios
        self._ends = list(accumulate(shard_about(file)['episodes'] for file in self._shards))

    def episode(self, index: int, strip: Strip) -> Episode | None:
        """Read it."""
        shard = bisect(self._ends, index)
        first = self._ends[shard - 1] if shard else 0
        episode = _read(self._shards[shard])[index - first]
        return episode if str(episode['episode/scenario']) in self._scenarios else None


@lru_cache(maxsize=1)
def _read(shard: Path) -> list[Episode]:
    """The shard that the episodes of the moment are in."""
    return read_shard(shard)


def predictors(dynamics: Dynamics, world: HullSimulator) -> list[Predictor]:
    """The model and everything that it has to beat."""
    return [
        DynamicsPredictor(dynamics, MODEL),
        DynamicsPredictor(PhysicsPrior(WorldModelConfig().prediction, read_robot_config().hand)),
        ConstantTwist(),
        *(PyBulletPredictor(world, oracle) for oracle in OracleLevel),
    ]


def make_worker(
    args: argparse.Namespace, scenarios: Sequence[str], files: tuple[Path, ...]
) -> Callable[[Round], EpisodeResult]:
    """What judges rounds, all with one model."""
    dynamics, world = WorldModel(WorldModelConfig()).dynamics, HullSimulator()
    all_predictors = predictors(dynamics, world)
    source: EpisodeSource = (
        SimulatedEpisodes(files, scenarios, args.seed)
        if args.episodes is None
        else StoredEpisodes(args.episodes, scenarios)
    )

    def work(one: Round) -> EpisodeResult:
        return EpisodeResult(
            dynamics.name, evaluate_round(source, all_predictors, args.strips, one)
        )

    return work


def evaluate_round(
    source: EpisodeSource, all_predictors: Sequence[Predictor], strips: Path | None, one: Round
) -> ErrorTally:
    """Every predictor on one episode; a strip is drawn where the model failed."""
    tally, strip = ErrorTally([], {}, {}), Strip(strips, f'round{one.index:03d}')
    episode = source.episode(one.index, strip)
    if episode is None:
        return tally
    evaluate_episode(episode, all_predictors, tally)
    scenario = str(episode['episode/scenario'])
    final_error_m = max(
        (
            float(np.linalg.norm(o.position_error_m[-1]))
            for o in tally.outcomes
            if o.predictor == MODEL
        ),
        default=0.0,
    )
    if tally.untracked[scenario]:
        strip.write(scenario, f'{tally.untracked[scenario]} without a track at t0')
    elif final_error_m > FAILURE_M:
        strip.write(scenario, f'predicted {1e3 * final_error_m:.0f} mm off after 1 s')
    return tally


def pooled(tallies: Iterable[ErrorTally]) -> ErrorTally:
    """All of them together."""
    total = ErrorTally([], {}, {})
    for tally in tallies:
        total.outcomes.extend(tally.outcomes)
        for sums, own in ((total.objects, tally.objects), (total.untracked, tally.untracked)):
            for scenario, count in own.items():
                sums[scenario] = sums.get(scenario, 0) + count
    return total
