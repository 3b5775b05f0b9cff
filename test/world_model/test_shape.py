import numpy as np
import pytest
from scipy.spatial import cKDTree

from sakiyomi.geometry import from_xyz_rpy, inverse, rotation_angle, transform_points
from world_model_node.tracking.surface.registration import PosePrior, register
from world_model_node.tracking.surface.shape import Shape
from world_model_node.tracking.surface.shape_config import RegistrationConfig, ShapeConfig

CONFIG = ShapeConfig()
T = from_xyz_rpy(np.array([0.5, 0.0, 0.04]), np.array([0.1, 0.0, 0.3]))


def box(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.uniform(-1.0, 1.0, (n, 3))
    face = rng.integers(0, 3, n)
    p[np.arange(n), face] = np.sign(p[np.arange(n), face])
    return (p * [0.03, 0.02, 0.04]).astype(np.float32)


def ball(n=1500, seed=0):
    p = np.random.default_rng(seed).normal(size=(n, 3))
    return (0.03 * p / np.linalg.norm(p, axis=1, keepdims=True)).astype(np.float32)


def grey(points):
    return np.full((len(points), 3), 128, np.uint8)


def shape_of(points):
    return Shape(points, grey(points), 0.003, CONFIG)


def register_at(points, seen, iterations):
    target, prior = shape_of(points).registration_target(), PosePrior(0.02, 0.3)
    return register(target, seen, T, iterations, prior, RegistrationConfig(), 150)


@pytest.mark.parametrize('turn', [0.0, 0.1, -0.2])
def test_half_a_box_gives_the_pose_of_the_whole(turn):
    D = from_xyz_rpy(np.array([0.006, -0.004, 0.001]), np.array([0.05, -0.1, turn]))
    seen = box(seed=1)
    seen = transform_points(T @ D, seen[(seen[:, 2] > -0.03) & (seen[:, 0] > -0.02)])
    seen = seen + np.random.default_rng(2).normal(0.0, 0.001, seen.shape)
    fit = register_at(box(), seen, 8)
    error = inverse(fit.T_world_object) @ T @ D
    assert np.linalg.norm(error[:3, 3]) < 0.001 and rotation_angle(error[:3, :3]) < 0.02
    assert fit.inlier_share > 0.9


def test_the_turn_of_a_ball_stays_unknown_and_that_of_a_box_does_not():
    sigma = []
    for points in (ball(), box()):
        seen = transform_points(T, points)
        fit = register_at(points, seen, 3)
        sigma.append(np.sqrt(np.linalg.eigvalsh(fit.covariance[3:, 3:])))
    assert sigma[0].min() > 2.0 * sigma[1].max()


def test_a_second_view_adds_its_side_and_the_first_is_kept():
    whole = box()
    shape = shape_of(whole[whole[:, 0] > 0.0])
    shape.merge(whole[whole[:, 0] < 0.005], grey(whole[whole[:, 0] < 0.005]))
    assert cKDTree(whole).query(shape.points_m)[0].max() < 0.006
    assert cKDTree(shape.points_m).query(whole)[0].max() < 0.006
    assert np.ptp(shape.points_m[:, 0]) == pytest.approx(0.06, abs=0.002)


def test_seeing_it_again_sharpens_the_surface_and_stays_bounded():
    rng, shape = np.random.default_rng(0), shape_of(np.zeros((1, 3), np.float32))
    for _ in range(60):
        flat = rng.uniform(-0.1, 0.1, (1500, 3)) * [1.0, 1.0, 0.0]
        noisy = (flat + rng.normal(0.0, 0.0007, flat.shape)).astype(np.float32)
        shape.merge(noisy, grey(noisy))
        shape.prune()
    assert len(shape) <= CONFIG.max_points
    well_known = shape.points_m[shape.weight > 4]
    assert np.std(well_known[:, 2]) < 0.0005


def test_points_that_are_missed_often_are_forgotten():
    shape = shape_of(box())
    gone = shape.points_m[:, 2] > 0.02
    for _ in range(CONFIG.max_misses):
        shape.count_misses(gone, 1)
    shape.prune()
    assert len(shape) == (~gone).sum() and shape.points_m[:, 2].max() <= 0.02


def test_moving_the_origin_leaves_the_surface_in_place():
    shape, shift = shape_of(box()), np.array([0.01, -0.02, 0.005])
    before = transform_points(T, shape.points_m)
    shape.shift_origin(shift)
    moved = T.copy()
    moved[:3, 3] += T[:3, :3] @ shift
    assert np.allclose(transform_points(moved, shape.points_m), before, atol=1e-5)
