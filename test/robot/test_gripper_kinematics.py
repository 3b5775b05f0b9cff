import pytest

from sakiyomi.errors import BadInputError
from sakiyomi.robot.gripper_kinematics import GripperKinematics
from sakiyomi.robot.robot_config import read_robot_config

PANDA = read_robot_config().gripper.kinematics
ROBOTIQ_2F85 = GripperKinematics(open_position=0.0, closed_position=0.8, open_width_m=0.085)


@pytest.mark.parametrize('fingers', [PANDA, ROBOTIQ_2F85])
@pytest.mark.parametrize('share', [0.0, 0.3, 1.0])
def test_positions_and_widths_are_each_other_s_inverse(fingers, share):
    width_m = share * fingers.open_width_m
    assert fingers.width_m(fingers.position(width_m)) == pytest.approx(width_m)


def test_each_finger_of_the_panda_is_half_of_the_width():
    assert PANDA.position(0.05) == pytest.approx(0.025)


def test_a_joint_that_closes_with_growing_angle_is_open_at_its_smallest():
    assert ROBOTIQ_2F85.position(0.085) == 0.0
    assert ROBOTIQ_2F85.position(0.0) == pytest.approx(0.8)
    assert ROBOTIQ_2F85.width_m(0.4) == pytest.approx(0.0425)


def test_no_position_beyond_the_ends_is_commanded():
    assert ROBOTIQ_2F85.position(0.2) == 0.0
    assert ROBOTIQ_2F85.position(-0.1) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ('ends', 'says'),
    [
        ((0.1, 0.1, 0.08), 'open_position 0.1 and closed_position 0.1'),
        ((float('nan'), 0.1, 0.08), 'open_position nan'),
        ((0.04, 0.0, 0.0), 'open_width_m 0.0'),
        ((0.04, 0.0, float('inf')), 'open_width_m inf'),
    ],
)
def test_a_map_without_travel_or_width_is_refused(ends, says):
    with pytest.raises(BadInputError, match=says):
        GripperKinematics(*ends)
