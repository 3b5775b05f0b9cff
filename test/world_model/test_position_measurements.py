import numpy as np
import pytest
from test_body import CENTER, seen_box
from test_sensor_observation import sensor_observation, target

from sakiyomi.geometry import make_transform
from world_model_node.tracking.frame_context import FrameContext
from world_model_node.tracking.position_measurements import PoseInterpolation, measure_positions
from world_model_node.tracking.surface.mean_shift import mean_shift
from world_model_node.tracking.tracker_config import TrackerConfig

DT_S, G = 0.1, 9.81
CONFIG = TrackerConfig()
VELOCITY = np.array([0.9, -0.3, 0.0])
STARTS = [np.zeros(3), np.float64([0.03, 0.0, 0.0])]


def box_at(shift_m, seed=0):
    return seen_box(seed=seed) + np.float32(shift_m)


def struck(t, at_s=0.02):
    """The displacement `t` after an update, with an impulse a little after it."""
    return VELOCITY * max(0.0, t - at_s)


def frame_context(ages_s, sensor_observations=None):
    seen = sensor_observations or [
        sensor_observation(box_at(struck(DT_S - a), k), age_s=a) for k, a in enumerate(ages_s)
    ]
    return FrameContext(1.0, DT_S, None, None, tuple(seen), 0.0, G)


def placed(frame, fit_error_m=0.0):
    T_to = make_transform(np.eye(3), CENTER + struck(DT_S) + fit_error_m)
    interpolation = PoseInterpolation(make_transform(np.eye(3), CENTER), np.zeros(3), T_to, DT_S)
    return measure_positions(target(), interpolation, box_at(struck(DT_S)), frame, CONFIG)


def test_two_frames_give_the_displacement_of_an_object():
    shift = mean_shift(
        sensor_observation(box_at(np.array([0.021, -0.008, 0.0]), 3)),
        box_at(np.zeros(3)),
        STARTS,
        CONFIG.mean_shift,
    )
    assert np.linalg.norm(shift - [0.021, -0.008, 0.0]) < 0.003


def test_an_object_not_seen_alone_and_whole_has_no_displacement():
    own = box_at(np.zeros(3))
    assert mean_shift(sensor_observation(own[:4]), own, STARTS, CONFIG.mean_shift) is None
    assert (
        mean_shift(
            sensor_observation(own + np.float32([0.4, 0.0, 0.0])), own, STARTS, CONFIG.mean_shift
        )
        is None
    )
    crowd = np.concatenate([own, own + np.float32([0.004, 0.0, 0.006])])
    assert mean_shift(sensor_observation(crowd), own, STARTS, CONFIG.mean_shift) is None
    assert mean_shift(sensor_observation(own), own[:4], STARTS, CONFIG.mean_shift) is None


def test_every_frame_since_the_last_update_gives_a_position():
    found = placed(frame_context((0.0, 0.033, 0.067, 0.1)))
    sharp = [s for s in found if np.sqrt(s.covariance[0, 0]) < 0.0025]
    assert sorted(round(s.after_s, 3) for s in sharp) == [0.033, 0.067, 0.1]
    for seen in sharp:
        assert np.linalg.norm(seen.position_m - CENTER - struck(seen.after_s)) < 0.0035


def test_displacements_start_from_the_last_position_not_from_the_registered_one():
    found = placed(frame_context((0.0, 0.05, 0.1)), fit_error_m=np.array([0.01, 0.0, 0.0]))
    seen = min(found, key=lambda s: s.covariance[0, 0])
    assert np.linalg.norm(seen.position_m - CENTER - struck(seen.after_s)) < 0.0035


def test_a_frame_from_before_the_last_update_is_used_with_the_prior_velocity():
    speed = np.array([0.4, 0.0, 0.0])
    seen = [
        sensor_observation(box_at(speed * (DT_S - a), k), age_s=a)
        for k, a in enumerate((0.0, 0.06, 0.12))
    ]
    T_to = make_transform(np.eye(3), CENTER + speed * DT_S)
    interpolation = PoseInterpolation(make_transform(np.eye(3), CENTER), speed, T_to, DT_S)
    found = measure_positions(
        target(), interpolation, box_at(speed * DT_S), frame_context((), seen), CONFIG
    )
    assert all(s.after_s >= 0.0 for s in found) and len(found) == 3
    for item in found:
        assert np.linalg.norm(item.position_m - CENTER - speed * item.after_s) < 0.003


@pytest.mark.parametrize('ages_s', [(0.0,), (0.0, 0.03)])
def test_without_a_frame_of_the_last_update_only_the_surface_is_evidence(ages_s):
    found = placed(frame_context(ages_s))
    assert len(found) == 1 and np.sqrt(found[0].covariance[0, 0]) > 0.0025
