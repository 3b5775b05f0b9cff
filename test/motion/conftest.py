import pytest

from sakiyomi.robot.robot_description import compose
from sakiyomi.robot.robot_model import RobotModel


@pytest.fixture(scope='session')
def robot():
    return RobotModel(compose())
