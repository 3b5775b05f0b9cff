"""The stack on a physical robot, or on another simulator: its topics by remapping.

Written by `python -m sakiyomi_bringup.launch_files` from sakiyomi_bringup/description.py:
change it there.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, Shutdown
from launch.conditions import IfCondition
from launch.substitutions import EqualsSubstitution, LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

SHUTDOWN = EqualsSubstitution(LaunchConfiguration('on_exit'), 'shutdown')
RESPAWN = EqualsSubstitution(LaunchConfiguration('on_exit'), 'respawn')


def generate_launch_description():
    """The stack on a physical robot, or on another simulator: its topics by remapping."""
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                'robot_description',
                default_value='',
                description="the arm's URDF file; empty: the one that urdf/robot.yaml names",
            ),
            DeclareLaunchArgument(
                'sensor_description',
                default_value='',
                description='URDF of the sensors and the work cell; empty: urdf/workcell.urdf',
            ),
            DeclareLaunchArgument(
                'use_sim_time',
                default_value='false',
                description='take the time from /clock, as with a simulator',
            ),
            DeclareLaunchArgument(
                'color_topic',
                default_value='camera/color/image_raw',
                description='colour image, sensor_msgs/Image rgb8 or bgr8',
            ),
            DeclareLaunchArgument(
                'depth_topic',
                default_value='camera/depth/image_rect_raw',
                description='depth image registered to the colour image, 16UC1 [mm] or 32FC1 [m]',
            ),
            DeclareLaunchArgument(
                'camera_info_topic',
                default_value='camera/camera_info',
                description="the colour camera's sensor_msgs/CameraInfo",
            ),
            DeclareLaunchArgument(
                'lidar_topic',
                default_value='lidar/points',
                description='sensor_msgs/PointCloud2 x y z',
            ),
            DeclareLaunchArgument(
                'tactile_left_topic',
                default_value='tactile/left',
                description='taxels of the left pad, x y z fx fy fz',
            ),
            DeclareLaunchArgument(
                'tactile_right_topic',
                default_value='tactile/right',
                description='taxels of the right pad, x y z fx fy fz',
            ),
            DeclareLaunchArgument(
                'wrench_topic',
                default_value='wrench',
                description='geometry_msgs/WrenchStamped at the wrist',
            ),
            DeclareLaunchArgument(
                'joint_states_topic',
                default_value='joint_states',
                description='sensor_msgs/JointState of the arm and the fingers',
            ),
            DeclareLaunchArgument(
                'arm_command_topic',
                default_value='arm_controller/joint_trajectory',
                description="JointTrajectory of the arm's controller",
            ),
            DeclareLaunchArgument(
                'gripper_command_topic',
                default_value='gripper_controller/joint_trajectory',
                description='JointTrajectory of the fingers; effort is the force limit',
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
            Node(
                package='sakiyomi',
                executable='world_model_node',
                name='world_model',
                parameters=[
                    PathJoinSubstitution([LaunchConfiguration('config_dir'), 'world_model.yaml']),
                    {
                        'robot_description': ParameterValue(
                            LaunchConfiguration('robot_description'), value_type=str
                        ),
                        'sensor_description': ParameterValue(
                            LaunchConfiguration('sensor_description'), value_type=str
                        ),
                        'use_sim_time': ParameterValue(
                            LaunchConfiguration('use_sim_time'), value_type=bool
                        ),
                    },
                ],
                remappings=[
                    ('camera/color/image_raw', LaunchConfiguration('color_topic')),
                    ('camera/depth/image_rect_raw', LaunchConfiguration('depth_topic')),
                    ('camera/camera_info', LaunchConfiguration('camera_info_topic')),
                    ('lidar/points', LaunchConfiguration('lidar_topic')),
                    ('tactile/left', LaunchConfiguration('tactile_left_topic')),
                    ('tactile/right', LaunchConfiguration('tactile_right_topic')),
                    ('wrench', LaunchConfiguration('wrench_topic')),
                    ('joint_states', LaunchConfiguration('joint_states_topic')),
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
                        'robot_description': ParameterValue(
                            LaunchConfiguration('robot_description'), value_type=str
                        ),
                        'sensor_description': ParameterValue(
                            LaunchConfiguration('sensor_description'), value_type=str
                        ),
                        'use_sim_time': ParameterValue(
                            LaunchConfiguration('use_sim_time'), value_type=bool
                        ),
                    },
                ],
                remappings=[
                    ('tactile/left', LaunchConfiguration('tactile_left_topic')),
                    ('tactile/right', LaunchConfiguration('tactile_right_topic')),
                    ('wrench', LaunchConfiguration('wrench_topic')),
                    ('joint_states', LaunchConfiguration('joint_states_topic')),
                    ('arm_controller/joint_trajectory', LaunchConfiguration('arm_command_topic')),
                    (
                        'gripper_controller/joint_trajectory',
                        LaunchConfiguration('gripper_command_topic'),
                    ),
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
                        'robot_description': ParameterValue(
                            LaunchConfiguration('robot_description'), value_type=str
                        ),
                        'sensor_description': ParameterValue(
                            LaunchConfiguration('sensor_description'), value_type=str
                        ),
                        'use_sim_time': ParameterValue(
                            LaunchConfiguration('use_sim_time'), value_type=bool
                        ),
                        'port': ParameterValue(LaunchConfiguration('port'), value_type=int),
                    },
                ],
                remappings=[
                    ('camera/color/image_raw', LaunchConfiguration('color_topic')),
                    ('camera/camera_info', LaunchConfiguration('camera_info_topic')),
                    ('lidar/points', LaunchConfiguration('lidar_topic')),
                    ('tactile/left', LaunchConfiguration('tactile_left_topic')),
                    ('tactile/right', LaunchConfiguration('tactile_right_topic')),
                    ('joint_states', LaunchConfiguration('joint_states_topic')),
                ],
                ros_arguments=['--log-level', LaunchConfiguration('log_level')],
                output='screen',
                respawn=RESPAWN,
                respawn_delay=2.0,
                on_exit=Shutdown(condition=IfCondition(SHUTDOWN)),
            ),
        ]
    )
