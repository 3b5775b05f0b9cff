"""The whole work cell: physics, controllers, sensors and scenes behind one object, free of ROS."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import inverse
from sakiyomi.robot.robot_description import compose
from sakiyomi.scene import GripperCommand, JointTrajectory
from sakiyomi.sensing import CameraFrame, JointReading, LidarScan, TactileReading, WrenchReading
from simulation_node.bodies.physical_properties import PhysicalProperties
from simulation_node.config import (
    BIN_HEIGHT_M,
    BIN_LINK,
    BIN_SIDE_M,
    PHYSICS_HZ,
    CameraConfig,
    LidarConfig,
    SimulationConfig,
)
from simulation_node.controllers import GripperDrive, PoseFollower, TrajectoryFollower
from simulation_node.objects.meshes import Shape
from simulation_node.objects.object_files import ObjectModel, TrueObject, load_object, object_files
from simulation_node.scene_layouts import populate_scene
from simulation_node.sensors.camera import DepthCamera
from simulation_node.sensors.lidar import Lidar
from simulation_node.sensors.noise import sensor_rng
from simulation_node.sensors.palette import palette
from simulation_node.sensors.raycast import RayScene
from simulation_node.sensors.tactile import (
    joint_reading,
    pad_contacts,
    tactile_reading,
    wrench_reading,
)
from simulation_node.world import World


class SimulatedCell:
    """What a robot cell does and senses. `time_s` never runs backwards, not even over a reset."""

    def __init__(self, config: SimulationConfig):
        self.config = config
        self.description = compose(config.robot_description, config.sensor_description)
        self._links, self._frames = (
            self.description.config.gripper,
            self.description.config.sensors,
        )
        self.world = World(self.description, config.hand_only, config.touch.wrench_bandwidth_hz)
        self._camera = DepthCamera(
            config.camera, self.description.fixed_pose(self._frames.camera_frame)
        )
        self._lidar = Lidar(config.lidar, self.description.fixed_pose(self._frames.lidar_frame))
        T_hand_grasp = self.description.fixed_pose(self._links.grasp_frame, self._links.hand_link)
        self._T_grasp_hand = inverse(T_hand_grasp)
        self._steps = self._reset_step = 0
        self._owed_steps = 0.0
        self.reset(config.seed)

    def close(self) -> None:
        """Release the physics client."""
        self.world.close()

    # ---- scene

    @property
    def time_s(self) -> float:
        """Simulated time since construction, in whole nanoseconds as stamps are."""
        nanoseconds = round(self._steps * 1e9 / PHYSICS_HZ)
        return nanoseconds // 10**9 + nanoseconds % 10**9 * 1e-9

    @property
    def names(self) -> list[str]:
        """The objects in the scene."""
        return list(self.world.objects.bodies)

    def reset(
        self,
        seed: int,
        objects: str | None = None,
        scene: str | None = None,
        count: int | None = None,
    ) -> list[str]:
        """Arm home, a new seeded scene, all settled; what is None stays as it was.

        Raises:
            BadInputError: a bad value, or a folder without usable objects.
        """
        new = {'objects': objects, 'scene': scene, 'count': count, 'seed': seed}
        config = replace(self.config, **{k: v for k, v in new.items() if v is not None})
        object_files(config.objects)  # refused before anything changes
        self.world.reset()
        self._follower = TrajectoryFollower(self.world.robot.arm_q())
        self._hand = PoseFollower(self.world.robot.link_pose(self._links.hand_link))
        self._gripper = GripperDrive(self.world.robot.finger_width_m(), config.gripper_speed_mps)
        self._drive()
        populate_scene(
            self.world, config.objects, config.scene, config.count, np.random.default_rng(seed)
        )
        self.config = config
        self._reset_step = self._steps
        self._spawned = 0
        self._ray_scene_step = -1
        return self.names

    def spawn(
        self, path: str | Path, T_world_object: np.ndarray, twist: np.ndarray | None = None
    ) -> str:
        """Put one more object into the scene, moving with `twist` (6,); empty path: the next one.

        Raises:
            BadInputError: the file cannot be used, or the pose or twist is not finite.
        """
        if (
            not np.isfinite(T_world_object).all()
            or not np.isfinite(np.zeros(6) if twist is None else twist).all()
        ):
            raise BadInputError('spawn: got a pose or twist that is not finite')
        if not str(path):
            files = object_files(self.config.objects)
            rng = np.random.default_rng([self.config.seed, self._spawned])
            path = files[int(rng.integers(len(files)))]
        name = self.world.objects.add(load_object(Path(path)), T_world_object)
        self._spawned += 1
        self.world.objects.set_state(name, T_world_object, twist)
        self._ray_scene_step = -1
        return name

    def add(
        self,
        model: ObjectModel,
        T_world_object: np.ndarray,
        scale: float,
        properties: PhysicalProperties,
    ) -> str:
        """Put an object of that size and with those properties into the scene, at rest."""
        self._ray_scene_step = -1
        return self.world.objects.add(model, T_world_object, scale, properties)

    def set_object_state(self, name: str, T_world_object: np.ndarray, twist: np.ndarray) -> None:
        """Set the pose of an object and the twist (6,) of its origin."""
        self.world.objects.set_state(name, T_world_object, twist)
        self._ray_scene_step = -1

    def set_velocity(self, name: str, velocity: np.ndarray, spin: np.ndarray) -> None:
        """Set the velocity (3,) m/s of an object's centre of mass and its spin (3,) rad/s."""
        self.world.objects.set_velocity(name, velocity, spin)

    def remove(self, name: str) -> None:
        """Take one object out of the scene."""
        self.world.objects.remove(name)
        self._ray_scene_step = -1

    def apply_impulse(
        self, name: str, impulse: np.ndarray, at_m: np.ndarray | None = None
    ) -> None:
        """Hit an object: impulse (3,) N s at a point (3,) or the centre of mass, world frame."""
        if not np.isfinite(impulse).all():
            raise BadInputError(f'push: got the impulse {impulse}, expected finite numbers')
        self.world.objects.apply_impulse(name, impulse, at_m)

    def set_conveyor(self, velocity: np.ndarray) -> None:
        """Run the table's surface at `velocity` (3,) m/s; zero stops it."""
        if not np.isfinite(velocity).all():
            raise BadInputError(f'conveyor: got the velocity {velocity}, expected finite numbers')
        self.world.conveyor.set_velocity(np.asarray(velocity, float))

    def ground_truth(self) -> list[TrueObject]:
        """The true state of every object, for evaluation alone."""
        return [self.world.objects.truth(name) for name in self.names]

    def shape(self, name: str) -> Shape:
        """The object's true surface in its own frame, for evaluation alone."""
        return self.world.objects.body(name).shape

    def names_in_bin(self) -> list[str]:
        """Objects whose centre of mass is inside the bin."""
        T_world_bin = self.description.fixed_pose(BIN_LINK)
        inside = []
        for item in self.ground_truth():
            at = (item.T_world_object @ [*item.center_of_mass, 1.0])[:3] - T_world_bin[:3, 3]
            if np.abs(at[:2]).max() < BIN_SIDE_M / 2 and 0.0 < at[2] < 1.5 * BIN_HEIGHT_M:
                inside.append(item.name)
        return inside

    # ---- motion

    def command_arm(self, trajectory: JointTrajectory, start_s: float | None = None) -> None:
        """Follow a trajectory in place of the one that runs.

        Args:
            trajectory: the motion.
            start_s: when its time 0 is in simulated time; None: now.

        Raises:
            BadInputError: malformed, over already, or elsewhere than the arm is.
        """
        self._follower.follow(trajectory, self.time_s, self.world.robot.arm_q(), start_s)

    def command_gripper(self, command: GripperCommand) -> None:
        """Move the pads to an opening, pressing no harder than the command's force."""
        self._gripper.command(command, self.time_s, self.world.robot.finger_width_m())

    def stop(self) -> None:
        """Hold the arm where it is; the fingers keep their grip."""
        self._follower.hold_position(self.world.robot.arm_q())
        self._hand = PoseFollower(self.world.robot.link_pose(self._links.hand_link))

    def command_hand(self, times_s: np.ndarray, T_world_grasp: np.ndarray) -> None:
        """Move the free hand through grasp poses (T, 4, 4) at times (T,) from now.

        Raises:
            BadInputError: the cell has an arm, or the motion is malformed.
        """
        if not self.config.hand_only:
            raise BadInputError('command_hand: got a cell with an arm, expected hand_only')
        self._hand.follow(times_s, T_world_grasp @ self._T_grasp_hand, self.time_s)

    def reset_hand(self, T_world_grasp: np.ndarray, width_m: float) -> None:
        """Set the free hand's grasp frame and the opening of its pads at once, at rest.

        Raises:
            BadInputError: the cell has an arm.
        """
        if not self.config.hand_only:
            raise BadInputError('put_hand: got a cell with an arm, expected hand_only')
        T_world_hand = T_world_grasp @ self._T_grasp_hand
        self.world.robot.reset_hand(T_world_hand, width_m)
        self._hand = PoseFollower(T_world_hand)
        self._gripper = GripperDrive(width_m, self.config.gripper_speed_mps)

    def grasp_pose(self) -> np.ndarray:
        """`T_world_grasp` of the hand as it is."""
        return self.world.robot.link_pose(self._links.hand_link) @ inverse(self._T_grasp_hand)

    def arm_errors(self) -> dict[str, float]:
        """How far each joint of the arm is from where its controller has it now [rad], by name."""
        wanted = self._follower.sample(self.time_s)[0]
        errors = np.abs(wanted - self.world.robot.arm_q())
        return dict(zip(self.world.robot.arm_joints, errors.tolist(), strict=True))

    def arm_done(self) -> bool:
        """Whether the commanded motion of arm or hand has run out."""
        mover = self._hand if self.config.hand_only else self._follower
        return mover.done(self.time_s)

    def step(self, duration_s: float) -> None:
        """Run physics and controllers; fractions of a step carry over to the next call."""
        self._owed_steps += duration_s * PHYSICS_HZ
        steps = int(self._owed_steps + 1e-6)
        self._owed_steps -= steps
        for _ in range(steps):
            self._drive()
            self.world.step()
            self._steps += 1

    def _drive(self) -> None:
        if self.config.hand_only:
            self.world.robot.drive_hand(self._hand.sample(self.time_s))
        else:
            self.world.robot.drive_arm(*self._follower.sample(self.time_s))
        self.world.robot.drive_fingers(*self._gripper.sample(self.time_s))

    # ---- sensors

    def mount(
        self, camera: CameraConfig, T_camera: np.ndarray, lidar: LidarConfig, T_lidar: np.ndarray
    ) -> None:
        """Other camera and LiDAR, each moved by (4, 4) in its own frame from where it was."""
        config = replace(self.config, camera=camera, lidar=lidar)
        T_world_camera = self.description.fixed_pose(self._frames.camera_frame) @ T_camera
        T_world_lidar = self.description.fixed_pose(self._frames.lidar_frame) @ T_lidar
        self._camera = DepthCamera(config.camera, T_world_camera)
        self._lidar = Lidar(config.lidar, T_world_lidar)
        self.config = config

    def restart_clock(self) -> None:
        """Back to time 0, for a scene that must not depend on what the cell did before."""
        self._steps = self._reset_step = 0
        self._owed_steps = 0.0
        self._ray_scene_step = -1
        self._hand = PoseFollower(self.world.robot.link_pose(self._links.hand_link))
        self._gripper = GripperDrive(
            self.world.robot.finger_width_m(), self.config.gripper_speed_mps
        )

    def camera_frame(self) -> CameraFrame:
        """The camera's picture at this instant."""
        return self._camera.frame(
            self._visible(), self._palette, self.time_s, self._noise('camera')
        )

    def lidar_scan(self) -> LidarScan:
        """The LiDAR's sweep that ends at this instant."""
        return self._lidar.scan(self._visible(), self.time_s, self._noise('lidar'))

    def tactile(self) -> tuple[TactileReading, TactileReading]:
        """The left and the right pad."""
        return self._pad('left'), self._pad('right')

    def wrench(self) -> WrenchReading:
        """The load on the hand (its own weight taken off), hand frame."""
        return wrench_reading(
            self.world.robot.wrench(), self.config.touch, self.time_s, self._noise('wrench')
        )

    def joints(self) -> JointReading:
        """Arm and finger joints."""
        q, dq = self.world.robot.joint_state()
        names, noise = self.world.robot.joint_names, self._noise('joints')
        return joint_reading(names, q, dq, self.config.touch, self.time_s, noise)

    def _pad(self, side: str) -> TactileReading:
        T_world_pad = self.world.robot.link_pose(self._frames.pad_frames[side])
        hand, touch = self.description.config.hand, self.config.touch
        contacts = pad_contacts(*self.world.robot.finger_contacts(side), T_world_pad, hand)
        return tactile_reading(side, contacts, hand, touch, self.time_s, self._noise(side))

    def _noise(self, sensor: str) -> np.random.Generator:
        stamp_ns = round((self._steps - self._reset_step) * 1e9 / PHYSICS_HZ)
        return sensor_rng(self.config.seed, sensor, stamp_ns)

    def _visible(self) -> RayScene:
        if self._ray_scene_step != self._steps:
            bodies = self.world.objects.bodies
            shapes = self.world.link_shapes | {f'object {n}': b.shape for n, b in bodies.items()}
            poses = self.world.link_poses()
            poses |= {f'object {n}': self.world.objects.pose(n) for n in bodies}
            shapes = {name: shape for name, shape in shapes.items() if name in poses}
            self._ray_scene = RayScene(shapes, poses)
            self._palette = palette(self._ray_scene.names, shapes)
            self._ray_scene_step = self._steps
        return self._ray_scene
