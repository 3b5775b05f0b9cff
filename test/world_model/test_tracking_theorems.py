from dataclasses import replace

import numpy as np
import pytest
import synthetic
from synthetic import Box, on_table
from tracking_runs import PERIOD_S, START_S, nearest, watch

from world_model_node.core import WorldModel
from world_model_node.tracking.kalman_filter import ConstantVelocityFilter
from world_model_node.tracking.motion_config import FilterConfig

SIZE = (0.05, 0.05, 0.05)
RED, GREEN, BLUE = (200, 60, 60), (60, 200, 60), (60, 60, 200)
THREE = [
    on_table(0.45, -0.1, SIZE, RED),
    on_table(0.55, 0.0, SIZE, GREEN),
    on_table(0.45, 0.1, SIZE, BLUE),
]


def ids_by_place(scene, boxes):
    return [nearest(scene, box.center)[0].id for box in boxes]


def test_ids_are_stable_over_50_noisy_frames(model):
    scenes = watch(model, THREE, frames=50)
    assert all(len(s.objects) == 3 for s in scenes)
    assert len({tuple(ids_by_place(s, THREE)) for s in scenes}) == 1


def test_still_objects_have_no_twist(model):
    states = watch(model, THREE, frames=20)[-1].objects
    assert len(states) == len(THREE)
    for state in states:
        assert np.linalg.norm(state.twist[:3]) < 0.01


def test_ids_survive_something_that_passes_in_front(model):
    def scene_at(t):
        occluder = Box((0.85, 0.5 - 0.4 * t, 0.35), (0.02, 0.2, 0.4), (90, 90, 90))
        return [*THREE, occluder]

    before = watch(model, THREE, frames=6)
    during = watch(model, scene_at, frames=25, start=6)
    after = watch(model, THREE, frames=5, start=31)
    assert ids_by_place(after[-1], THREE) == ids_by_place(before[-1], THREE)
    assert len(after[-1].objects) == 3
    for scene in during:
        assert set(ids_by_place(before[-1], THREE)) <= {o.id for o in scene.objects}


def test_a_taken_object_vanishes_and_its_id_is_not_used_again(model):
    first = watch(model, THREE, frames=5)[-1]
    less = watch(model, THREE[:2], frames=12, start=5)[-1]
    again = watch(model, THREE, frames=5, start=17)[-1]
    assert len(less.objects) == 2 and len(again.objects) == 3
    gone = {o.id for o in first.objects} - {o.id for o in less.objects}
    assert gone.isdisjoint(o.id for o in again.objects)


@pytest.mark.parametrize('velocity', [(0.0, 0.1), (0.08, -0.05), (-0.1, 0.15)])
def test_constant_motion_gives_its_twist_within_10_percent(model, velocity):
    def moving(t):
        x, y = np.array([0.48, -0.06]) + t * np.array(velocity)
        return [on_table(x, y, SIZE, RED)]

    scenes = watch(model, moving, frames=14)
    state = scenes[-1].objects[0]
    assert len({o.id for s in scenes for o in s.objects}) == 1
    assert np.linalg.norm(state.twist[:2] - velocity) < 0.1 * np.linalg.norm(velocity)
    truth = moving(13 * PERIOD_S)[0].center
    assert np.linalg.norm(state.T_world_object[:3, 3] - truth) < 0.012


def test_a_faster_camera_gives_a_better_velocity_after_an_impulse(model):
    velocity = np.array([-0.5, 0.6])

    def struck(t):
        x, y = np.array([0.52, -0.06]) + max(0.0, t - 0.62) * velocity
        return [on_table(x, y, SIZE, RED)]

    fast, slow = WorldModel(model.config), model
    errors = [
        np.linalg.norm(watch(m, struck, 8, pictures=p)[-1].objects[0].twist[:2] - velocity)
        for m, p in ((slow, 1), (fast, 3))
    ]
    assert errors[1] < 0.1 * np.linalg.norm(velocity) < errors[0]


def test_a_sliding_object_is_extrapolated_with_its_braking(model):
    speed, braking, late_s = 1.0, 0.5 * 9.81, 0.05

    def sliding(t):
        gone = max(0.0, t - 0.45)
        return [on_table(0.42 + speed * gone - 0.5 * braking * gone**2, 0.0, SIZE, RED)]

    def told(ahead_s):
        other = WorldModel(model.config)
        watch(other, sliding, 7, pictures=3)
        state = other.update(START_S + 0.6 + ahead_s).objects[0]
        return state.T_world_object[0, 3], state.twist[0]

    (x_seen, v_seen), (x_late, v_late) = told(1e-6), told(late_s)
    assert v_late == pytest.approx(v_seen - braking * late_s, abs=0.1)
    assert x_late - x_seen == pytest.approx(late_s * 0.5 * (v_seen + v_late), abs=1e-3)


def test_intermediate_frames_are_read_only_for_moving_objects(model, monkeypatch):
    seen = []
    glimpsed = model.cloud_fusion._object_points_in
    monkeypatch.setattr(
        model.cloud_fusion, '_object_points_in', lambda f: (seen.append(f), glimpsed(f))[1]
    )
    watch(model, THREE, 6, pictures=3)
    assert not seen and len(model.cloud_fusion.sensor_observations) > 2


def test_frames_of_a_camera_that_moves_are_not_compared(model):
    watch(model, THREE, 3, pictures=3)
    frame = model.inputs.camera.newest()
    aside = frame.T_world_camera.copy()
    aside[:3, 3] += 0.05
    later = [replace(frame, stamp_s=frame.stamp_s + dt) for dt in (0.03, 0.06)]
    for item in (*later, replace(frame, stamp_s=frame.stamp_s + 0.1, T_world_camera=aside)):
        model.add_camera(item)
    model.update(frame.stamp_s + 0.1)
    assert [g.stream for g in model.cloud_fusion.sensor_observations] == ['camera']


def test_an_update_never_grows_the_covariance_of_a_filter():
    still = ConstantVelocityFilter(np.zeros(3), 0.01, FilterConfig(initial_speed_sigma_mps=0.1))
    before = np.trace(still.P)
    still.update(np.zeros(3), np.eye(3) * 0.01**2)
    assert np.trace(still.P) < before
    assert np.allclose(still.P, still.P.T) and np.linalg.eigvalsh(still.P).min() > 0.0


def test_a_filter_in_free_fall_follows_the_parabola():
    body = ConstantVelocityFilter(
        np.array([0.0, 0.0, 1.0]), 1e-3, FilterConfig(initial_speed_sigma_mps=1e-3)
    )
    for _ in range(10):
        body.predict(0.02, 1.0, fall_mps2=9.81)
    assert body.position_m[2] == pytest.approx(1.0 - 0.5 * 9.81 * 0.2**2)


def test_slow_motion_that_sets_in_is_noticed_within_half_a_second():
    body = ConstantVelocityFilter(np.zeros(3), 0.003, FilterConfig(initial_speed_sigma_mps=0.02))
    for k in range(25):
        body.predict(0.1, 1.5)
        seen = np.array([0.0, 0.05 * max(0.0, 0.1 * (k - 19)), 0.0])
        body.update(seen, np.eye(3) * 0.0025**2)
    assert body.velocity_mps[1] == pytest.approx(0.05, rel=0.25)


def test_an_object_that_topples_within_a_frame_keeps_its_id(model):
    other = on_table(0.5, 0.1, SIZE, RED)

    def falls(t):
        if t < 0.95:
            return [on_table(0.42, -0.1, (0.05, 0.05, 0.20), RED), other]
        return [on_table(0.54, -0.1, (0.20, 0.05, 0.05), RED), other]

    scenes = watch(model, falls, frames=16)
    assert ids_by_place(scenes[0], falls(0.0)) == ids_by_place(scenes[-1], falls(1.5))
    assert all(len(scene.objects) == 2 for scene in scenes)
    assert nearest(scenes[10], falls(1.0)[0].center)[1] < 0.03  # it is there at once


def test_a_thrown_object_keeps_its_id(model):
    def flies(t):
        x, y = (0.40, -0.15) if t < 0.95 else (0.58, 0.05)
        return [on_table(x, y, SIZE, RED), on_table(0.6, -0.2, SIZE, BLUE)]

    scenes = watch(model, flies, frames=14)
    assert ids_by_place(scenes[0], flies(0.0)) == ids_by_place(scenes[-1], flies(1.3))


def test_an_older_sweep_does_not_hold_back_a_falling_object(model):
    def falls(t):
        height = 0.2 - 0.5 * 9.81 * max(0.0, t - 0.45) ** 2
        return [Box((0.5, 0.0, height), SIZE, RED)]

    before = watch(model, falls, frames=6)[-1].objects[0]
    t = START_S + 6 * PERIOD_S
    model.add_lidar(synthetic.lidar(t - 0.05, falls(0.55)))
    model.add_camera(synthetic.camera(t, falls(0.6)))
    now = model.update(t).object_by_id(before.id)
    assert abs(now.T_world_object[2, 3] - falls(0.6)[0].center[2]) < 0.012


@pytest.mark.parametrize('height', [0.012, 0.05])
def test_an_impulse_between_camera_and_lidar_is_estimated_from_both(model, height):
    size, speed = (0.06, 0.06, height), 0.8

    def slides(t):
        return [on_table(0.45 + speed * max(0.0, t - 0.72), 0.0, size, RED)]

    before = watch(model, slides, frames=8)[-1].objects[0]
    for k in (8, 9):
        t = START_S + k * PERIOD_S
        model.add_lidar(synthetic.lidar(t - 0.04, slides(k * PERIOD_S - 0.04)))
        model.add_camera(synthetic.camera(t - 0.01, slides(k * PERIOD_S - 0.01)))
        scene = model.update(t)
    state = scene.object_by_id(before.id)
    assert state.twist[0] == pytest.approx(speed, rel=0.3)
    assert abs(state.T_world_object[0, 3] - slides(0.9)[0].center[0]) < 0.015
    assert len(scene.objects) == 1


def test_an_object_high_in_the_air_is_still_tracked(model):
    def flies(t):
        return [Box((0.5, 0.0, 0.10 + 1.2 * max(0.0, t - 0.5)), SIZE, RED)]

    first = watch(model, flies, frames=6)[-1].objects[0]
    last = watch(model, flies, frames=2, start=6)[-1]
    assert nearest(last, flies(0.7)[0].center)[0].id == first.id
    assert nearest(last, flies(0.7)[0].center)[1] < 0.02
