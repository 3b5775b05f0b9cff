"""Recordings of the same interactions by different sensors, judged on the same objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi_data.episodes.layout import T0_SAMPLE, Episode
from sakiyomi_data.episodes.scene_columns import NO_TRACK
from sakiyomi_data.episodes.shards import read_episodes

SAME_POSITION_M = 1e-3  # what happens twice from one seed ends no farther apart


def read_paired_episodes(
    folders: Sequence[Path], others: Sequence[Path] = ()
) -> Iterator[Episode]:
    """The episodes of `folders`; with `others`, what those did not track has no track here either.

    Raises:
        BadInputError: no such folder, no shard in it, or `others` are of other interactions.
    """
    episodes = _all(folders)
    if not others:
        yield from episodes
        return
    for number, (one, other) in enumerate(zip_longest(episodes, _all(others))):
        if one is None or other is None or not _same_interaction(one, other):
            raise BadInputError(
                f'{folders[0]} and {others[0]}: got different interactions at episode {number},'
                ' expected the same ones, collected with the same seed'
            )
        both = (one['truth/slot'] >= 0) & (other['truth/slot'] >= 0)
        yield one | {'truth/slot': np.where(both, one['truth/slot'], NO_TRACK)}


def tracked_share(folders: Sequence[Path]) -> float:
    """Of the objects that the scenarios are about, how many had a track at t0."""
    tracked = [e['truth/slot'][e['truth/actor']] >= 0 for e in _all(folders)]
    return float(np.concatenate(tracked).mean())


def _all(folders: Sequence[Path]) -> Iterator[Episode]:
    return chain.from_iterable(read_episodes(folder) for folder in folders)


def _same_interaction(one: Episode, other: Episode) -> bool:
    if list(one['truth/name']) != list(other['truth/name']):
        return False
    places = (e['truth/T_world_object'][T0_SAMPLE:, :, :3, 3] for e in (one, other))
    return np.allclose(*places, rtol=0.0, atol=SAME_POSITION_M)
