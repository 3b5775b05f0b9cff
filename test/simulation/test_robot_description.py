import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from sakiyomi.errors import BadInputError
from sakiyomi.robot.robot_description import compose, resolve_mesh

FRAGMENT = (
    '<robot name="x"><link name="tool"/><joint name="j" type="fixed"><parent link="{}"/>'
    '<child link="tool"/></joint></robot>'
)
COMPOSE = (
    'import sys; from sakiyomi.robot.robot_description import compose; compose();'
    'sys.exit("pybullet" in sys.modules)'
)


@pytest.fixture(scope='module')
def description():
    return compose()


def test_meshes_are_absolute_and_there(description):
    meshes = list(description.root.iter('mesh'))
    assert meshes and all(Path(mesh.get('filename')).is_file() for mesh in meshes)


def test_the_links_form_one_tree_from_the_world(description):
    assert description.root_link == 'world'
    assert {'panda_hand', 'bin', 'camera_link', 'lidar_link'} <= set(description.link_names)


def test_every_moving_arm_joint_has_a_home_within_its_limits(description):
    arm = description.config.arm
    homes = dict(zip(arm.joints, arm.q_home, strict=True))
    joints = [j for j in description.root.findall('joint') if j.get('type') == 'revolute']
    assert len(joints) == 7
    for joint in joints:
        limit = joint.find('limit')
        home = homes[joint.get('name')]
        assert float(limit.get('lower')) < home < float(limit.get('upper'))


def test_camera_and_lidar_look_at_the_workspace(description):
    for link, axis in (('camera_color_optical_frame', 2), ('lidar_link', 0)):
        T = description.fixed_pose(link)
        towards = np.array([0.5, 0.0, 0.05]) - T[:3, 3]
        assert T[:3, axis] @ towards / np.linalg.norm(towards) > 0.995


def test_pads_face_each_other_across_the_fingers(description):
    left = description.fixed_pose('left_tactile_pad', 'panda_leftfinger')
    right = description.fixed_pose('right_tactile_pad', 'panda_rightfinger')
    np.testing.assert_allclose(left[:3, 2], [0, 1, 0], atol=1e-9)  # into the left finger
    np.testing.assert_allclose(right[:3, 2], [0, -1, 0], atol=1e-9)
    np.testing.assert_allclose(left[:3, 0], [0, 0, 1], atol=1e-9)  # to the tip
    np.testing.assert_allclose(right[:3, 0], [0, 0, 1], atol=1e-9)


def test_a_subtree_and_the_rest_share_no_link_and_lose_none(description):
    def links(xml):
        return {link.get('name') for link in ET.fromstring(xml).findall('link')}

    inside, outside = (
        links(part('panda_hand')) for part in (description.subtree, description.without)
    )
    assert not inside & outside
    assert inside | outside == set(description.link_names)
    assert {'panda_leftfinger', 'right_tactile_pad'} <= inside


def test_composing_does_not_load_the_simulator():
    assert subprocess.run([sys.executable, '-c', COMPOSE], check=False).returncode == 0


@pytest.mark.parametrize(
    ('text', 'wrong'),
    [
        ('<robot', 'not valid XML'),
        ('<sdf/>', 'expected a <robot>'),
        (FRAGMENT.format('nowhere'), 'nowhere'),
        ('<robot name="x"><link name="panda_hand"/></robot>', 'twice'),
        ('<robot name="x"><group_state name="home"/></robot>', 'expected q_home'),
        ('<robot name="x"><link name="adrift"/></robot>', 'expected one'),
        (
            '<robot name="x"><link name="a"><visual><geometry><mesh filename="package://no/a.stl"/>'
            '</geometry></visual></link></robot>',
            'package://no/a.stl',
        ),
    ],
)
def test_attachments_that_do_not_fit_are_refused(tmp_path, text, wrong):
    path = tmp_path / 'cell.urdf'
    path.write_text(text)
    with pytest.raises(BadInputError, match=wrong):
        compose(attachments=path)


def test_a_missing_arm_is_named(tmp_path):
    with pytest.raises(BadInputError, match=r'arm\.urdf'):
        compose(arm_urdf=tmp_path / 'arm.urdf')


def test_package_meshes_come_from_an_installed_ros_package(tmp_path, monkeypatch):
    mesh = tmp_path / 'share' / 'my_arm' / 'meshes' / 'a.stl'
    mesh.parent.mkdir(parents=True)
    mesh.touch()
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    assert resolve_mesh('package://my_arm/meshes/a.stl', tmp_path / 'elsewhere') == mesh
