"""One tracked object: at rest, in motion, or in the hand."""

from __future__ import annotations

import numpy as np

from sakiyomi.scene import Gaussian
from world_model_node.config import TouchConfig
from world_model_node.fusion.point_grid import PointGrid
from world_model_node.inputs.contacts import ContactPatch, offset_to_contact
from world_model_node.inputs.hand_state import HandState
from world_model_node.tracking.body import Body
from world_model_node.tracking.frame_context import FrameContext
from world_model_node.tracking.in_hand_pose import InHandPose
from world_model_node.tracking.moving_state import MovingState
from world_model_node.tracking.object_measurement import ObjectMeasurement
from world_model_node.tracking.stationary_state import StationaryState
from world_model_node.tracking.tracker_config import TrackerConfig


class Track(Body):
    """A body with an identity and a history."""

    def __init__(
        self,
        track_id: int,
        measurement: ObjectMeasurement,
        stamp_s: float,
        table_height_m: float,
        config: TrackerConfig,
    ) -> None:
        super().__init__(measurement, table_height_m, config)
        self.id = track_id
        self.hits = 0
        self.absent_frames = self.merged_frames = 0
        self.absence = ''
        self.visible = True
        self.observed_s = 0.0  # total time in view
        self.created_s = self.last_seen_s = stamp_s
        self.released_s = -np.inf  # stamp of the last release by the hand
        self.last_seen_m = self.filter.position_m.copy()
        self.in_hand: InHandPose | None = None
        self.measured_mass_kg: Gaussian | None = None  # by the wrist
        self.stationary_state: StationaryState | None = StationaryState(self)
        self.moving_state = MovingState(self)

    @property
    def held(self) -> bool:
        """Whether the hand carries the object."""
        return self.in_hand is not None

    @property
    def is_stationary(self) -> bool:
        """Whether the object was last seen at rest."""
        return self.stationary_state is not None

    def is_airborne(self, table_height_m: float) -> bool:
        """Whether the object flies: above the table, and faster than an object on others."""
        speed_mps = np.linalg.norm(self.filter.velocity_mps)
        if self.held or speed_mps < self.config.track.flying_speed_mps:
            return False
        return self.is_above_table(table_height_m)

    def is_above_table(self, table_height_m: float) -> bool:
        """Whether the object has no contact with the table."""
        clearance_m = self.config.track.table_clearance_m
        return float(self.world_points()[:, 2].min()) > table_height_m + clearance_m

    def is_moving(self) -> bool:
        """Whether the speed exceeds its noise."""
        speed = np.linalg.norm(self.filter.velocity_mps)
        sigma = np.sqrt(np.trace(self.filter.P[3:, 3:]) / 3.0)
        return bool(speed > self.config.parameters.rest_speed_mps + 2.0 * sigma)

    def distance_m(self, position_m: np.ndarray) -> float:
        """The distance from a position (3,) to the predicted or the last seen position.

        An object that topples or is hit may stop within a frame, far from its prediction.
        """
        ahead = np.linalg.norm(position_m - self.filter.position_m)
        return float(min(ahead, np.linalg.norm(position_m - self.last_seen_m)))

    def predict(self, dt_s: float, table_height_m: float, gravity_mps2: float) -> None:
        """Predict a track that is not held, above the table's surface."""
        config = self.config.track
        fall_mps2 = gravity_mps2 if self.is_airborne(table_height_m) else 0.0
        is_quiet = self.is_stationary or not self.visible
        share = config.stationary_noise_share if is_quiet else 1.0
        sigma = share * self.config.parameters.acceleration_sigma_mps2
        self.filter.predict(dt_s, sigma, fall_mps2)
        if self.is_stationary:
            return
        sunk = table_height_m - float(self.world_points()[:, 2].min())
        if sunk > config.max_sunk_m:
            self.filter.lift(sunk)

    def pose_covariance(self) -> np.ndarray:
        """(6, 6) of position then rotation, world frame."""
        P = super().pose_covariance()
        if not (self.is_stationary or self.held):
            P[:3, :3] += self.config.pose_uncertainty.moving_sigma_m**2 * np.eye(3)
        return P

    def update(self, measurement: ObjectMeasurement, frame: FrameContext) -> None:
        """Update the object by a measurement."""
        if self.stationary_state is None:
            self._update_moving(measurement, frame)
        elif self.stationary_state.has_moved(measurement):
            self._start_moving(self.stationary_state, measurement, frame)
        else:
            self.stationary_state.update(
                measurement, frame.visibility, frame.table_height_m, self.hits + self.id
            )
        self.hits += 1
        self.absent_frames = self.merged_frames = 0
        self.absence = ''
        self.visible = True
        self.observed_s += frame.dt_s
        self.last_seen_s, self.last_seen_m = frame.stamp_s, self.filter.position_m.copy()

    def _start_moving(
        self,
        stationary_state: StationaryState,
        measurement: ObjectMeasurement,
        frame: FrameContext,
    ) -> None:
        """Start a motion, unless only the segmentation differs for once."""
        moving_state = MovingState(self)
        fit = moving_state.register(measurement, frame)
        is_poor = fit is None or fit.inlier_share < self.config.registration.good_inlier_share
        if is_poor and self.surface_share_in(frame.cloud) > self.config.track.min_still_share:
            stationary_state.tolerate_mismatch(measurement)
            return
        self.stationary_state, self.moving_state = None, moving_state
        self.filter.inflate(frame.dt_s, self.config.parameters.acceleration_sigma_mps2)
        moving_state.update(measurement, fit, frame, self.is_above_table(frame.table_height_m))

    def _update_moving(self, measurement: ObjectMeasurement, frame: FrameContext) -> None:
        fit = self.moving_state.register(measurement, frame)
        unsupported = self.is_above_table(frame.table_height_m)
        self.moving_state.update(measurement, fit, frame, unsupported)
        if self.moving_state.has_stopped:
            if fit is None or fit.inlier_share < self.config.track.min_trusted_inlier_share:
                self.reset_surface(measurement, self.T_world_object)
            self.stationary_state = StationaryState(self, after_motion=True)
            self.stationary_state.update(measurement, frame.visibility, frame.table_height_m, 0)

    def surface_share_in(self, cloud: PointGrid) -> float:
        """The share of the known surface that is near points of a cloud."""
        surface = self.world_points()[:: max(1, len(self.points_m) // 200)]
        distance, _ = cloud.nearest(surface, self.config.track.near_surface_m)
        return float(np.isfinite(distance).mean())

    def carry(self, hand: HandState, dt_s: float, touch: TouchConfig) -> None:
        """Follow the hand rigidly from the start of the grasp, and fit between its pads."""
        if self.in_hand is None:
            self.in_hand = InHandPose(
                hand.T_world_grasp,
                self.T_world_object,
                self.filter.P[:3, :3],
                self.config.contact,
            )
        T = self.in_hand.predict(hand.T_world_grasp)
        velocity = (T[:3, 3] - self.filter.position_m) / dt_s if dt_s > 1e-6 else np.zeros(3)
        self.in_hand.correct_by_contacts(hand.contacts, hand.T_world_grasp, self.points_m, touch)
        T = hand.T_world_grasp @ self.in_hand.T_grasp_object
        self.filter.set_state(T[:3, 3], velocity, self.in_hand.covariance(hand.T_world_grasp))
        self.R_world_object = T[:3, :3]
        for contacts in hand.contacts:
            self.integrate_contact(contacts.points_m)
        self.stationary_state, self.moving_state = None, MovingState(self)
        self.last_seen_s, self.last_seen_m = hand.stamp_s, self.filter.position_m.copy()
        self.visible, self.absent_frames = False, 0

    def correct_by_contact(self, contacts: ContactPatch, touch: TouchConfig) -> None:
        """Move the object so that its surface ends at a pad that presses on it."""
        config = self.config.contact
        gap = offset_to_contact(
            self.world_points(), contacts, config.patch_m, config.max_free_shift_m
        )
        if gap is not None:
            self.filter.update_along(contacts.normal, gap, touch.contact_sigma_m)

    def release(self) -> None:
        """Leave the hand with the present velocity."""
        if self.in_hand is not None:
            self.released_s = self.last_seen_s
        self.in_hand = None
