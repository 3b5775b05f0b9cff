"""The world model: readings in, scene and predictions out; free of any middleware."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import ContactPoints, Gaussian, HandMotion, ObjectState, Prediction, Scene
from sakiyomi.sensing import CameraFrame, JointReading, LidarScan, TactileReading, WrenchReading
from world_model_node.config import WorldModelConfig
from world_model_node.contact_estimation.contact_estimator import ContactEstimator
from world_model_node.contact_estimation.payload import is_mass_known
from world_model_node.contact_estimation.property_prior import prior_properties
from world_model_node.fusion.cloud_fusion import CloudFusion
from world_model_node.fusion.normals import cloud_normals
from world_model_node.fusion.points import PointSet, fuse_voxels
from world_model_node.fusion.support_plane import SupportPlane
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.inference.dynamics import Dynamics
from world_model_node.inference.dynamics_interface import observe_hand, scene_with_beliefs
from world_model_node.inference.learned_dynamics import make_dynamics
from world_model_node.inputs.robot_view import RobotView
from world_model_node.inputs.sensor_inputs import SensorInputs, Snapshot
from world_model_node.model.features.hand_observation import HandObservation
from world_model_node.model.hand_motion import check_hand_motion
from world_model_node.segmentation.segmenter import make_segmenter
from world_model_node.tracking.motion_models import free_fall, slide
from world_model_node.tracking.object_measurement import measure_objects
from world_model_node.tracking.track import Track
from world_model_node.tracking.tracker import Tracker
from world_model_node.tracking.tracker_config import TrackerConfig
from world_model_node.warm_up import box_on_a_table

COMPLETED_GREY = 128
COMPLETION_PERIOD_S = 1.0  # the unseen side of each object at rest, one object at a time
STALE_VARIANCE_FACTOR = 4.0  # on position variances while a range sensor is missing


class Cloud(NamedTuple):
    """The fused points of objects."""

    points_m: np.ndarray  # (N, 3) float32 world frame
    normals: np.ndarray  # (N, 3) float32


class WorldModel:
    """Fuses camera, LiDAR and touch into tracked objects and predicts them."""

    def __init__(
        self,
        config: WorldModelConfig,
        robot: RobotModel | None = None,
        dynamics: Dynamics | None = None,
    ) -> None:
        self.config = config
        self.inputs = SensorInputs(config.timing)
        hand = read_robot_config().hand if robot is None else robot.config.hand
        self.dynamics = dynamics or make_dynamics(
            config.dynamics, config.prediction, hand, engine=config.engine
        )
        self.tracker = Tracker(
            TrackerConfig(config.tracking),
            config.touch,
            config.workspace,
            config.prediction.gravity_mps2,
        )
        self.contact_estimator = ContactEstimator(config.touch, config.prediction)
        self.robot = RobotView(robot, config.touch)
        self.cloud_fusion = CloudFusion(config, self.robot, self.inputs.joints.at)
        self.segmenter = make_segmenter(config.segmenter, config.clustering)
        self.stage_ms: dict[str, float] = {}
        self.scene = Scene(0.0, (), np.zeros((0, 3), np.float32))
        self.voxels: PointSet | None = None  # of the newest update, for viewers and studies
        self.labels = np.zeros(0, int)
        self.now_s = 0.0
        self._processed_stamp_s: float | None = None
        self._warm_up()

    @property
    def model_name(self) -> str:
        """What predicts."""
        return self.dynamics.name

    @property
    def segmenter_name(self) -> str:
        """What divides the cloud into objects."""
        return self.segmenter.name

    @property
    def counts(self) -> dict[str, int]:
        """Readings received, late, duplicate, dropped and rejected, per stream."""
        return self.inputs.counts()

    def add_camera(self, frame: CameraFrame) -> None:
        """Keep a camera frame; BadInputError where it is malformed."""
        self._add('camera', frame)

    def add_lidar(self, scan: LidarScan) -> None:
        """Keep a LiDAR scan; BadInputError where it is malformed."""
        self._add('lidar', scan)

    def add_tactile(self, reading: TactileReading) -> None:
        """Keep the taxels of one pad; BadInputError where they are malformed."""
        self._add('tactile', reading)

    def add_wrench(self, reading: WrenchReading) -> None:
        """Keep a wrist wrench; BadInputError where it is malformed."""
        self._add('wrench', reading)

    def add_joints(self, reading: JointReading) -> None:
        """Keep a joint reading; BadInputError where it is malformed."""
        self._add('joints', reading)

    def keep(self, stream: str, reading: object) -> None:
        """Take over a reading that `inputs.check` let pass."""
        if self.inputs.keep(stream, reading) and stream in ('camera', 'lidar'):
            self._clear()

    def reset(self) -> None:
        """Forget objects, motion and the table; buffers and ids start over."""
        self.inputs.clear()
        self._clear()

    def update(self, now_s: float) -> Scene:
        """Fuse what is fresh at `now_s` [s] into the scene at that instant."""
        if now_s < self.now_s - self.config.timing.clock_jump_s:
            self.reset()
        self.now_s = now_s
        self.stage_ms = {}
        with self._stage_timer('align'):
            snapshot = self.inputs.at(now_s)
        stamp_s = snapshot.stamp_s
        if stamp_s is None or stamp_s == self._processed_stamp_s:
            self.scene = self._build_scene(snapshot, Cloud(self.scene.cloud_m, self.scene.normals))
        else:
            self._processed_stamp_s = stamp_s
            self.scene = self._build_scene(snapshot, self._process_frame(snapshot, stamp_s))
        self.scene = replace(self.scene, contacts=self._contacts(snapshot))
        with self._stage_timer('belief'):
            self.dynamics.observe(self.scene, self._hand_observation(snapshot))
            self.scene = scene_with_beliefs(
                self.scene, self.dynamics.beliefs(), self._measured_properties
            )
        return self.scene

    def predict(self, action: HandMotion | None = None) -> tuple[Prediction, ...]:
        """The future of each object of the newest scene, with the hand's motion where given."""
        if action is not None:
            check_hand_motion(action)
        with self._stage_timer('predict'):
            return self.dynamics.roll_out(self.scene, self._stamps_s(), action)

    def _stamps_s(self) -> np.ndarray:
        """Of predictions (H,)."""
        p = self.config.prediction
        return self.scene.stamp_s + p.step_s * np.arange(1, p.horizon_steps + 1)

    def imagine(
        self, candidates: list[HandMotion], object_ids: list[int] | None = None
    ) -> list[tuple[Prediction, ...]]:
        """What each candidate hand motion would lead to, for all objects or those named.

        Raises:
            BadInputError: a malformed candidate, or an id that is not in the scene.
        """
        known = [o.id for o in self.scene.objects]
        wanted = set(object_ids) if object_ids else set(known)
        if not wanted <= set(known):
            got = sorted(wanted - set(known))
            raise BadInputError(f'object ids: got {got}, expected some of {known}')
        for candidate in candidates:
            check_hand_motion(candidate)
        outcomes = self.dynamics.roll_out_batch(self.scene, self._stamps_s(), candidates)
        return [tuple(p for p in outcome if p.object_id in wanted) for outcome in outcomes]

    def _add(self, stream: str, reading: object) -> None:
        self.inputs.check(stream, reading)
        self.keep(stream, reading)

    def _clear(self) -> None:
        self.tracker.reset()
        self.cloud_fusion.reset()
        self.contact_estimator.reset()
        self.dynamics.reset()
        self.scene = Scene(0.0, (), np.zeros((0, 3), np.float32))
        self.now_s = 0.0
        self._processed_stamp_s = None

    def _warm_up(self) -> None:
        """Look at something made up and forget it, so that the first frame takes no longer."""
        for stamp_s in (
            0.0,
            2.0 * COMPLETION_PERIOD_S,
        ):  # the second time it is tracked and completed
            self._process_frame(box_on_a_table(self.config.workspace), stamp_s)
        self._clear()
        self.voxels, self.labels, self.stage_ms = None, np.zeros(0, int), {}

    def _process_frame(self, snapshot: Snapshot, stamp_s: float) -> Cloud:
        """Fuse, divide and track; returns what is above the table."""
        dt_s = self.tracker.predict(stamp_s, self.cloud_fusion.plane.offset_m)
        with self._stage_timer('touch'):
            self._update_touch(snapshot, stamp_s, dt_s)
        points = self.cloud_fusion.points(
            snapshot, self.tracker.confirmed(), stamp_s, self._stage_timer
        )
        with self._stage_timer('voxels'):
            self.voxels = fuse_voxels(points, self.config.clustering.voxel_m)
        with self._stage_timer('clusters'):
            visibility = VisibilityModel.from_snapshot(snapshot, self.config.visibility)
            plane, cell = self.cloud_fusion.plane, self.config.clustering.voxel_m
            self.labels = self.segmenter.segment(self.voxels, visibility, plane)
            centroid = self.tracker.config.centroid
            measurements = measure_objects(self.voxels, self.labels, plane, cell, centroid)
            measurements = [o for o in measurements if self._rises_above(o.points_m, plane)]
            measurements = [
                o for o in measurements if o.colored.any() or not visibility.sees_past(o.points_m)
            ]
        with self._stage_timer('tracking'):
            T_world_grasp = self.robot.grasp_pose(self.inputs.joints.at(stamp_s))
            self.tracker.update(
                measurements,
                stamp_s,
                dt_s,
                visibility,
                self.cloud_fusion.sensor_observations,
                T_world_grasp,
            )
        with self._stage_timer('completion'):
            self._complete_oldest(visibility)
        with self._stage_timer('normals'):
            kept = np.flatnonzero(self.labels >= 0)
            cell_m = self.config.fusion.normal_cell_m
            normals = cloud_normals(self.voxels, kept, visibility, cell_m)
            return Cloud(self.voxels.points_m[kept], normals)

    def _complete_oldest(self, visibility: VisibilityModel) -> None:
        """Guess the unseen side of the object whose guess is the oldest."""
        due_s = self.tracker.stamp_s - COMPLETION_PERIOD_S
        tracks = [t for t in self.tracker.confirmed() if t.is_stationary and t.completed_s < due_s]
        if tracks:
            track = min(tracks, key=lambda t: t.completed_s)
            x, y, _ = track.filter.position_m
            track.complete(
                visibility, self.cloud_fusion.plane.table_height_m(x, y), self.tracker.stamp_s
            )

    def _rises_above(self, points: np.ndarray, plane: SupportPlane) -> bool:
        return float(plane.height_of(points).max()) > self.config.clustering.min_height_m

    def _update_touch(self, snapshot: Snapshot, stamp_s: float, dt_s: float) -> None:
        """Let what the hand holds go with it, and be weighed."""
        joints = None if snapshot.joints is None else self.inputs.joints.at(stamp_s)
        hand = self.robot.hand(snapshot, joints)
        tracks = self.tracker.confirmed()
        shapes = {t.id: t.world_points() for t in tracks}
        held_id = self.contact_estimator.update(shapes, hand, self.inputs, stamp_s)
        self.tracker.carry(held_id, hand, dt_s)
        for track in tracks:
            if track.id != held_id:
                continue
            if self.contact_estimator.payload.mass_kg is not None:
                track.measured_mass_kg = self.contact_estimator.payload.mass_kg
            if hand is not None:
                self.contact_estimator.update_center_of_mass(
                    track.T_world_object, hand, self.inputs
                )

    def _hand_observation(self, snapshot: Snapshot) -> HandObservation | None:
        hand = self.robot.hand(snapshot, snapshot.joints)
        newest = self.inputs.wrench.newest(self.now_s)
        return (
            None
            if hand is None
            else observe_hand(hand, newest, self.config.prediction.grip_force_n)
        )

    def _contacts(self, snapshot: Snapshot) -> ContactPoints:
        """Where the hand is touched, at the stamp of its newest taxels."""
        stamps = [reading.stamp_s for reading in snapshot.tactile if reading is not None]
        joints = snapshot.joints if not stamps else self.inputs.joints.at(max(stamps))
        hand = self.robot.hand(snapshot, joints)
        if hand is None or not hand.contacts:
            return ContactPoints()
        shapes = {t.id: t.world_points() for t in self.tracker.confirmed()}
        return self.contact_estimator.contacts(shapes, hand, self.inputs)

    def _build_scene(self, snapshot: Snapshot, cloud: Cloud) -> Scene:
        tracks = self.tracker.confirmed()
        blind = 'camera' in snapshot.stale or 'lidar' in snapshot.stale
        states = tuple(
            self._object_state(track, STALE_VARIANCE_FACTOR if blind else 1.0) for track in tracks
        )
        w = self.config.workspace
        center = (0.5 * (w.x_min_m + w.x_max_m), 0.5 * (w.y_min_m + w.y_max_m))
        height = self.cloud_fusion.plane.table_height_m(*center)
        p = self.config.prediction
        return Scene(
            self.now_s,
            states,
            cloud.points_m,
            height,
            snapshot.stale,
            normals=cloud.normals,
            belt_velocity_mps=np.array([p.belt_x_mps, p.belt_y_mps]),
        )

    def _object_state(self, track: Track, stale_factor: float) -> ObjectState:
        """The track at the present instant: extrapolated over the sensors' delay."""
        ahead_s = float(np.clip(self.now_s - (self.tracker.stamp_s or self.now_s), 0.0, 1.0))
        friction = self._friction_estimate(track)
        T = track.T_world_object
        shift, velocity = self._extrapolate(track, friction.mean, ahead_s)
        T[:3, 3] += shift
        pose, twist = track.pose_covariance(), track.twist_covariance()
        pose[:3, :3] = (pose[:3, :3] + ahead_s**2 * twist[:3, :3]) * stale_factor
        reliable = track.shape.reliable_mask()
        points = np.concatenate([track.points_m[reliable], track.completed_m])
        completed_colors = np.full((len(track.completed_m), 3), COMPLETED_GREY, np.uint8)
        return ObjectState(
            id=track.id,
            stamp_s=self.now_s,
            T_world_object=T,
            pose_covariance=pose,
            twist=np.concatenate([velocity, track.angular_velocity]),
            twist_covariance=twist,
            points_m=points,
            colors=np.concatenate([track.colors[reliable], completed_colors]),
            completed=np.arange(len(points)) >= reliable.sum(),
            properties=prior_properties(
                track.volume_m3,
                track.extent_m,
                self.config.prediction,
                track.measured_mass_kg,
                friction,
                self.contact_estimator.center_of_mass(track.id),
            ),
            visible=track.visible,
            held=track.held,
            slip_probability=self.contact_estimator.slip_probability(track.id),
        )

    def _extrapolate(
        self, track: Track, friction: float, ahead_s: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """How far a track gets (3,) [m] in a time, and its velocity (3,) [m/s] after it."""
        p, velocity = self.config.prediction, track.filter.velocity_mps.copy()
        shift = ahead_s * velocity if track.is_moving() or track.held else np.zeros(3)
        if track.is_airborne(self.tracker.table_height_m):
            drop_m, fall_mps = free_fall(p.gravity_mps2, ahead_s)
            shift[2] -= drop_m
            velocity[2] -= fall_mps
        elif shift.any():
            belt = np.array([p.belt_x_mps, p.belt_y_mps])
            relative_velocity = velocity[:2] - belt
            speed = max(float(np.linalg.norm(relative_velocity)), 1e-6)
            braking = track.moving_state.sliding_probability * friction * p.gravity_mps2
            travelled_m, speed_after_mps = slide(speed, braking, np.array([ahead_s]))
            shift[:2] = ahead_s * belt + travelled_m[0] / speed * relative_velocity
            velocity[:2] = belt + speed_after_mps[0] / speed * relative_velocity
        return shift, velocity

    def _friction_estimate(self, track: Track) -> Gaussian:
        """By what was felt of it in the hand, and how it was seen to slide."""
        felt = self.contact_estimator.slip_estimator.friction(track.id)
        return track.friction(felt)

    def _measured_properties(self, state: ObjectState) -> dict[str, Gaussian]:
        """What the hand has measured of an object, by the names of its properties."""
        measured_mass_kg = next(
            t for t in self.tracker.tracks if t.id == state.id
        ).measured_mass_kg
        known = measured_mass_kg is not None and is_mass_known(measured_mass_kg)
        measurements = {'mass_kg': state.properties.mass_kg} if known else {}
        friction = self.contact_estimator.slip_estimator.measured_friction(state.id)
        return measurements if friction is None else measurements | {'friction': friction}

    @contextmanager
    def _stage_timer(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.stage_ms[name] = self.stage_ms.get(name, 0.0) + 1e3 * (time.perf_counter() - start)
