import sys

from sakiyomi_ros.environment import PROFILE_VARIABLES, prepare_environment


def test_without_ros_the_interpreter_is_the_prefix_and_discovery_stays_on_this_host():
    environ = {}
    prepare_environment(environ)
    assert environ['AMENT_PREFIX_PATH'] == sys.prefix
    assert environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert all(environ[name].endswith('fastdds.xml') for name in PROFILE_VARIABLES)


def test_a_sourced_ros_and_the_users_own_settings_are_left_alone():
    given = {'AMENT_PREFIX_PATH': '/opt/ros/jazzy', PROFILE_VARIABLES[0]: '/etc/mine.xml'}
    environ = dict(given)
    prepare_environment(environ)
    assert {name: environ[name] for name in given} == given
    assert 'ROS_AUTOMATIC_DISCOVERY_RANGE' not in environ


def test_preparing_twice_is_preparing_once():
    environ = {}
    prepare_environment(environ)
    once = dict(environ)
    prepare_environment(environ)
    assert environ == once
