import numpy as np
from test_body import CENTER, seen_box

from world_model_node.fusion.sensor_observation import SensorObservation
from world_model_node.tracking.surface.shape import Shape
from world_model_node.tracking.surface.shape_config import (
    AlignmentConfig,
    RegistrationConfig,
    ShapeConfig,
)
from world_model_node.tracking.surface.surface_alignment import SurfaceAligner

GONE_ON = np.array([0.04, 0.02, 0.0])


def target():
    points = seen_box() - np.float32(CENTER)
    grey = np.full((len(points), 3), 128, np.uint8)
    return Shape(points, grey, 0.003, ShapeConfig()).registration_target()


def sensor_observation(points, stream='camera', age_s=0.0):
    return SensorObservation(stream, age_s, lambda: points)


def locate(points, stream='camera'):
    aligner, starts = (
        SurfaceAligner(AlignmentConfig(), RegistrationConfig()),
        [CENTER, CENTER + GONE_ON],
    )
    return aligner.locate(sensor_observation(points, stream), target(), np.eye(3), starts)


def test_a_surface_is_found_where_it_has_gone_on_to():
    position, covariance = locate(seen_box(seed=1) + np.float32(GONE_ON))
    assert np.linalg.norm(position - CENTER - GONE_ON) < 0.003
    assert np.sqrt(np.diag(covariance)).max() < 0.006


def test_a_single_side_constrains_the_position_across_more_than_along_it():
    side = seen_box(seed=1, sides=(0,))
    side = side[side[:, 0] > CENTER[0] + 0.028]
    _, covariance = locate(side, 'lidar')
    sigma = np.sqrt(np.diag(covariance))
    assert sigma[0] < 0.004 < 0.006 < sigma[1:].min()


def test_too_few_points_and_points_of_other_objects_give_no_position():
    assert locate(seen_box()[:5]) is None
    rng = np.random.default_rng(0)
    assert locate((CENTER + rng.uniform(-0.04, 0.04, (200, 3))).astype(np.float32)) is None
    assert locate(seen_box() + np.float32([0.3, 0.0, 0.0])) is None
