"""What a tracked surface becomes for the physics."""

import numpy as np
import pytest
from observed_scenes import CUBE

from sakiyomi.robot.robot_config import read_robot_config
from world_model_node.model.contact.hand_points import hand_faces, hand_points
from world_model_node.model.physics.body_shape import BodyShapeConfig, body_shape, enclosing_planes

CONFIG = BodyShapeConfig()
HAND = read_robot_config().hand

UP = np.array([0.0, 0.0, 1.0])


def shape_of(points):
    T = np.eye(4)
    T[2, 3] = -points[:, 2].min()
    return body_shape(
        points.astype(np.float32), np.zeros(len(points), bool), T, 0.0, 0.0, False, CONFIG
    )


def width(shape, axis):
    """Between the planes, through the middle."""
    slope, offset = shape.planes[:, axis], shape.planes[:, 3]
    ahead = (offset[slope > 0.05] / slope[slope > 0.05]).min()
    return ahead + (offset[slope < -0.05] / -slope[slope < -0.05]).min()


@pytest.mark.parametrize('flat', [1.0, 0.5, 0.1, 0.02])
def test_planes_are_unit_and_hold_every_point(flat):
    points = np.random.default_rng(0).normal(size=(200, 3)) * [0.04, 0.03, 0.03 * flat]
    planes = enclosing_planes(points, UP, CONFIG)
    np.testing.assert_allclose(np.linalg.norm(planes[:, :3], axis=1), 1.0, atol=1e-6)
    assert (points @ planes[:, :3].T <= planes[:, 3] + 1e-9).all()


def test_what_is_thin_keeps_its_sides():
    planes = enclosing_planes(CUBE * [2.0, 2.0, 0.1], UP, CONFIG)
    for wall in ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]):
        assert (planes[:, :3] @ wall).max() > 0.999


def test_a_point_astray_does_not_make_a_body_wider():
    astray = np.vstack([CUBE, [[0.06, 0.0, 0.0]]])
    assert width(shape_of(astray), 0) == pytest.approx(width(shape_of(CUBE), 0), abs=1e-3)


def test_a_body_holds_its_middle_though_most_of_its_points_lie_to_one_side():
    aside = np.vstack([CUBE + np.array([0.08, 0.0, 0.0]), [[-0.03, 0.0, 0.0]]])
    assert (shape_of(aside).planes[:, 3] > 0.0).all()


def test_the_faces_of_the_hand_hold_its_points():
    points, faces = hand_points(HAND.trained), hand_faces(HAND.trained)
    assert len(points) > 1
    for own, planes in zip(points, faces, strict=True):
        gap = own @ planes[:, :3].T - planes[:, 3]
        assert gap.max() < 1e-9
        np.testing.assert_allclose(gap.max(axis=0), 0.0, atol=1e-9)
