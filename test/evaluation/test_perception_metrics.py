from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import make_transform, rotation_angle, transform_points
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi_evaluation.closed_loop.ground_truth import (
    NO_OBJECT,
    GroundTruthReader,
    sample_surface,
)
from sakiyomi_evaluation.perception.disturbances import Disturbances, spline_through
from sakiyomi_evaluation.perception.instances import instance_score, pooled
from sakiyomi_evaluation.perception.state_errors import RotationTracker
from simulation_node.cell import SimulatedCell
from simulation_node.config import SimulationConfig
from simulation_node.objects.meshes import Shape

TRUTH = np.repeat([0, 1, NO_OBJECT], [40, 40, 20])
BOTH = np.array([True, True])


def test_the_true_labels_score_one():
    score = instance_score(TRUTH, TRUTH, BOTH)
    assert (score.found, score.proposed, score.actual) == (2, 2, 2)
    assert score.ious == (1.0, 1.0)


def test_one_instance_over_two_objects_finds_neither():
    # IoU of each is exactly 40 / 80, which is not more than one half
    score = instance_score(np.where(TRUTH == NO_OBJECT, -1, 0), TRUTH, BOTH)
    assert (score.found, score.proposed) == (0, 1)
    assert sorted(score.ious) == [0.0, 0.5]


def test_an_object_cut_in_three_is_found_once_at_most():
    labels = np.where(TRUTH == 0, np.arange(100) // 10 % 4 % 3, np.where(TRUTH == 1, 5, -1))
    score = instance_score(labels, TRUTH, BOTH)
    assert score.proposed == 4
    assert score.found == 1
    assert pooled([score])['precision'] == 0.25


def test_what_cannot_be_found_neither_counts_as_missed_nor_as_wrong():
    score = instance_score(TRUTH, TRUTH, np.array([True, False]))
    assert (score.found, score.proposed, score.actual) == (1, 1, 1)


def test_sampled_points_lie_on_the_mesh_evenly():
    square = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]], np.float32)
    shape = Shape(square, np.array([[0, 1, 2], [0, 2, 3]], np.uint32), None)
    points = sample_surface(shape, 4000, np.random.default_rng(0))
    assert np.ptp(points[:, 2]) == 0.0
    np.testing.assert_allclose(points.mean(axis=0), [1.0, 0.5, 0.0], atol=0.05)


def test_a_motion_through_corners_starts_and_ends_at_rest():
    corners = [np.zeros(7), np.ones(7), np.zeros(7)]
    motion = spline_through(corners, 1.5)
    np.testing.assert_allclose(motion.dq[[0, -1]], 0.0, atol=1e-12)
    np.testing.assert_allclose(motion.q[[0, -1]], 0.0, atol=1e-12)
    assert motion.duration_s == pytest.approx(3.0)


@pytest.fixture(scope='module')
def cell():
    cell = SimulatedCell(SimulationConfig(count=3, seed=4))
    yield cell
    cell.close()


def test_points_of_a_surface_are_that_objects(cell):
    truth = GroundTruthReader(cell, 0).now()
    for row, surface in enumerate(truth.surfaces_m):
        labels = truth.labels(surface)
        assert np.mean(labels == row) > 0.99
    assert (truth.labels(np.array([[0.5, 0.0, 0.6]])) == NO_OBJECT).all()


def test_the_speed_of_a_spinning_objects_centre_is_that_of_its_path(cell):
    name = cell.names[0]
    start = cell.world.objects.pose(name)
    turned = make_transform(
        Rotation.from_rotvec([0.3, 0, 0]).as_matrix(), start[:3, 3] + [0, 0, 0.3]
    )
    cell.world.objects.set_state(name, turned, np.array([0.2, 0.0, 1.0, 0.0, 6.0, 3.0]))
    scene = GroundTruthReader(cell, 0)
    before = scene.now()
    cell.step(1.0 / 240.0)
    after = scene.now()
    row = before.names.index(name)
    path = (after.centers_m[row] - before.centers_m[row]) * 240.0
    np.testing.assert_allclose(path, after.twists[row, :3], atol=0.02)


def test_every_object_of_a_packed_table_is_seen(cell):
    cell.reset(4)
    truth = GroundTruthReader(cell, 0).now()
    assert truth.detectable(cell.camera_frame(), cell.lidar_scan()).all()


def turned(truth, row, R_told, R_true):
    """How the turn of one object is judged when its track says another rotation."""
    turns, T = RotationTracker(), truth.T_world_object.copy()
    state = SimpleNamespace(id=1, T_world_object=np.eye(4))
    turns.error(state, truth, row)
    D = make_transform(R_true, truth.centers_m[row] - R_true @ truth.centers_m[row])
    T[row] = D @ T[row]
    surfaces = truth.surfaces_m.copy()
    surfaces[row] = transform_points(D, surfaces[row])
    later = replace(truth, T_world_object=T, surfaces_m=surfaces)
    return turns.error(SimpleNamespace(id=1, T_world_object=make_transform(R_told)), later, row)


def test_a_turn_that_is_followed_is_no_error_and_one_that_is_not_is_the_whole_turn(cell):
    truth = GroundTruthReader(cell, 0).now()
    R = Rotation.from_rotvec([0.2, -0.1, 0.4]).as_matrix()
    followed, missed = turned(truth, 0, R, R), turned(truth, 0, np.eye(3), R)
    assert followed.true_rad == pytest.approx(np.linalg.norm([0.2, -0.1, 0.4]))
    assert followed.error_rad < 1e-6 and followed.surface_mm < 1e-3
    assert missed.error_rad == pytest.approx(missed.true_rad) and missed.surface_mm > 1.0


def test_pushes_of_a_sequence_move_and_turn_objects(cell):
    cell.reset(4)
    events = Disturbances(cell, RobotModel(cell.description), 4)
    before = {t.name: t.T_world_object for t in cell.ground_truth()}
    for _ in range(45):
        events.step(0.1)
    after = {t.name: t.T_world_object for t in cell.ground_truth()}
    turns = [rotation_angle(before[n][:3, :3].T @ after[n][:3, :3]) for n in before]
    moves = [np.linalg.norm(before[n][:3, 3] - after[n][:3, 3]) for n in before]
    assert max(turns) > 0.2 and max(moves) > 0.03
