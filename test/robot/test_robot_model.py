import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from sakiyomi.errors import BadInputError
from sakiyomi.robot.robot_config import PER_JOINT, read_robot_config
from sakiyomi.robot.robot_description import RobotDescription, compose
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.sensing import JointReading

CONFIG = read_robot_config()


def random_q(robot, count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(robot.q_lower, robot.q_upper, (count, len(robot.q_home)))


def test_batched_chain_agrees_with_pinocchio(robot):
    configurations = random_q(robot, 20)
    assert configurations.shape == (20, 7)
    for q in configurations:
        expected = robot.frame_pose('panda_grasptarget', q)
        np.testing.assert_allclose(robot.grasp_pose(q), expected, atol=1e-12)


def test_jacobian_is_the_derivative_of_the_pose(robot):
    q = random_q(robot, 1)
    T, J = robot.chain.forward_and_jacobian(q)
    assert J.shape == (1, 6, 7)
    h = 1e-6
    for i in range(q.shape[1]):
        T_moved = robot.chain.forward(q + h * np.eye(q.shape[1])[i])
        linear = (T_moved - T)[0, :3, 3] / h
        spin = (T_moved[0, :3, :3] @ T[0, :3, :3].T - np.eye(3)) / h
        angular = np.array([spin[2, 1], spin[0, 2], spin[1, 0]])
        np.testing.assert_allclose(J[0, :, i], np.r_[linear, angular], atol=1e-5)


def test_home_is_the_description_s_and_points_down(robot):
    T = robot.grasp_pose(robot.q_home)
    np.testing.assert_allclose(T[:3, 2], [0, 0, -1], atol=1e-4)
    assert T[0, 3] < 0.35 and T[2, 3] > 0.45, 'out of the view of the workspace'


def test_grasp_frame_lies_between_the_pads(robot):
    poses = robot.link_poses(robot.q_home, 0.06)
    left, right = poses['left_tactile_pad'], poses['right_tactile_pad']
    assert np.linalg.norm(left[:3, 3] - right[:3, 3]) == pytest.approx(0.06, abs=1e-3)
    T = np.linalg.inv(robot.grasp_pose(robot.q_home))
    middle = T @ ((left[:, 3] + right[:, 3]) / 2)
    np.testing.assert_allclose(middle[:2], 0, atol=1e-4)
    closing = T[:3, :3] @ (left[:3, 3] - right[:3, 3])
    np.testing.assert_allclose(np.abs(closing), [0, 0.06, 0], atol=1e-3)


def test_link_poses_are_the_frame_poses(robot):
    q = random_q(robot, 1)[0]
    poses = robot.link_poses(q, 0.03)
    for frame in ('panda_link4', 'panda_leftfinger', 'camera_color_optical_frame'):
        np.testing.assert_allclose(poses[frame], robot.frame_pose(frame, q, 0.03), atol=1e-12)


def test_robot_links_move_and_scenery_does_not(robot):
    links = {link.name for link in robot.links}
    assert {'panda_link0', 'panda_link7', 'panda_hand', 'panda_leftfinger'} <= links
    assert {'table', 'bin'} <= {link.name for link in robot.fixed_geometry}
    assert set(robot.collision_meshes()) == links
    bin_link = next(link for link in robot.fixed_geometry if link.name == 'bin')
    assert len(bin_link.convex_parts_m) == 5, 'a floor and four walls, not one solid block'


def test_collision_meshes_are_indexed_triangles(robot):
    meshes = robot.collision_meshes()
    assert len(meshes) > 8
    for vertices, triangles in meshes.values():
        assert vertices.shape[1] == triangles.shape[1] == 3
        assert triangles.min() >= 0 and triangles.max() < len(vertices)
        assert np.ptp(vertices, axis=0).max() < 0.5, 'metres, not millimetres'


def test_limits_are_within_the_urdf_s(robot):
    position = robot.model.upperPositionLimit[:7]
    assert (robot.q_upper <= position).all() and (robot.q_lower < robot.q_upper).all()
    assert (robot.dq_max <= robot.model.velocityLimit[:7] + 1e-9).all()


def test_joint_vector_reads_by_name_not_by_place(robot):
    names = (*robot.finger_joint_names, *reversed(robot.arm_joint_names), 'extra')
    position = np.array([0.01, 0.02, 7, 6, 5, 4, 3, 2, 1, 99.0])
    q, dq, width = robot.joint_vector(JointReading(0.0, names, position, position / 10))
    np.testing.assert_array_equal(q, [1, 2, 3, 4, 5, 6, 7])
    np.testing.assert_allclose(dq, q / 10)
    assert width == pytest.approx(0.03)


def test_a_missing_joint_is_named(robot):
    reading = JointReading(0.0, robot.arm_joint_names, np.zeros(7), np.zeros(7))
    with pytest.raises(BadInputError, match='panda_finger_joint1'):
        robot.joint_vector(reading)


def test_an_unknown_frame_is_refused_with_the_options(robot):
    with pytest.raises(BadInputError, match=r"got 'elbow', expected one of .*panda_hand"):
        robot.frame_pose('elbow', robot.q_home)


@pytest.mark.parametrize(
    ('part', 'change', 'named'),
    [
        ('arm', {'joints': ('shoulder',)}, 'shoulder'),
        ('arm', {'base_link': 'base'}, 'base'),
        ('arm', {'joints': CONFIG.arm.joints[::-1]}, 'hangs on'),
        ('gripper', {'grasp_frame': 'tcp'}, 'tcp'),
        ('gripper', {'hand_link': 'palm'}, 'palm'),
        ('gripper', {'finger_joints': ('thumb',)}, 'thumb'),
    ],
)
def test_a_robot_file_that_does_not_fit_the_urdf_is_refused(part, change, named):
    config = replace(CONFIG, **{part: replace(getattr(CONFIG, part), **change)})
    with pytest.raises(BadInputError, match=named):
        RobotModel(replace(compose(), config=config))


@pytest.mark.parametrize('urdf', ['', '<robot', '<robot name="empty"/>'])
def test_a_broken_urdf_is_refused_in_one_line(urdf):
    with pytest.raises(BadInputError) as raised:
        RobotModel(RobotDescription(urdf, CONFIG))
    assert '\n' not in str(raised.value)


def test_an_arm_of_six_joints_works_too():
    """One joint of the Panda welded: a six-joint arm is a matter of the robot file."""
    description = compose()
    root = ET.fromstring(description.urdf_xml)
    for joint in root.findall('joint'):
        if joint.get('name') == 'panda_joint3':
            joint.set('type', 'fixed')
    kept = {
        name: tuple(v for i, v in enumerate(getattr(CONFIG.arm, name)) if i != 2)
        for name in ('joints', *PER_JOINT)
    }
    config = replace(CONFIG, arm=replace(CONFIG.arm, **kept))
    robot = RobotModel(RobotDescription(ET.tostring(root, encoding='unicode'), config))
    q = robot.inverse_kinematics(robot.grasp_pose(robot.q_home + 0.1))
    assert q is not None and q.shape == (6,)


def test_a_mesh_that_cannot_be_read_is_named():
    description = compose()
    broken = description.urdf_xml.replace('link5.obj', 'no_such_link5.obj')
    with pytest.raises(BadInputError, match='no_such_link5'):
        RobotModel(RobotDescription(broken, CONFIG))


def test_a_collision_shape_without_volume_is_named():
    flat = compose().urdf_xml.replace('size="0.018 0.018 0.004"', 'size="0.018 0.018 0"')
    with pytest.raises(BadInputError, match=r'link left_tactile_pad: .* no volume'):
        RobotModel(RobotDescription(flat, CONFIG))
