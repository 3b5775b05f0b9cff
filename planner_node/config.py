"""Every parameter of the planner, with its one default."""

from __future__ import annotations

from dataclasses import dataclass, field

from sakiyomi.parameters import NodeConfig, ParameterSet, parameter


@dataclass(frozen=True)
class GraspConfig(ParameterSet):
    """Grasp proposal from the cloud."""

    seed: int = parameter(0, 'seed of the candidate sampling', 0)
    num_side_samples: int = parameter(120, 'surface points sampled for side grasps', 1, 5000)
    num_top_samples: int = parameter(30, 'surface points sampled for grasps from above', 1, 5000)
    num_yaws: int = parameter(12, 'yaw angles tried from above', 1, 180)
    num_approaches: int = parameter(5, 'approaches tried around each closing axis', 1, 64)
    max_tilt_rad: float = parameter(0.9, 'largest tilt of the approach from straight down', 0, 1.6)
    depths_m: tuple = parameter((-0.005, 0.008, 0.02), 'how far past its anchor the hand reaches')
    lateral_clearances_m: tuple = parameter(
        (0.004, 0.008, 0.015), 'free play tried on each side of the object'
    )
    min_points: int = parameter(30, 'points an object needs to be grasped', 3, 10000)
    max_points: int = parameter(
        1500, 'points used of an object and of its surroundings', 50, 20000
    )
    min_contact_points: int = parameter(8, 'object points required between the pads', 1, 1000)
    min_width_m: float = parameter(0.004, 'thinnest graspable width', 0.0, 0.08)
    min_clearance_m: float = parameter(0.003, 'least free play on each side', 0.0, 0.04)
    table_clearance_m: float = parameter(
        0.004, 'least height of the fingertips over the table', 0, 1
    )
    margin_m: float = parameter(0.002, 'growth of the hand in collision checks', 0.0, 0.05)
    near_collision_margin_m: float = parameter(
        0.006, 'points nearer than this to the fingers crowd them', 0.0, 0.05
    )
    max_collision_points: int = parameter(
        1, 'stray points inside the hand that are let pass', 0, 100
    )
    contact_depth_m: float = parameter(0.004, 'shell of points that make a contact', 0.0005, 0.02)
    connectivity_radius_m: float = parameter(0.007, 'points this near hang together', 0.001, 0.05)
    target_radius_m: float = parameter(
        0.004, 'scene points this near are the target itself', 0.0, 0.05
    )
    crop_margin_m: float = parameter(
        0.2, 'points further than this from the target meet no part of the hand [m]', 0.05, 1.0
    )
    min_side_approach: float = parameter(
        0.3, 'least share of straight down in an approach along a surface', 0.01, 1.0
    )


@dataclass(frozen=True)
class GraspModelConfig(ParameterSet):
    """The contact model that predicts whether a grasp will hold."""

    samples: int = parameter(256, 'sampled worlds for each grasp', 8, 100000)
    seed: int = parameter(0, 'seed of the sampled worlds', 0)
    position_sigma_m: float = parameter(0.003, 'uncertainty of hand against object', 0.0, 0.05)
    angle_sigma_rad: float = parameter(0.17, 'uncertainty of a contact normal', 0.0, 1.0)
    pad_radius_m: float = parameter(0.007, 'effective radius of a pad against twisting', 0.0, 0.03)
    lift_acceleration_mps2: float = parameter(
        3.0, 'acceleration to be held besides gravity', 0, 50
    )
    # Platt scaling fitted on 44 simulated picks of household objects in piles, then rounded
    calibration_offset: float = parameter(2.3, 'offset of the log-odds of success', -10.0, 10.0)
    calibration_slope: float = parameter(0.9, 'slope of the log-odds of success', 0.01, 10.0)
    force_n: float = parameter(20.0, 'default grip force', 1.0, 70.0)


@dataclass(frozen=True)
class ExecutionConfig(ParameterSet):
    """Phases of a pick."""

    approach_m: float = parameter(0.09, 'straight distance before the grasp', 0.02, 0.3)
    lift_m: float = parameter(0.16, 'straight distance after the grasp', 0.02, 0.5)
    leave_m: float = parameter(0.06, 'straight distance backwards after the release', 0.0, 0.5)
    approach_speed_mps: float = parameter(0.12, 'speed of the last approach', 0.005, 1.0)
    lift_speed_mps: float = parameter(0.15, 'speed of the lift', 0.005, 1.0)
    dwell_s: float = parameter(0.25, 'rest before a force is measured', 0.0, 5.0)
    goal_period_s: float = parameter(0.1, 'a moving arm gets its next goal this often', 0.01, 1.0)
    goal_window_s: float = parameter(
        0.3, 'motion that a goal holds before it brakes to rest', 0.05, 5.0
    )
    long_goal_s: float = parameter(
        2.0, 'the same where the controller takes no goal while one runs', 0.1, 30.0
    )
    goal_tolerance_rad: float = parameter(0.02, 'a joint this near has arrived [rad]', 1e-4, 0.2)
    stationary_joint_speed_radps: float = parameter(
        0.05, 'a slower joint is at rest [rad/s]', 1e-4, 1.0
    )
    path_tolerance_rad: float = parameter(
        0.15, 'a joint this far off its path ends the motion [rad]', 0.005, 1.0
    )
    max_lag_s: float = parameter(
        0.5, 'how far the arm may lag behind; the motion waits for it', 0.2, 5.0
    )
    stall_s: float = parameter(1.0, 'an arm without progress for so long has failed', 0.1, 20.0)
    nominal_lag_s: float = parameter(
        0.15, 'an arm may lag so far behind before the motion slows down', 0.0, 2.0
    )
    retry_s: float = parameter(
        0.2, 'pause before a goal that was refused because another runs is sent again', 0.01, 5.0
    )
    min_speed_scale_change: float = parameter(
        0.02, 'a smaller change of the rate waits for the next goal', 0.0, 1.0
    )
    progress_window_s: float = parameter(
        0.2, 'of the path before and after the reference, where the arm is looked for', 0.02, 2.0
    )
    min_progress_s: float = parameter(
        0.02, 'advance along the path that counts as motion', 0.001, 1.0
    )
    min_braking_s: float = parameter(0.05, 'shortest braking from full speed [s]', 0.01, 1.0)
    max_braking_s: float = parameter(
        2.0, 'longest braking before the goal is cancelled', 0.1, 20.0
    )
    close_timeout_s: float = parameter(2.0, 'longest closing', 0.1, 20.0)
    grasp_lost_s: float = parameter(
        0.1, 'time without pad force after which the object counts as lost [s]', 0.0, 2.0
    )
    finger_rate_window_s: float = parameter(
        0.1, 'time over which the speed of the fingers is measured', 0.01, 1.0
    )
    max_finger_latency_s: float = parameter(
        0.25, 'time in which fingers may begin to obey a command', 0.0, 5.0
    )
    open_s: float = parameter(1.5, 'longest opening', 0.1, 10.0)
    min_finger_motion_m: float = parameter(
        0.001, 'fingers that change their opening by more have moved', 1e-5, 0.02
    )
    opening_error_m: float = parameter(
        0.006, 'distance from the commanded opening that is a failure [m]', 0.001, 0.05
    )
    attached_load_share: float = parameter(
        0.35,
        'share of the weight on the wrist after the release that is a caught object',
        0.05,
        0.95,
    )
    shakes: int = parameter(2, 'shakes that free an object caught on a finger', 0, 10)
    shake_rad: float = parameter(0.12, 'amplitude of the wrist in a shake [rad]', 0.0, 0.5)
    shake_swings: int = parameter(3, 'swings of one shake', 1, 20)
    shake_period_s: float = parameter(0.4, 'period of a swing [s]', 0.1, 5.0)
    contact_force_n: float = parameter(0.5, 'pad force that counts as touch', 0.01, 50.0)
    stationary_speed_mps: float = parameter(
        0.003, 'finger speed that counts as still', 0.0001, 0.1
    )
    min_held_width_m: float = parameter(0.0025, 'narrowest opening with something held', 0.0, 0.08)
    max_contact_n: float = parameter(40.0, 'wrist force that stops the arm', 1.0, 500.0)
    touch_down_n: float = parameter(15.0, 'the same in the approach', 1.0, 500.0)
    touch_down_s: float = parameter(
        0.25, 'last stretch of the approach, in which it may touch down', 0.0, 5.0
    )
    touch_down_speed_scale: float = parameter(0.4, 'speed scale of that stretch', 0.05, 1.0)
    back_off_force_share: float = parameter(
        0.25,
        'share of max_contact_n to which the arm backs off before the fingers close',
        0.0,
        1.0,
    )
    load_window_s: float = parameter(
        0.2, 'time over which the force at the wrist is averaged', 0.01, 2.0
    )
    load_noise_n: float = parameter(
        0.15, 'noise of that average: a lighter load is none', 0.0, 10.0
    )
    max_remaining_approach: float = parameter(
        0.12, 'share of the approach that may be missing when the hand meets resistance', 0.0, 1.0
    )
    min_lift_m: float = parameter(
        0.01, 'least lift of an object that an earlier pick has left in the hand', 0.0, 0.5
    )
    drop_height_m: float = parameter(
        0.16, 'height over the bin floor at which the object is let go', 0.05, 0.6
    )


@dataclass(frozen=True)
class SupervisorConfig(ParameterSet):
    """Limits at which a moving arm stops."""

    rate_hz: float = parameter(100.0, 'checks per second that joint states come', 10.0, 1000.0)
    joints_limit_s: float = parameter(
        0.1, 'joint states older than this: nothing is commanded', 0.01, 1.0
    )
    stamp_jump_s: float = parameter(
        0.25, 'stamps that jump by this against the clock end a pick', 0.01, 10.0
    )
    scene_limit_s: float = parameter(
        0.35, 'a scene older than this stops the arm until the next one', 0.1, 10.0
    )
    stop_within_s: float = parameter(
        0.8, 'a collision this far ahead on the path stops the arm [s]', 0.1, 5.0
    )
    look_ahead_s: float = parameter(
        1.6, 'a collision this far ahead on the path slows the arm [s]', 0.1, 10.0
    )
    slow_speed_scale: float = parameter(0.4, 'speed scale of a slowed arm', 0.05, 1.0)
    confirmations: int = parameter(2, 'scenes in a row with a collision that stop the arm', 1, 10)
    sweep_step_s: float = parameter(
        0.1, 'spacing of the configurations checked on what is left of the path', 0.01, 1.0
    )
    hand_radius_m: float = parameter(
        0.13, 'points this near the grasp frame are the held or the grasped object', 0.0, 0.5
    )
    patience_s: float = parameter(
        6.0, 'a pick ends where the way is not free again after so long', 0.0, 120.0
    )


@dataclass(frozen=True)
class MotionConfig(ParameterSet):
    """Motion planning of the arm."""

    velocity_scale: float = parameter(0.6, "share of the arm's joint speed limits", 0.01, 1.0)
    acceleration_scale: float = parameter(
        0.3, "share of the arm's joint acceleration limits", 0.01, 1.0
    )
    hand_acceleration_mps2: float = parameter(
        1.0, 'acceleration of the hand on straight lines [m/s^2]', 0.01, 10.0
    )
    planning_time_s: float = parameter(1.0, 'longest search for a path [s]', 0.05, 60.0)
    sample_period_s: float = parameter(0.02, 'spacing of trajectory points [s]', 0.001, 0.2)
    joint_step_rad: float = parameter(
        0.03, 'largest joint step between collision checks [rad]', 0.001, 0.2
    )
    search_range_rad: float = parameter(0.8, 'longest branch of the search tree [rad]', 0.05, 5.0)
    cartesian_step_m: float = parameter(
        0.005, 'spacing of inverse kinematics on straight lines [m]', 0.0005, 0.05
    )
    voxel_m: float = parameter(0.01, 'edge of the voxels that the cloud occupies [m]', 0.002, 0.1)
    table_allowance_m: float = parameter(
        0.002,
        'how far below the table top the arm may reach before it counts as a hit [m]',
        0.0,
        0.02,
    )
    clearance_m: float = parameter(
        0.008, 'distance kept from obstacles wherever there is room for it [m]', 0.0, 0.1
    )
    ik_restarts: int = parameter(8, 'random starting points of inverse kinematics', 0, 256)
    max_joint_jump_rad: float = parameter(
        0.25, 'largest joint step from pose to pose on straight lines [rad]', 0.01, 3.0
    )
    spline_spacings_rad: tuple = parameter(
        (0.4, 0.15, 0.05), 'spacings of spline knots tried on a path, coarse ones first [rad]'
    )
    endpoint_radius_rad: float = parameter(
        0.2, 'distance from an end near an obstacle that needs no clearance [rad]', 0.0, 1.0
    )
    max_escape_rad: float = parameter(
        0.15, 'largest joint motion out of a start in collision [rad]', 0.02, 1.0
    )
    num_escape_samples: int = parameter(60, 'motions tried out of a start in collision', 1, 1000)
    num_search_attempts: int = parameter(3, 'searches that share the planning time', 1, 20)
    num_shortcut_rounds: int = parameter(3, 'rounds of shortening a path', 0, 20)
    num_shortcut_steps: int = parameter(40, 'shortcuts tried in each round', 1, 1000)
    seed: int = parameter(0, 'seed of the path search', 0, 2**31 - 2)


@dataclass(frozen=True)
class WorkcellConfig(ParameterSet):
    """The place of the objects."""

    bin_x_m: float = parameter(0.15, "x of the bin's centre in the world frame", -1.0, 1.0)
    bin_y_m: float = parameter(0.52, "y of the bin's centre in the world frame", -1.0, 1.0)
    bin_side_m: float = parameter(0.30, 'inner side of the bin', 0.02, 2.0)


@dataclass(frozen=True)
class DriversConfig(ParameterSet):
    """The drivers of the arm and the fingers."""

    arm: str = parameter(
        'auto',
        'how goals reach the arm; auto: the action where one is served, else the topic',
        options=('auto', 'follow_joint_trajectory', 'topic'),
    )
    arm_action: str = parameter(
        'arm_controller/follow_joint_trajectory', 'name of the action of the arm controller'
    )
    gripper_action: str = parameter(
        'gripper_controller/gripper_cmd', 'name of the action of the gripper controller'
    )
    gripper: str = parameter(
        'auto',
        'how commands reach the fingers; topic_position_only: without effort',
        options=(
            'auto',
            'topic',
            'topic_position_only',
            'gripper_command',
            'parallel_gripper_command',
        ),
    )


@dataclass(frozen=True)
class PlannerConfig(NodeConfig):
    """The planner node."""

    scene_timeout_s: float = parameter(10.0, 'longest wait for a fresh scene [s]', 0.1, 60.0)
    fixed_planning_s: float = parameter(
        0.0,
        'a plan is carried out exactly so long after its scene, for runs that repeat; 0: at once',
        0.0,
        60.0,
    )
    lockstep: bool = parameter(
        False, 'a step waits for the touch of its own instant and for its plan, for such runs'
    )
    place_tolerance_m: float = parameter(
        0.06, 'an object this near its place was placed there [m]', 0.001, 1.0
    )
    target_moved_m: float = parameter(
        0.02, 'an object that has moved by this is planned for anew [m]', 0.001, 1.0
    )
    state_timeout_s: float = parameter(2.0, 'silence of an input that ends a pick [s]', 0.1, 60.0)
    clock_timeout_s: float = parameter(
        10.0,
        'the same in real time for a simulated robot, whose time stands still while it waits [s]',
        1.0,
        600.0,
    )
    max_replans: int = parameter(2, 'times that a pick is planned anew under way', 0, 20)
    max_grasps: int = parameter(30, 'grasps tried with the arm for one pick', 1, 1000)
    planning_limit_s: float = parameter(20.0, 'no further grasp is tried after this', 0.1, 600.0)
    min_success: float = parameter(0.4, 'predicted success below which none is tried', 0.0, 1.0)
    grasp: GraspConfig = field(default_factory=GraspConfig)
    grasp_model: GraspModelConfig = field(default_factory=GraspModelConfig)
    motion: MotionConfig = field(default_factory=MotionConfig)
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
    supervisor: SupervisorConfig = field(default_factory=SupervisorConfig)
    drivers: DriversConfig = field(default_factory=DriversConfig)
    workcell: WorkcellConfig = field(default_factory=WorkcellConfig)
