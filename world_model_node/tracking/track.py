"""One object followed through time: at rest, in motion, or in the hand."""

from __future__ import annotations

import numpy as np

from sakiyomi.scene import Gaussian
from world_model_node.config import TouchConfig, TrackingConfig
from world_model_node.fusion.point_grid import PointGrid
from world_model_node.inputs.contacts import ContactPatch, offset_to_contact
from world_model_node.inputs.hand_state import HandState
from world_model_node.tracking.body import Body
from world_model_node.tracking.frame_context import FrameContext
from world_model_node.tracking.in_hand_pose import CONTACT_PATCH_M, InHandPose
from world_model_node.tracking.moving_state import MovingState
from world_model_node.tracking.object_measurement import ObjectMeasurement
from world_model_node.tracking.registration import GOOD_INLIER_SHARE
from world_model_node.tracking.stationary_state import StationaryState

MIN_STILL_SHARE = 0.85  # of its remembered surface that is still there, when it has not moved
STILL_DISTANCE_M = 0.007
MOVING_MPS = 0.1
TABLE_CLEARANCE_M = 0.02
FLYING_SPEED_MPS = 0.2
MAX_SUNK_M = 0.01  # its surface may seem to be so much under the table
MOVING_SIGMA_M = 0.0035  # of its middle: what is seen of it changes all the time
MAX_CONTACT_SHIFT_M = 0.008  # a free object is moved by a pad no more than this at once
# share of inliers: a surface that fits less well when it comes to rest is wrong
MIN_TRUSTED_INLIER_SHARE = 0.6


class Track(Body):
    """A body with an identity and a past."""

    def __init__(
        self,
        track_id: int,
        measurement: ObjectMeasurement,
        stamp_s: float,
        table_height_m: float,
        config: TrackingConfig,
    ) -> None:
        super().__init__(measurement, table_height_m, config)
        self.id = track_id
        self.hits = 0
        self.absent_frames = self.merged_frames = 0
        self.absence = ''
        self.visible = True
        self.observed_s = 0.0  # in all
        self.created_s = self.last_seen_s = stamp_s
        self.released_s = -np.inf  # by the hand
        self.last_seen_m = self.filter.position_m.copy()
        self.in_hand: InHandPose | None = None
        self.measured_mass_kg: Gaussian | None = None  # by the wrist
        self.stationary_state: StationaryState | None = StationaryState(self)
        self.moving_state = MovingState(self)

    @property
    def held(self) -> bool:
        """Whether the hand carries it."""
        return self.in_hand is not None

    @property
    def is_stationary(self) -> bool:
        """Whether it has been seen to stay where it is."""
        return self.stationary_state is not None

    def is_airborne(self, table_height_m: float) -> bool:
        """Whether it flies: clear of the table, and faster than what merely rests on others."""
        if self.held or np.linalg.norm(self.filter.velocity_mps) < FLYING_SPEED_MPS:
            return False
        return self.is_above_table(table_height_m)

    def is_above_table(self, table_height_m: float) -> bool:
        """Whether the table does not carry it."""
        return float(self.world_points()[:, 2].min()) > table_height_m + TABLE_CLEARANCE_M

    def is_moving(self) -> bool:
        """Whether its speed is more than its noise."""
        speed = np.linalg.norm(self.filter.velocity_mps)
        sigma = np.sqrt(np.trace(self.filter.P[3:, 3:]) / 3.0)
        return bool(speed > self.config.rest_speed_mps + 2.0 * sigma)

    def distance_m(self, position_m: np.ndarray) -> float:
        """How far a place (3,) is from where it should be, or from where it was if that is less.

        What topples or is hit stops within a frame, wherever it was bound for.
        """
        ahead = np.linalg.norm(position_m - self.filter.position_m)
        return float(min(ahead, np.linalg.norm(position_m - self.last_seen_m)))

    def clamp_to_table(self, table_height_m: float) -> None:
        """It does not move through the table."""
        if self.is_stationary or self.held:
            return
        sunk = table_height_m - float(self.world_points()[:, 2].min())
        if sunk > MAX_SUNK_M:
            self.filter.lift(sunk)

    def pose_covariance(self) -> np.ndarray:
        """(6, 6) of position then rotation, world frame."""
        P = super().pose_covariance()
        if not (self.is_stationary or self.held):
            P[:3, :3] += MOVING_SIGMA_M**2 * np.eye(3)
        return P

    def update(self, measurement: ObjectMeasurement, frame: FrameContext) -> None:
        """Take in what was seen of it."""
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
        """It moves, unless the segmentation only divides it differently for once."""
        moving_state = MovingState(self)
        fit = moving_state.register(measurement, frame)
        if (fit is None or fit.inlier_share < GOOD_INLIER_SHARE) and self.surface_share_in(
            frame.cloud, STILL_DISTANCE_M
        ) > MIN_STILL_SHARE:
            stationary_state.tolerate_mismatch(measurement)
            return
        self.stationary_state, self.moving_state = None, moving_state
        self.filter.inflate(frame.dt_s, self.config.acceleration_sigma_mps2)
        moving_state.update(measurement, fit, frame, self.is_above_table(frame.table_height_m))

    def _update_moving(self, measurement: ObjectMeasurement, frame: FrameContext) -> None:
        fit = self.moving_state.register(measurement, frame)
        self.moving_state.update(
            measurement, fit, frame, self.is_above_table(frame.table_height_m)
        )
        if self.moving_state.has_stopped:
            if fit is None or fit.inlier_share < MIN_TRUSTED_INLIER_SHARE:
                self.reset_surface(measurement, self.T_world_object)
            self.stationary_state = StationaryState(self, after_motion=True)
            self.stationary_state.update(measurement, frame.visibility, frame.table_height_m, 0)

    def surface_share_in(self, cloud: PointGrid, near_m: float) -> float:
        """The share of its remembered surface that is as near as this to a cloud."""
        surface = self.world_points()[:: max(1, len(self.points_m) // 200)]
        distance, _ = cloud.nearest(surface, near_m)
        return float(np.isfinite(distance).mean())

    def carry(self, hand: HandState, dt_s: float, touch: TouchConfig) -> None:
        """Follow the hand rigidly from where the two met, and fit between its pads."""
        if self.in_hand is None:
            self.in_hand = InHandPose(
                hand.T_world_grasp, self.T_world_object, self.filter.P[:3, :3]
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
        """Move so that the surface ends where a pad presses on it."""
        gap = offset_to_contact(
            self.world_points(), contacts, CONTACT_PATCH_M, MAX_CONTACT_SHIFT_M
        )
        if gap is not None:
            self.filter.update_along(contacts.normal, gap, touch.contact_sigma_m)

    def release(self) -> None:
        """Leave the hand with its velocity."""
        if self.in_hand is not None:
            self.released_s = self.last_seen_s
        self.in_hand = None
