"""Every topic of the graph: its type, its source and what it carries. The docs are made of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """One row of the topic table."""

    name: str
    kind: str  # package/Type
    source: str  # the node, or 'robot' where the simulation stands for it
    content: str  # with units and frame


TOPICS: tuple[Topic, ...] = (
    Topic('camera/color/image_raw', 'sensor_msgs/Image', 'robot', 'colour, rgb8 or bgr8'),
    Topic(
        'camera/depth/image_rect_raw',
        'sensor_msgs/Image',
        'robot',
        'depth registered to the colour, 16UC1 [mm] or 32FC1 [m], 0 or NaN where there is none',
    ),
    Topic('camera/camera_info', 'sensor_msgs/CameraInfo', 'robot', 'pinhole intrinsics [px]'),
    Topic('lidar/points', 'sensor_msgs/PointCloud2', 'robot', 'x y z [m] in the sensor frame'),
    Topic(
        'tactile/left',
        'sensor_msgs/PointCloud2',
        'robot',
        'taxels of the left pad: x y z [m], fx fy fz [N] in the pad frame',
    ),
    Topic('tactile/right', 'sensor_msgs/PointCloud2', 'robot', 'the same of the right pad'),
    Topic('wrench', 'geometry_msgs/WrenchStamped', 'robot', 'load on the hand [N], [N m]'),
    Topic('joint_states', 'sensor_msgs/JointState', 'robot', 'arm [rad] and fingers [m]'),
    Topic('/clock', 'rosgraph_msgs/Clock', 'robot', 'simulated time'),
    Topic(
        'simulation/ground_truth',
        'sakiyomi_interfaces/ObjectStateArray',
        'simulation',
        'true states, for evaluation alone: no node of the robot subscribes',
    ),
    Topic(
        'simulation/processing_time',
        'sakiyomi_interfaces/StageTimes',
        'simulation',
        'time of each stage [ms]',
    ),
    Topic(
        'world_model/objects',
        'sakiyomi_interfaces/ObjectStateArray',
        'world_model',
        'tracked objects: id, pose, twist, surface points, hidden properties, with covariance;'
        ' held, and whether it slips',
    ),
    Topic(
        'world_model/predictions',
        'sakiyomi_interfaces/PredictionArray',
        'world_model',
        'per object 20 poses and twists 50 ms apart, with covariance',
    ),
    Topic(
        'world_model/contacts',
        'sensor_msgs/PointCloud2',
        'world_model',
        'where the hand is touched: x y z [m], normal_x normal_y normal_z into the robot,'
        ' fx fy fz [N] on the robot, object_id (-1: unknown),'
        ' source (0 left pad, 1 right pad, 2 wrist)',
    ),
    Topic(
        'world_model/cloud',
        'sensor_msgs/PointCloud2',
        'world_model',
        'fused points above the table, robot removed: x y z [m], normal_x normal_y normal_z',
    ),
    Topic(
        'world_model/markers',
        'visualization_msgs/MarkerArray',
        'world_model',
        'objects, ids and predicted paths for RViz',
    ),
    Topic(
        'world_model/predicted_poses',
        'geometry_msgs/PoseArray',
        'world_model',
        'where each object will be at the end of the horizon, in standard messages',
    ),
    Topic(
        'world_model/predicted_trajectories',
        'trajectory_msgs/MultiDOFJointTrajectory',
        'world_model',
        'the whole prediction in standard messages, one joint per object',
    ),
    Topic(
        'world_model/processing_time',
        'sakiyomi_interfaces/StageTimes',
        'world_model',
        'time of each stage and latency from the sensor [ms]',
    ),
    Topic(
        'planner/grasp',
        'sakiyomi_interfaces/Grasp',
        'planner',
        'the grasp chosen and its predicted success',
    ),
    Topic(
        'planner/path',
        'visualization_msgs/MarkerArray',
        'planner',
        'the path of the grasp frame for RViz',
    ),
    Topic(
        'planner/processing_time',
        'sakiyomi_interfaces/StageTimes',
        'planner',
        'time of each planning stage [ms]',
    ),
    Topic(
        'planner/heartbeat',
        'sakiyomi_interfaces/Heartbeat',
        'planner',
        'the robot state acted on last, and how many commands were sent until then',
    ),
    Topic(
        'arm_controller/joint_trajectory',
        'trajectory_msgs/JointTrajectory',
        'planner',
        'motion of the arm [rad], [rad/s]',
    ),
    Topic(
        'gripper_controller/joint_trajectory',
        'trajectory_msgs/JointTrajectory',
        'planner',
        'position of the fingers [m]; effort is the force limit [N]',
    ),
    Topic('/diagnostics', 'diagnostic_msgs/DiagnosticArray', 'all', 'health of every node'),
)
