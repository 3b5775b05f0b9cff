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

from sakiyomi_data.running.rounds import Round
from sakiyomi_data.running.strips import Strip
from sakiyomi_evaluation.prediction.errors import Tally, judge_one
from sakiyomi_evaluation.prediction.predictors import (
    ConstantTwist,
    DynamicsPredictor,
    Predictor,
    Simulated,
    Told,
)
from sakiyomi_training.episodes.layout import Episode
from sakiyomi_training.episodes.recorder import Recorder
from sakiyomi_training.episodes.shards import read_shard, shard_about, shard_files
from simulation_node.rollouts.rollout import HullWorld
from world_model_node.config import WorldModelConfig
from world_model_node.core import WorldModel
from world_model_node.inference.dynamics import Dynamics
from world_model_node.inference.physics_prior import PhysicsPrior

MODEL = 'model'
FAR_M = 0.10  # off after 1 s: a prediction that failed


@dataclass(frozen=True)
class Judged:
    """What is kept of a round."""

    model: str  # the name of its dynamics
    tally: Tally


class Source(Protocol):
    """Where episodes come from."""

    def episode(self, index: int, strip: Strip) -> Episode | None:
        """Episode `index`; None where it is of another scenario than was asked for."""


class Played:
    """Fresh episodes of objects from these files, each scenario in turn."""

    def __init__(self, files: tuple[Path, ...], scenarios: Sequence[str], seed: int) -> None:
        self._files, self._scenarios, self._seed = files, scenarios, seed
        self._recorder = Recorder()

    def episode(self, index: int, strip: Strip) -> Episode:
        """Play it; the strip sees every frame."""
        scenario = self._scenarios[index % len(self._scenarios)]
        return self._recorder.episode(scenario, self._files, self._seed, index, strip.frame)


class Stored:
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


def predictors(dynamics: Dynamics, world: HullWorld) -> list[Predictor]:
    """The model and everything that it has to beat."""
    return [
        DynamicsPredictor(dynamics, MODEL),
        DynamicsPredictor(PhysicsPrior(WorldModelConfig().prediction)),
        ConstantTwist(),
        *(Simulated(world, told) for told in Told),
    ]


def make_worker(
    args: argparse.Namespace, scenarios: Sequence[str], files: tuple[Path, ...]
) -> Callable[[Round], Judged]:
    """What judges rounds, all with one model."""
    dynamics, world = WorldModel(WorldModelConfig()).dynamics, HullWorld()
    those = predictors(dynamics, world)
    source: Source = (
        Played(files, scenarios, args.seed)
        if args.episodes is None
        else Stored(args.episodes, scenarios)
    )

    def work(one: Round) -> Judged:
        return Judged(dynamics.name, judge_round(source, those, args.strips, one))

    return work


def judge_round(
    source: Source, those: Sequence[Predictor], strips: Path | None, one: Round
) -> Tally:
    """Every predictor on one episode; a strip is drawn where the model failed."""
    tally, strip = Tally([], {}, {}), Strip(strips, f'round{one.index:03d}')
    episode = source.episode(one.index, strip)
    if episode is None:
        return tally
    judge_one(episode, those, tally)
    scenario = str(episode['episode/scenario'])
    far_m = max(
        (float(np.linalg.norm(o.gap_m[-1])) for o in tally.outcomes if o.predictor == MODEL),
        default=0.0,
    )
    if tally.untracked[scenario]:
        strip.write(scenario, f'{tally.untracked[scenario]} without a track at t0')
    elif far_m > FAR_M:
        strip.write(scenario, f'predicted {1e3 * far_m:.0f} mm off after 1 s')
    return tally


def pooled(tallies: Iterable[Tally]) -> Tally:
    """All of them together."""
    total = Tally([], {}, {})
    for tally in tallies:
        total.outcomes.extend(tally.outcomes)
        for sums, own in ((total.objects, tally.objects), (total.untracked, tally.untracked)):
            for scenario, count in own.items():
                sums[scenario] = sums.get(scenario, 0) + count
    return total
