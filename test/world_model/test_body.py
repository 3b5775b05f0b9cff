from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from sakiyomi.geometry import from_xyz_rpy, rotation_angle, transform_points
from world_model_node.config import VisibilityConfig
from world_model_node.fusion.point_grid import PointGrid
from world_model_node.fusion.sensor_observation import SensorObservation
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.tracking.body import Body
from world_model_node.tracking.frame_context import FrameContext
from world_model_node.tracking.moving_state import MovingState
from world_model_node.tracking.object_measurement import ObjectMeasurement
from world_model_node.tracking.stationary_state import StationaryState
from world_model_node.tracking.surface.centroid import estimate_centroid
from world_model_node.tracking.tracker_config import TrackerConfig

SIZE = np.array([0.06, 0.04, 0.08])
CENTER = np.array([0.5, 0.05, 0.04])
BLIND = VisibilityModel(None, None, VisibilityConfig())
CENTROID = TrackerConfig().centroid


def seen_box(pose=None, seed=0, sides=(0, 1)):
    """Top and two sides of a box, as noisy points."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(-0.5, 0.5, (1500, 3))
    face = rng.choice([*sides, 2], len(p))
    p[np.arange(len(p)), face] = 0.5
    local = p * SIZE + rng.normal(0.0, 0.0005, p.shape)
    T = from_xyz_rpy(CENTER, np.zeros(3)) if pose is None else pose
    return transform_points(T, local).astype(np.float32)


def measurement(points):
    colors = np.full((len(points), 3), 128, np.uint8)
    extent = np.ptp(points.astype(float), axis=0)
    seen = np.ones(len(points), bool)
    return ObjectMeasurement(
        CENTER, extent, float(extent.prod()), np.zeros(3), points, colors, seen
    )


@pytest.fixture
def body():
    return Body(measurement(seen_box()), 0.0, TrackerConfig())


def test_the_centroid_of_a_box_follows_from_its_top_and_two_sides():
    points = seen_box()
    assert np.linalg.norm(estimate_centroid(points, 0.0, CENTROID) - CENTER) < 0.005
    assert np.linalg.norm(points.mean(axis=0) - CENTER) > 0.015


def test_the_centroid_of_an_object_on_others_does_not_reach_down_to_the_table():
    lifted = seen_box() + np.float32([0.0, 0.0, 0.1])
    assert estimate_centroid(lifted, 0.0, CENTROID)[2] == pytest.approx(0.14, abs=0.008)


@pytest.mark.parametrize(
    ('yaw', 'slide'), [(0.01, 0.0), (0.0, 0.0004)], ids=['turning', 'sliding']
)
def test_creeping_motion_is_detected_though_every_step_is_within_the_noise(body, yaw, slide):
    stationary_state = StationaryState(body)
    for k in range(12):
        still = measurement(seen_box(seed=k))
        assert not stationary_state.has_moved(still)
        stationary_state.update(still, BLIND, 0.0, k)
    for k in range(1, 15):
        pose = from_xyz_rpy(
            CENTER + np.array([slide * k, 0.0, 0.0]), np.array([0.0, 0.0, yaw * k])
        )
        now = measurement(seen_box(pose, seed=20 + k))
        if stationary_state.has_moved(now):
            break
        stationary_state.update(now, BLIND, 0.0, 12 + k)
    assert k <= 8


@pytest.mark.parametrize('stays', range(1, 17))
def test_a_displaced_object_has_moved_however_long_its_rest(body, stays):
    stationary_state = StationaryState(body)
    for k in range(stays):
        still = measurement(seen_box(seed=k))
        assert not stationary_state.has_moved(still)
        stationary_state.update(still, BLIND, 0.0, k)
    elsewhere_m = CENTER + np.array([0.09, 0.05, 0.0])
    gone = measurement(seen_box(from_xyz_rpy(elsewhere_m, np.zeros(3)), seed=99))
    assert stationary_state.has_moved(replace(gone, position_m=elsewhere_m))


def test_older_lidar_points_do_not_hold_the_pose_back(body):
    stationary_state = StationaryState(body)
    for k in range(5):
        stationary_state.has_moved(measurement(seen_box(seed=k)))
        stationary_state.update(measurement(seen_box(seed=k)), BLIND, 0.0, k)
    before = seen_box(seed=20)
    now = seen_box(from_xyz_rpy(CENTER + np.array([0.02, 0.0, 0.0]), np.zeros(3)), seed=21)[:600]
    both = measurement(np.concatenate([before, now]))
    both.colored[: len(before)] = False
    assert stationary_state.has_moved(both)


def test_near_contacts_become_surface_and_far_contacts_do_not(body):
    hidden = CENTER - np.array([0.03, 0.0, 0.0])
    before = len(body.shape)
    body.integrate_contact(np.array([hidden, CENTER + np.array([0.2, 0.0, 0.0])]))
    gap = np.linalg.norm(body.world_points() - hidden, axis=1)
    assert len(body.shape) == before + 1 and gap.min() < 1e-4
    body.integrate(measurement(seen_box(seed=1)), body.T_world_object, BLIND, stationary=True)
    assert np.linalg.norm(body.world_points() - hidden, axis=1).min() < 1e-4


def test_a_badly_fitted_motion_costs_more_certainty_than_a_well_fitted_one():
    spread = []
    for inlier_share in (1.0, 0.6):
        body = Body(measurement(seen_box()), 0.0, TrackerConfig())
        before = np.trace(body.pose_covariance())
        for _ in range(5):
            body.uncertainty.accumulate_drift(inlier_share)
        spread.append(np.trace(body.pose_covariance()) - before)
    assert 0.0 < spread[0] < spread[1]


def test_after_a_motion_the_centroid_follows_a_new_view_not_the_smeared_surface(body):
    smear = seen_box(seed=3) - np.float32(CENTER) + np.float32([0.03, 0.0, 0.0])
    body.shape.merge(smear, np.full((len(smear), 3), 128, np.uint8))
    body.shape.weight[:] = 5.0
    stationary_state = StationaryState(body, after_motion=True)
    for k in range(6):
        stationary_state.update(measurement(seen_box(seed=k)), BLIND, 0.0, k)
    fresh = estimate_centroid(seen_box(), 0.0, CENTROID)
    assert np.linalg.norm(body.filter.position_m - fresh) < 0.001
    assert np.linalg.norm(estimate_centroid(body.reliable_points(), 0.0, CENTROID) - fresh) > 0.005


def test_points_seen_once_are_unreliable_unless_most_points_are(body):
    assert body.shape.reliable_mask().all()  # nothing was seen twice yet
    for k in range(3):
        body.integrate(measurement(seen_box(seed=k)), body.T_world_object, BLIND, stationary=True)
    stray = np.float32(CENTER) + np.float32([[0.0, 0.0, 0.12], [0.07, 0.0, 0.0]])
    body.integrate(measurement(stray), body.T_world_object, BLIND, stationary=True)
    known = body.world_points()
    gap = np.linalg.norm(known[:, None] - stray, axis=2).min(axis=1)
    assert (gap < 1e-4).sum() == 2
    assert not body.shape.reliable_mask()[gap < 1e-4].any()
    assert np.ptp(body.reliable_points(), axis=0).max() < SIZE.max() + 0.006


@pytest.mark.parametrize('hand_m', [0.02, 0.5], ids=['hand over it', 'hand far away'])
def test_a_fragment_replaces_the_surface_unless_the_hand_occludes_the_rest(body, hand_m):
    known, pose = len(body.shape), np.diag([1.0, -1.0, -1.0, 1.0])
    pose[:3, 3] = CENTER + np.array([0.0, 0.0, 0.5 * SIZE[2] + hand_m])
    fragment = measurement(seen_box()[:12] + np.float32([0.0, 0.0, 0.03]))
    cloud = PointGrid(fragment.points_m, 0.008)
    frame = FrameContext(0.1, 0.1, BLIND, cloud, (), 0.0, 9.81, T_world_grasp=pose)
    MovingState(body).update(fragment, None, frame, unsupported=False)
    assert len(body.shape) == (known if hand_m < 0.1 else 12)


def test_a_steady_motion_needs_no_intermediate_frames(body):
    asked = []
    frames = tuple(
        SensorObservation('camera', age_s, lambda: (asked.append(1), seen_box())[1])
        for age_s in (0.067, 0.033)
    )
    seen = measurement(seen_box(seed=1))
    frame = FrameContext(0.1, 0.1, BLIND, PointGrid(seen.points_m, 0.008), frames, 0.0, 9.81)
    moving_state = MovingState(body)
    moving_state._steady = 0.9
    assert moving_state.register(seen, frame) is not None and not asked
    body.angular_velocity = np.float64([0.0, 0.0, 3.0])
    assert moving_state.register(seen, frame) is not None and len(asked) == 2


def turned(angle_rad):
    return from_xyz_rpy(CENTER, np.float64([0.3, 0.0, 1.0]) * angle_rad)


def test_intermediate_frames_resolve_a_fast_rotation(body):
    total_rad, dt_s = 1.6, 0.1

    def found(ages_s):
        frames = [
            SensorObservation(
                'camera', age, partial(seen_box, turned(total_rad * (1.0 - age / dt_s)), 3)
            )
            for age in ages_s
        ]
        seen = measurement(seen_box(turned(total_rad), 4))
        cloud = PointGrid(seen.points_m, 0.008)
        frame = FrameContext(dt_s, dt_s, BLIND, cloud, tuple(frames), 0.0, 9.81)
        fit = MovingState(body).register(seen, frame)
        true = turned(total_rad)[:3, :3]
        return np.pi if fit is None else rotation_angle(fit.T_world_object[:3, :3].T @ true)

    assert found((0.067, 0.033, 0.0)) < 0.1 < found((0.0,))
