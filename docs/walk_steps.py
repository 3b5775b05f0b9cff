"""The steps of docs/walk.md: one image from its message to the arm's command."""

from __future__ import annotations

from source_pages import Step

STEPS = (
    Step(
        ('WorldModelNode._on_color',),
        'world_model, executor',
        'A `sensor_msgs/Image` arrives on `camera/color/image_raw` and becomes an array.',
    ),
    Step(
        ('WorldModelNode._pair_images', 'to_camera_frame'),
        'world_model, executor',
        'The colour image is paired with the depth image of the same stamp. The pair gets its '
        'intrinsics and the pose `T_world_camera`, is validated, and joins the reading queue. '
        'An update is requested.',
    ),
    Step(
        ('UpdateThread.request', 'WorldModelNode._update'),
        'world_model, updates',
        'The update thread wakes up and takes all queued readings, in the order of arrival, into '
        'the buffers of the world model.',
    ),
    Step(
        ('WorldModel.update', 'SensorInputs.at'),
        'world_model, updates',
        'Room `inputs`: the snapshot holds the newest image, the LiDAR scans of the last half '
        'second, the taxels and the joints, and names each stale modality.',
    ),
    Step(
        ('CloudFusion.points', 'fuse_voxels'),
        'world_model, updates',
        'Room `contact_estimation` has moved a held object with the hand. Room `fusion`: depth '
        'and scans become points with a noise each. The table, the robot and '
        'outdated scans are removed; the rest is averaged in voxels.',
    ),
    Step(
        ('NetworkSegmenter.segment', 'measure_objects'),
        'world_model, updates',
        'Room `segmentation`: every voxel gets an object label. Each label becomes one object '
        'measurement with position, points, volume and colour.',
    ),
    Step(
        ('Tracker.update',),
        'world_model, updates',
        'Room `tracking`: measurements are assigned to tracks. Each track updates its pose, twist '
        'and surface by filters and registration.',
    ),
    Step(
        ('LearnedDynamics.observe',),
        'world_model, updates',
        'Rooms `model` and `inference`: the last 1.2 s of tracks, hand and touch become a '
        'belief about the hidden properties of each object.',
    ),
    Step(
        ('LearnedDynamics.roll_out',),
        'world_model, updates',
        'Samples of the belief run through the contact physics. The result is 20 poses per '
        'object, 50 ms apart, with covariance.',
    ),
    Step(
        ('WorldModelNode._publish', 'to_object_states'),
        'world_model, updates',
        'Objects, predictions, contacts and cloud are published under `world_model/`.',
    ),
    Step(
        ('PlannerNode._on_scene', 'from_object_states'),
        'planner, executor',
        'The planner pairs objects and cloud of the same update, and converts the pair to a '
        '`Scene` when a pick asks for one.',
    ),
    Step(
        ('PickJob.step',),
        'planner, executor',
        'Each joint state steps the pick under way. The first usable scene after the request goes '
        'to the planning thread.',
    ),
    Step(
        ('PickPlanner.plan', 'GraspRanker.rank', 'PickStages.pick'),
        'planner, planning',
        'Grasps are proposed on the cloud, evaluated by the outcome model and ranked. The best '
        'grasp with collision-free motion becomes a list of stages, each with a trajectory.',
    ),
    Step(
        ('PickExecution.step', 'MotionStream.step'),
        'planner, executor',
        'The stage under way sends the next part of its trajectory as a short goal that ends at '
        'rest.',
    ),
    Step(
        ('TopicArmDriver.send', 'FollowJointTrajectoryDriver.send'),
        'planner, executor',
        'The goal leaves as a `trajectory_msgs/JointTrajectory` on '
        '`arm_controller/joint_trajectory`, or as a goal of the action '
        '`follow_joint_trajectory`.',
    ),
)
