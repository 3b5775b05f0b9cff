import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
from cheap_sensors import CHEAP

from sakiyomi.errors import BadInputError, WorkFailedError
from sakiyomi_cli.main import main
from sakiyomi_data.episodes import collection
from sakiyomi_data.episodes.collection import (
    ABOUT_FILE,
    CollectionPlan,
    ShardResult,
    collect,
    missing_shards,
    open_collection,
    split_files,
)
from sakiyomi_data.episodes.shards import (
    read_episodes,
    read_shard,
    shard_about,
    shard_file,
    write_shard,
)
from sakiyomi_data.experiments.executors import LocalExecutor
from sakiyomi_data.experiments.workers import JobOutcome

PLAN = CollectionPlan(('random_urdfs',), 'train', ('drop',), seed=4, shard_size=1, **CHEAP)


class Here:
    """Works in this process."""

    def results(self, work, jobs):
        yield from (JobOutcome(job, work(job)) for job in jobs)


@pytest.fixture(scope='module')
def complete(tmp_path_factory):
    out = tmp_path_factory.mktemp('complete')
    open_collection(PLAN, out)
    made = [outcome.result for outcome in collect(PLAN, out, 2, Here())]
    assert made == [ShardResult(1, ()), ShardResult(1, ())]
    return out


class Interrupted:
    """Stops after the first job, as Ctrl-C would."""

    def results(self, work, jobs):
        yield JobOutcome(jobs[0], work(jobs[0]))
        raise KeyboardInterrupt


def test_an_interrupted_collection_goes_on_and_ends_the_same(complete, tmp_path, same):
    open_collection(PLAN, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        list(collect(PLAN, tmp_path, 2, Interrupted()))
    (tmp_path / 'shard_00001.h5.1.part').write_bytes(b'half')
    open_collection(PLAN, tmp_path)
    assert [job.index for job in missing_shards(PLAN, tmp_path, 2)] == [1]
    list(collect(PLAN, tmp_path, 2, Here()))
    assert not list(tmp_path.glob('*.part'))
    for one, other in zip(read_episodes(complete), read_episodes(tmp_path), strict=True):
        assert same(one, other) == []


@pytest.mark.slow
def test_two_workers_make_what_one_makes(complete, tmp_path, same):
    open_collection(PLAN, tmp_path)
    ended = collect(PLAN, tmp_path, 2, LocalExecutor(2))
    assert [outcome.result for outcome in ended] == [ShardResult(1, ()), ShardResult(1, ())]
    for one, other in zip(read_episodes(complete), read_episodes(tmp_path), strict=True):
        assert same(one, other) == []


def test_an_episode_that_raises_is_left_out_and_the_shard_says_why(
    push, drop, tmp_path, monkeypatch
):
    made = {0: push, 2: drop}

    def episode(plan, files, index):
        return made[index]

    monkeypatch.setattr(collection, '_episode', episode)
    plan = replace(PLAN, shard_size=3)
    (outcome,) = collect(plan, tmp_path, 3, Here())
    assert outcome.result.episodes == 2
    assert outcome.result.failed[0].startswith('KeyError: 1 (')
    about = shard_about(shard_file(tmp_path, 0))
    assert about['failed'] == [{'index': 1, 'failed': outcome.result.failed[0]}]
    assert not missing_shards(plan, tmp_path, 3)
    made.clear()
    with pytest.raises(WorkFailedError, match='episodes: all 3 failed: 1 x KeyError'):
        list(collect(plan, tmp_path / 'none', 3, Here()))


def test_a_damaged_shard_is_refused_in_one_line_and_made_again(complete, tmp_path):
    whole = shard_file(complete, 0).read_bytes()
    cut = shard_file(tmp_path, 0)
    for content in (whole[: len(whole) // 2], b'', b'not HDF5' * 100):
        cut.write_bytes(content)
        with pytest.raises(BadInputError, match=r'shard_00000\.h5') as caught:
            read_shard(cut)
        assert '\n' not in str(caught.value)
        assert [job.index for job in missing_shards(PLAN, tmp_path, 1)] == [0]


def test_a_shard_of_another_layout_is_refused(complete, tmp_path):
    import h5py

    path = shard_file(tmp_path, 0)
    path.write_bytes(shard_file(complete, 0).read_bytes())
    with h5py.File(path, 'r+') as file:
        file.attrs['version'] = 99
    with pytest.raises(BadInputError, match='99'):
        read_shard(path)
    with h5py.File(path, 'r+') as file:
        file.attrs['version'] = PLAN.version
        del file['frames/twist']
    with pytest.raises(BadInputError, match='frames/twist'):
        read_shard(path)


def test_what_is_written_is_read_again(push, drop, tmp_path, same):
    write_shard(tmp_path / 'shard_00000.h5', [push, drop], {})
    for one, other in zip((push, drop), read_episodes(tmp_path), strict=True):
        for name in other:
            assert str(other[name]) == str(one[name]) or other[name].shape == one[name].shape
        assert str(other['episode/scenario']) == str(one['episode/scenario'])
        assert list(other['truth/name']) == list(one['truth/name'])


def test_a_folder_that_was_begun_otherwise_is_not_mixed(complete):
    with pytest.raises(BadInputError, match='seed'):
        open_collection(replace(PLAN, seed=5), complete)


def test_a_folder_from_before_a_choice_was_there_goes_on_with_its_default(complete, tmp_path):
    about = json.loads((complete / ABOUT_FILE).read_text())
    del about['lidar']
    (tmp_path / ABOUT_FILE).write_text(json.dumps(about))
    open_collection(PLAN, tmp_path)
    with pytest.raises(BadInputError, match='lidar'):
        open_collection(replace(PLAN, lidar=False), tmp_path)


def test_the_splits_share_no_object():
    train, held_out = (
        {f.stem for f in split_files(('random_urdfs',), part)} for part in ('train', 'held_out')
    )
    assert train and held_out and not train & held_out
    assert train | held_out == {f.stem for f in split_files(('random_urdfs',), 'all')}


@pytest.mark.parametrize(
    ('arguments', 'told'),
    [
        (['--objects', '/nowhere'], '/nowhere'),
        (['--objects', 'random_urdfs', '--scenarios', 'juggle'], 'juggle'),
        (['--objects', 'random_urdfs', '--episodes', '0'], '--episodes'),
        (['--objects', 'random_urdfs', '--workers', '0'], '--workers'),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, told, tmp_path, capsys):
    assert main(['collect', *arguments, '--out', str(tmp_path / 'out')]) == 2
    error = capsys.readouterr().err.strip()
    assert told in error and '\n' not in error


def test_a_shard_from_before_a_column_was_kept_is_read(push, tmp_path):
    write_shard(tmp_path / 'shard_00000.h5', [push], {})
    with h5py.File(tmp_path / 'shard_00000.h5', 'a') as file:
        del file['truth/belt_mps'], file['truth/undisturbed_s']
    (read,) = read_shard(tmp_path / 'shard_00000.h5')
    assert np.isnan(read['truth/belt_mps']).all() and np.isnan(read['truth/undisturbed_s'])
    assert np.array_equal(read['truth/twist'], push['truth/twist'])
