import numpy as np
import pytest

from sakiyomi.geometry import make_transform
from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi.robot.robot_description import compose
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.sensing import JointReading, TactileReading
from world_model_node.config import TouchConfig, WorldModelConfig
from world_model_node.core import WorldModel
from world_model_node.inputs.hand_state import (
    HandState,
    center_of_pressure,
    grasped_object,
    pad_force,
    points_between_pads,
)

HAND = read_robot_config().hand

DOWN = np.diag([1.0, -1.0, -1.0])
TAXELS = np.float32([[0.0, 0.0, 0.0], [0.0, 0.004, 0.0]])


def hand(force=(2.0, 2.0), width=0.04):
    return HandState(
        0.0, make_transform(DOWN, np.array([0.5, 0.0, 0.1])), width, np.array(force), geometry=HAND
    )


def blob(center, n=50):
    rng = np.random.default_rng(0)
    return (np.array(center) + rng.uniform(-0.01, 0.01, (n, 3))).astype(np.float32)


def press(side, force, stamp_s=1.0):
    forces = np.float32([[0.0, 0.0, force], [0.0, 0.0, 0.0]])
    return TactileReading(stamp_s, side, TAXELS, forces)


def test_the_object_between_the_pads_is_held():
    shapes = {1: blob((0.5, 0.0, 0.1)), 2: blob((0.5, 0.08, 0.1)), 3: blob((0.5, 0.0, 0.02))}
    assert grasped_object(shapes, hand(), TouchConfig()) == 1


@pytest.mark.parametrize('force', [(0.0, 2.0), (2.0, 0.0), (0.0, 0.0)])
def test_no_object_is_held_without_contact_on_both_pads(force):
    assert grasped_object({1: blob((0.5, 0.0, 0.1))}, hand(force), TouchConfig()) is None


def test_the_box_between_the_pads_rotates_with_the_hand():
    x_closing = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    turned = HandState(
        0.0, make_transform(x_closing, np.zeros(3)), 0.08, np.ones(2), geometry=HAND
    )
    along = np.array([[0.035, 0.0, 0.0], [0.0, 0.035, 0.0]])
    assert points_between_pads(along, turned, 0.005).tolist() == [True, False]


def test_the_centre_of_pressure_is_at_the_force():
    assert np.allclose(center_of_pressure(press('left', 2.0), 0.3), TAXELS[0])
    assert center_of_pressure(press('left', 0.1), 0.3) is None
    assert pad_force(None) == 0.0


@pytest.fixture(scope='module')
def robot():
    return RobotModel(compose())


def test_a_grasped_object_follows_the_hand_until_its_release(robot):
    """No frame shows the held object, whose pose comes from touch and joints alone."""
    from synthetic import camera, on_table

    model = WorldModel(WorldModelConfig(), robot)
    box = on_table(0.5, 0.0, (0.04, 0.04, 0.06))
    T = make_transform(DOWN, np.array([0.5, 0.0, 0.045]))
    q_low = robot.inverse_kinematics(T, np.array(robot.q_home))
    T[2, 3] += 0.15
    q_high = robot.inverse_kinematics(T, q_low)
    names = (*robot.arm_joint_names, *robot.finger_joint_names)

    def feel(t, q, width, force):
        position = np.array([*q, 0.5 * width, 0.5 * width])
        model.add_joints(JointReading(t, names, position, np.zeros(9)))
        for side in ('left', 'right'):
            model.add_tactile(press(side, force, t))

    def look(t, boxes):
        model.add_camera(camera(t, boxes))
        return model.update(t)

    for k in range(4):
        feel(1.0 + 0.1 * k, robot.q_home, 0.08, 0.0)
        scene = look(1.0 + 0.1 * k, [box])
    seen = scene.objects[0]
    assert not seen.held
    feel(1.5, q_low, 0.04, 3.0)
    assert look(1.5, [box]).objects[0].held
    feel(1.6, q_high, 0.04, 3.0)
    lifted = look(1.6, []).objects[0]
    assert lifted.held and lifted.id == seen.id
    contacts = model.scene.contacts
    assert set(contacts.object_ids) == {seen.id} and set(contacts.sources) == {0, 1}
    T_grasp = make_transform(DOWN, lifted.T_world_object[:3, 3] * [1, 1, 0] + [0, 0, T[2, 3]])
    assert np.abs(contacts.points_m - T_grasp[:3, 3]).max() < 0.03
    inward = (contacts.points_m - T_grasp[:3, 3])[:, 1] * contacts.normals[:, 1]
    assert (inward > 0.0).all()  # the normals point out of the object on both sides
    assert (np.sum(contacts.forces_n * contacts.normals, axis=1) > 0.0).all()
    rise = lifted.T_world_object[:3, 3] - seen.T_world_object[:3, 3]
    assert np.allclose(rise, [0.0, 0.0, 0.15], atol=0.004)
    assert len(model.scene.cloud_m) == 0  # a held object is not in the cloud
    for k in range(20):  # longer than the timeout of undetected tracks
        feel(1.7 + 0.1 * k, q_high, 0.04, 3.0)
        look(1.7 + 0.1 * k, [])
    for k in range(12):
        feel(3.7 + 0.1 * k, q_high, 0.08, 0.0)
        scene = look(3.7 + 0.1 * k, [box])
    assert len(scene.objects) == 1 and not scene.objects[0].held
    assert scene.objects[0].id == seen.id  # the track keeps the properties measured in the hand
    assert np.linalg.norm(scene.objects[0].T_world_object[:3, 3] - box.center) < 0.008
