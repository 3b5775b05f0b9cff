"""The robot file: what is read is what is written, and what does not fit is refused."""

import numpy as np
import pytest
import yaml

from sakiyomi.errors import BadInputError
from sakiyomi.robot.robot_config import arm_urdf_path, read_robot_config, robot_config_path
from sakiyomi.robot.robot_description import compose

TREE = yaml.safe_load(robot_config_path().read_text())


@pytest.fixture
def write(tmp_path):
    """Writes our robot file with values changed at dotted keys; None takes the key away."""

    def write(**changes):
        tree = yaml.safe_load(robot_config_path().read_text())
        for key, value in changes.items():
            *way, name = key.split('.')
            section = tree
            for step in way:
                section = section[step]
            if value is None:
                del section[name]
            else:
                section[name] = value
        path = tmp_path / 'robot.yaml'
        path.write_text(yaml.safe_dump(tree))
        return path

    return write


def test_every_key_of_the_file_is_a_field_with_its_value(write):
    config = read_robot_config(write())
    assert list(config.arm.q_home) == TREE['arm']['q_home']
    assert config.gripper.kinematics.position(config.hand.max_opening_m) == pytest.approx(
        TREE['gripper']['kinematics']['open_position']
    )
    sections = TREE['hand']['trained']['finger_sections_m']
    np.testing.assert_array_equal(config.hand.trained.finger_sections_m, sections)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'arm.elbow': 1}, r'arm\.elbow: unknown key, expected one of urdf, '),
        ({'hand.trained.shoe_m': 1}, r'hand\.trained\.shoe_m: unknown key'),
        ({'arm.dq_max': None}, r'arm\.dq_max: got nothing'),
        ({'arm.dq_max': [1.0]}, r'arm\.dq_max: got 1 values, expected 7'),
        ({'arm.base_link': 3}, r'arm\.base_link: got 3, expected a name'),
        (
            {'arm.q_home': [0.0] * 6 + ['x']},
            r"arm\.q_home\[6\]: got 'x', expected",
        ),
        ({'arm.joints': 'a'}, r"arm\.joints: got 'a', expected a list"),
        ({'hand.taxel_rows': 1.5}, r'hand\.taxel_rows: got 1\.5, expected a whole number'),
        ({'hand.taxel_rows': True}, r'hand\.taxel_rows: got True'),
        ({'hand.max_opening_m': 0.0}, r'hand\.max_opening_m: got 0\.0, expected more than 0'),
        ({'hand.palm_depth_m': float('nan')}, r'hand\.palm_depth_m: got nan'),
        ({'hand.trained.palm_sections_m': [[1, 2, 3]]}, 'got 1 values, expected 3'),
        ({'gripper.kinematics.open_width_m': 0.0}, r'gripper\.kinematics: .* open_width_m 0'),
        ({'sensors': []}, r'sensors: got list, expected a map of camera_frame, '),
    ],
)
def test_what_does_not_fit_is_named_with_file_key_got_and_expected(write, change, words):
    path = write(**change)
    with pytest.raises(BadInputError, match=words) as raised:
        read_robot_config(path)
    assert str(path) in str(raised.value) and '\n' not in str(raised.value)


@pytest.mark.parametrize('text', ['a: [', 'just words', ''])
def test_a_file_of_another_form_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / 'robot.yaml'
    path.write_text(text)
    with pytest.raises(BadInputError) as raised:
        read_robot_config(path)
    assert '\n' not in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInputError, match='No such file'):
        read_robot_config(tmp_path / 'robot.yaml')


def test_the_robot_file_beside_the_urdf_is_read_and_ours_where_there_is_none(write, tmp_path):
    ours = compose()
    arm = tmp_path / 'arm.urdf'
    arm.write_text(arm_urdf_path(ours.config, robot_config_path().parent).read_text())
    assert robot_config_path(arm) == robot_config_path()
    write(**{'hand.max_opening_m': 0.07})
    assert robot_config_path(arm) == tmp_path / 'robot.yaml'
    assert read_robot_config(robot_config_path(arm)).hand.max_opening_m == 0.07


def test_a_package_that_is_not_installed_is_named(write, tmp_path):
    config = read_robot_config(write(**{'arm.urdf': 'package://no_such_package/arm.urdf'}))
    with pytest.raises(BadInputError, match=r"arm\.urdf: got 'package://no_such_package"):
        arm_urdf_path(config, tmp_path)
