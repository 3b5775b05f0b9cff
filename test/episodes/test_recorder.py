import numpy as np
import pytest
from cheap_sensors import CHEAP

from sakiyomi.errors import BadInputError
from sakiyomi_data.episodes.layout import COLUMNS, T0_FRAME, T0_SAMPLE
from sakiyomi_data.episodes.recorder import EpisodeRecorder
from sakiyomi_data.episodes.scene_columns import (
    farthest_point_sampling,
    read_action,
    read_scenes,
)
from sakiyomi_data.episodes.truth_columns import true_centers
from sakiyomi_data.scenarios.registry import check_scenarios


def test_an_episode_has_every_column_of_the_layout(push, drop):
    for episode in (push, drop):
        assert set(episode) == set(COLUMNS)
        for name, column in COLUMNS.items():
            assert np.shape(episode[name]) == column.shape, name


def test_the_same_seed_gives_the_same_episode_whatever_was_played_before(
    push, drop, recorder, files, same
):
    assert same(recorder.episode('push', files, 3, 0), push) == []
    assert 'frames/points_m' in same(drop, push)


def test_without_lidar_the_same_happens_and_less_is_seen(push, files, same):
    recorder = EpisodeRecorder(**CHEAP, lidar=False)
    other = recorder.episode('push', files, 3, 0)
    recorder.close()
    differing = same(push, other)
    assert 'frames/points_m' in differing
    told = {name for name in differing if not name.startswith('frames/')}
    assert told <= {'truth/slot', 'episode/tracked'}


def test_stamps_count_from_t0(push):
    assert push['frames/stamp_s'] == pytest.approx(0.1 * (np.arange(23) - 12), abs=1e-6)
    for name in ('hand', 'truth'):
        assert push[f'{name}/stamp_s'] == pytest.approx(0.05 * (np.arange(45) - 24), abs=1e-6)
    assert push['frames/stamp_s'][T0_FRAME] == push['truth/stamp_s'][T0_SAMPLE] == 0.0


def test_the_tracked_object_is_where_it_really_is_before_it_is_touched(push):
    slot, first = push['truth/slot'][0], 1  # tracks are confirmed by a second look
    assert push['episode/tracked'] and slot >= 0
    told = push['frames/T_world_object'][first, slot, :3, 3]
    assert np.linalg.norm(told - true_centers(push)[2 * first, 0]) < 0.02


def test_an_episode_tells_from_when_on_nothing_but_the_hand_acts(push, drop):
    assert push['truth/undisturbed_s'] == pytest.approx(-1.2)
    let_go_s = -float(drop['truth/undisturbed_s'])
    assert 0.02 <= let_go_s <= 0.4
    led_mps = np.linalg.norm(drop['truth/twist'][:, 0, :3], axis=1)
    falls = drop['truth/stamp_s'] > 0.05 - let_go_s
    assert led_mps[~falls].max() < 0.6 < led_mps.max()


def test_a_dropped_object_falls_until_the_table_stops_it(drop):
    height = true_centers(drop)[:, 0, 2]
    assert height[0] - height[-1] > 0.03
    assert drop['truth/T_world_object'][-1, 0, 2, 3] > 0.0
    assert not drop['hand/present'] and read_action(drop) is None


def test_the_plan_of_the_hand_is_what_the_hand_then_does(push):
    planned = push['action/T_world_grasp'][:, :3, 3]
    done = push['hand/T_world_grasp'][T0_SAMPLE:, :3, 3]
    assert np.linalg.norm(planned - done, axis=1).max() < 0.03
    assert np.ptp(planned, axis=0).max() > 0.05


def test_scenes_come_back_as_they_were_seen(recorder, files):
    episode = recorder.episode('slide', files, 3, 2)
    assert any(scene.objects for scene in recorder.scenes)
    for scene, read in zip(recorder.scenes, read_scenes(episode), strict=True):
        assert [o.id for o in read.objects] == [o.id for o in scene.objects]
        for a, b in zip(scene.objects, read.objects, strict=True):
            assert b.T_world_object == pytest.approx(a.T_world_object, abs=1e-6)
            assert b.twist == pytest.approx(a.twist, abs=1e-5)
            assert b.properties.mass_kg.mean == pytest.approx(a.properties.mass_kg.mean, rel=1e-5)


def test_what_the_pads_felt_comes_back_as_contacts(recorder, files):
    episode = recorder.episode('lift', files, 3, 5)
    assert episode['hand/pad_contact'].any()
    for frame, scene in enumerate(read_scenes(episode)):
        pressed = episode['hand/pad_contact'][2 * frame]
        assert list(scene.contacts.sources) == list(np.flatnonzero(pressed))
        along = np.einsum('ij,ij->i', scene.contacts.forces_n, scene.contacts.normals)
        assert (along > 0.0).all()


def test_farthest_points_reach_every_corner():
    corners = np.array(np.meshgrid(*3 * [[-1.0, 1.0]])).reshape(3, -1).T
    inside = np.random.default_rng(0).uniform(-0.4, 0.4, (500, 3))
    chosen = farthest_point_sampling(np.vstack([inside, corners]), 8)
    assert sorted(chosen) == list(range(500, 508))


def test_fewer_points_than_wanted_are_repeated():
    assert set(farthest_point_sampling(np.eye(3), 10)) == {0, 1, 2}


def test_an_unknown_scenario_is_named_with_the_options():
    with pytest.raises(BadInputError, match=r'juggle.*push'):
        check_scenarios(('push', 'juggle'))
