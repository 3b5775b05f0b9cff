"""A collection: a folder of shards that any number of workers fill, and that resumes."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from sakiyomi.errors import BadInputError, WorkFailedError
from sakiyomi_data.closed_loop.free_hand_cell import HEIGHT, WIDTH
from sakiyomi_data.episodes.layout import VERSION, Episode
from sakiyomi_data.episodes.recorder import EpisodeRecorder
from sakiyomi_data.episodes.shards import shard_about, shard_file, write_shard
from sakiyomi_data.experiments.executors import Executor
from sakiyomi_data.experiments.failures import summarize_reasons
from sakiyomi_data.experiments.worker_process import describe_error
from sakiyomi_data.experiments.workers import JobOutcome
from sakiyomi_data.object_split import is_held_out
from sakiyomi_data.scenarios.registry import check_scenarios
from simulation_node.objects.object_files import object_files

log = logging.getLogger(__name__)
SPLITS = ('train', 'held_out', 'all')
ABOUT_FILE = 'collection.json'


@dataclass(frozen=True)
class CollectionPlan:
    """What a collection is made from; the same plan gives the same episodes."""

    objects: tuple[str, ...]
    split: str
    scenarios: tuple[str, ...]
    seed: int
    shard_size: int = 50
    width: int = WIDTH
    height: int = HEIGHT
    rays: int | None = None
    version: int = VERSION
    lidar: bool = True  # whether the fusion gets its scans

    def scenario(self, index: int) -> str:
        """Of episode `index`: each in turn."""
        return self.scenarios[index % len(self.scenarios)]


@dataclass(frozen=True)
class ShardJob:
    """One shard to be made."""

    plan: CollectionPlan
    out: Path
    index: int
    count: int

    @property
    def path(self) -> Path:
        """Where it goes."""
        return shard_file(self.out, self.index)


def split_files(objects: tuple[str, ...], split: str) -> tuple[Path, ...]:
    """The object files of all folders that belong to the split.

    Raises:
        BadInputError: a folder is missing or empty, or the split is.
    """
    files = tuple(file for folder in objects for file in object_files(folder))
    own = tuple(f for f in files if split == 'all' or is_held_out(f.stem) == (split == 'held_out'))
    if not own:
        got = f'{",".join(objects)} with {len(files)} objects'
        raise BadInputError(f'objects: got {got}, expected some in the split {split}')
    return own


@dataclass(frozen=True)
class ShardResult:
    """What came of one."""

    episodes: int
    failed: tuple[str, ...]  # why each of the others is not in it


def make_shard(job: ShardJob) -> ShardResult:
    """Record one shard's episodes and write them; one that raises is left out and noted.

    Raises:
        WorkFailedError: every one of them did.
    """
    files = split_files(job.plan.objects, job.plan.split)
    first = job.index * job.plan.shard_size
    episodes, failed = [], []
    for index in range(first, first + job.count):
        try:
            episodes.append(_episode(job.plan, files, index))
        except Exception as error:
            _recorder.cache_clear()  # nothing that is left of the failure reaches the next one
            failed.append({'index': index, 'failed': describe_error(error)})
    told = tuple(entry['failed'] for entry in failed)
    if not episodes:
        raise WorkFailedError(f'episodes: all {job.count} failed: {summarize_reasons(told)}')
    about = asdict(job.plan) | ({'failed': failed} if failed else {})
    write_shard(job.path, episodes, about)
    return ShardResult(len(episodes), told)


def _episode(plan: CollectionPlan, files: tuple[Path, ...], index: int) -> Episode:
    recorder = _recorder(plan.width, plan.height, plan.rays, plan.lidar)
    return recorder.episode(plan.scenario(index), files, plan.seed, index)


@lru_cache(maxsize=1)
def _recorder(width: int, height: int, rays: int | None, lidar: bool) -> EpisodeRecorder:
    """One per process."""
    return EpisodeRecorder(width=width, height=height, rays=rays, lidar=lidar)


def missing_shards(plan: CollectionPlan, out: Path, episodes: int) -> list[ShardJob]:
    """The shards that are not there yet; a damaged one is made again, and that is said."""
    jobs = []
    for index in range(-(-episodes // plan.shard_size)):
        count = min(plan.shard_size, episodes - index * plan.shard_size)
        job = ShardJob(plan, out, index, count)
        if not _is_done(job):
            jobs.append(job)
    return jobs


def _is_done(job: ShardJob) -> bool:
    if not job.path.exists():
        return False
    try:
        about = shard_about(job.path)
        return about['episodes'] + len(about.get('failed', ())) >= job.count
    except BadInputError as error:
        log.warning('%s; it is made again', error)
        return False


def open_collection(plan: CollectionPlan, out: Path) -> None:
    """Make the folder, or check that what is in it was made from the same plan.

    Raises:
        BadInputError: a bad plan, a file in place of the folder, or another plan's folder.
    """
    check_scenarios(plan.scenarios)
    split_files(plan.objects, plan.split)
    open_folder(out, asdict(plan), {f.name: f.default for f in fields(plan)})


def open_folder(out: Path, about: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Make the folder with a note of what it is made from, or check that it has the same one.

    Args:
        out: the folder.
        about: what it is made from.
        defaults: of what the notes of older folders lack.

    Raises:
        BadInputError: a file in its place, or a folder that is made from something else.
    """
    if out.exists() and not out.is_dir():
        raise BadInputError(f'--out {out}: got a file, expected a folder')
    out.mkdir(parents=True, exist_ok=True)
    for left in out.glob('*.part'):
        left.unlink()
    mine, note = json.loads(json.dumps(about)), out / ABOUT_FILE
    if not note.exists():
        part = note.with_suffix('.part')
        part.write_text(json.dumps(mine, indent=2) + '\n', encoding='utf-8')
        os.replace(part, note)
    try:
        theirs = json.loads(note.read_text(encoding='utf-8'))
    except ValueError as error:
        raise BadInputError(f'{note}: not valid JSON: {error}') from error
    before = defaults | theirs
    differing = [key for key in mine if before[key] != mine[key]]
    if differing:
        key = differing[0]
        raise BadInputError(
            f'--out {out}: was begun with {key} {before[key]!r}, got {mine[key]!r};'
            ' expected the same or another folder'
        )


def collect(
    plan: CollectionPlan, out: Path, episodes: int, executor: Executor
) -> Iterator[JobOutcome]:
    """Fill the folder; yields what came of each shard that was not there yet."""
    yield from executor.results(make_shard, missing_shards(plan, out, episodes))
