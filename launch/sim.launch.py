"""The simulated work cell and everything that runs on it.

Written by `python -m sakiyomi_bringup.launch_files` from sakiyomi_bringup/description.py:
change it there.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable, Shutdown
from launch.conditions import IfCondition
from launch.substitutions import (
    EnvironmentVariable,
    EqualsSubstitution,
    LaunchConfiguration,
    PathJoinSubstitution,
)
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

SHUTDOWN = EqualsSubstitution(LaunchConfiguration('on_exit'), 'shutdown')
RESPAWN = EqualsSubstitution(LaunchConfiguration('on_exit'), 'respawn')


def generate_launch_description():
    """The simulated work cell and everything that runs on it."""
    return LaunchDescription(
        [
            SetEnvironmentVariable(
                'ROS_AUTOMATIC_DISCOVERY_RANGE',
                EnvironmentVariable('ROS_AUTOMATIC_DISCOVERY_RANGE', default_value='LOCALHOST'),
            ),
            DeclareLaunchArgument(
                'objects',
                default_value='random_urdfs',
                description='folder of URDFs or meshes, or random_urdfs',
            ),
            DeclareLaunchArgument(
                'scene',
                default_value='packed',
                choices=['packed', 'pile', 'empty'],
                description='how they lie on the table',
            ),
            DeclareLaunchArgument(
                'count',
                default_value='5',
                description='objects on the table',
            ),
            DeclareLaunchArgument(
                'seed',
                default_value='0',
                description='seed of the scene and of the sensor noise',
            ),
            DeclareLaunchArgument(
                'viewer',
                default_value='true',
                description='serve the browser page',
            ),
            DeclareLaunchArgument(
                'port',
                default_value='8080',
                description='port of the browser page on 127.0.0.1',
            ),
            DeclareLaunchArgument(
                'config_dir',
                default_value=PathJoinSubstitution([FindPackageShare('sakiyomi'), 'config']),
                description='folder of the parameter files; those installed if not given',
            ),
            DeclareLaunchArgument(
                'log_level',
                default_value='info',
                choices=['debug', 'info', 'warn', 'error', 'fatal'],
                description='least severity logged',
            ),
            DeclareLaunchArgument(
                'on_exit',
                default_value='shutdown',
                choices=['shutdown', 'respawn'],
                description='a node that ends: the graph ends with it, or the node starts again',
            ),
            Node(
                package='sakiyomi',
                executable='simulation_node',
                name='simulation',
                parameters=[
                    PathJoinSubstitution([LaunchConfiguration('config_dir'), 'simulation.yaml']),
                    {
                        'objects': ParameterValue(LaunchConfiguration('objects'), value_type=str),
                        'scene': ParameterValue(LaunchConfiguration('scene'), value_type=str),
                        'count': ParameterValue(LaunchConfiguration('count'), value_type=int),
                        'seed': ParameterValue(LaunchConfiguration('seed'), value_type=int),
                    },
                ],
                ros_arguments=['--log-level', LaunchConfiguration('log_level')],
                output='screen',
                respawn=RESPAWN,
                respawn_delay=2.0,
                on_exit=Shutdown(condition=IfCondition(SHUTDOWN)),
            ),
            Node(
                package='sakiyomi',
                executable='world_model_node',
                name='world_model',
                parameters=[
                    PathJoinSubstitution([LaunchConfiguration('config_dir'), 'world_model.yaml']),
                    {
                        'use_sim_time': True,
                    },
                ],
                ros_arguments=['--log-level', LaunchConfiguration('log_level')],
                output='screen',
                respawn=RESPAWN,
                respawn_delay=2.0,
                on_exit=Shutdown(condition=IfCondition(SHUTDOWN)),
            ),
            Node(
                package='sakiyomi',
                executable='planner_node',
                name='planner',
                parameters=[
                    PathJoinSubstitution([LaunchConfiguration('config_dir'), 'planner.yaml']),
                    {
                        'use_sim_time': True,
                    },
                ],
                ros_arguments=['--log-level', LaunchConfiguration('log_level')],
                output='screen',
                respawn=RESPAWN,
                respawn_delay=2.0,
                on_exit=Shutdown(condition=IfCondition(SHUTDOWN)),
            ),
            Node(
                package='sakiyomi',
                executable='viewer_node',
                name='viewer',
                condition=IfCondition(LaunchConfiguration('viewer')),
                parameters=[
                    PathJoinSubstitution([LaunchConfiguration('config_dir'), 'viewer.yaml']),
                    {
                        'use_sim_time': True,
                        'port': ParameterValue(LaunchConfiguration('port'), value_type=int),
                    },
                ],
                ros_arguments=['--log-level', LaunchConfiguration('log_level')],
                output='screen',
                respawn=RESPAWN,
                respawn_delay=2.0,
                on_exit=Shutdown(condition=IfCondition(SHUTDOWN)),
            ),
        ]
    )
