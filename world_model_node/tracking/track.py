"""One object followed through time: at rest, in motion, or in the hand."""

from __future__ import annotations

import numpy as np

from sakiyomi.scene import Gaussian
from world_model_node.config import TouchConfig, TrackingConfig
from world_model_node.fusion.point_grid import PointGrid
from world_model_node.surface.registration import FITS_WELL
from world_model_node.touch.contacts import Contacts, offset_to_contact
from world_model_node.touch.hand_state import HandState
from world_model_node.tracking.body import Body
from world_model_node.tracking.grip_pose import PATCH_M, GripPose
from world_model_node.tracking.look import Look
from world_model_node.tracking.motion import Motion
from world_model_node.tracking.observation import Observation
from world_model_node.tracking.rest import Rest

STILL_SHARE = 0.85  # of its remembered surface that is still there, when it has not moved
STILL_M = 0.007
MOVING_MPS = 0.1
CLEARANCE_M = 0.02
FLYING_SPEED_MPS = 0.2
SUNK_M = 0.01  # its surface may seem to be so much under the table
IN_MOTION_M = 0.0035  # of its middle: what is seen of it changes all the time
NUDGE_M = 0.008  # a free object is moved by a pad no more than this at once
TRUSTED = 0.6  # share of inliers: a surface that fits less well when it comes to rest is wrong


class Track(Body):
    """A body with an identity and a past."""

    def __init__(
        self,
        track_id: int,
        observation: Observation,
        stamp_s: float,
        table_height_m: float,
        config: TrackingConfig,
    ) -> None:
        super().__init__(observation, table_height_m, config)
        self.id = track_id
        self.hits = 0
        self.gone_frames = self.part_frames = 0
        self.absence = ''
        self.visible = True
        self.watched_s = 0.0  # in all
        self.born_s = self.seen_s = stamp_s
        self.let_go_s = -np.inf  # by the hand
        self.seen_m = self.filter.position_m.copy()
        self.grip: GripPose | None = None
        self.weighed: Gaussian | None = None  # by the wrist
        self.rest: Rest | None = Rest(self)
        self.motion = Motion(self)

    @property
    def held(self) -> bool:
        """Whether the hand carries it."""
        return self.grip is not None

    @property
    def resting(self) -> bool:
        """Whether it has been seen to stay where it is."""
        return self.rest is not None

    def airborne(self, table_height_m: float) -> bool:
        """Whether it flies: clear of the table, and faster than what merely rests on others."""
        if self.held or np.linalg.norm(self.filter.velocity_mps) < FLYING_SPEED_MPS:
            return False
        return self.clear_of(table_height_m)

    def clear_of(self, table_height_m: float) -> bool:
        """Whether the table does not carry it."""
        return float(self.world_points()[:, 2].min()) > table_height_m + CLEARANCE_M

    def moving(self) -> bool:
        """Whether its speed is more than its noise."""
        speed = np.linalg.norm(self.filter.velocity_mps)
        sigma = np.sqrt(np.trace(self.filter.P[3:, 3:]) / 3.0)
        return bool(speed > self.config.rest_speed_mps + 2.0 * sigma)

    def gap_m(self, place_m: np.ndarray) -> float:
        """How far a place (3,) is from where it should be, or from where it was if that is less.

        What topples or is hit stops within a frame, wherever it was bound for.
        """
        ahead = np.linalg.norm(place_m - self.filter.position_m)
        return float(min(ahead, np.linalg.norm(place_m - self.seen_m)))

    def stay_above(self, table_height_m: float) -> None:
        """It does not move through the table."""
        if self.resting or self.held:
            return
        sunk = table_height_m - float(self.world_points()[:, 2].min())
        if sunk > SUNK_M:
            self.filter.land(sunk)

    def pose_covariance(self) -> np.ndarray:
        """(6, 6) of position then rotation, world frame."""
        P = super().pose_covariance()
        if not (self.resting or self.held):
            P[:3, :3] += IN_MOTION_M**2 * np.eye(3)
        return P

    def correct(self, observation: Observation, look: Look) -> None:
        """Take in what was seen of it."""
        if self.rest is None:
            self._follow(observation, look)
        elif self.rest.left(observation):
            self._leave(self.rest, observation, look)
        else:
            self.rest.stay(observation, look.sight, look.table_height_m, self.hits + self.id)
        self.hits += 1
        self.gone_frames = self.part_frames = 0
        self.absence = ''
        self.visible = True
        self.watched_s += look.dt_s
        self.seen_s, self.seen_m = look.stamp_s, self.filter.position_m.copy()

    def _leave(self, rest: Rest, observation: Observation, look: Look) -> None:
        """It moves, unless the segmentation only divides it differently for once."""
        motion = Motion(self)
        fit = motion.find(observation, look)
        if (fit is None or fit.inliers < FITS_WELL) and self.share_in(
            look.cloud, STILL_M
        ) > STILL_SHARE:
            rest.stay_odd(observation)
            return
        self.rest, self.motion = None, motion
        self.filter.push(look.dt_s, self.config.acceleration_sigma_mps2)
        motion.follow(observation, fit, look, self.clear_of(look.table_height_m))

    def _follow(self, observation: Observation, look: Look) -> None:
        fit = self.motion.find(observation, look)
        self.motion.follow(observation, fit, look, self.clear_of(look.table_height_m))
        if self.motion.over:
            if fit is None or fit.inliers < TRUSTED:
                self.start_over(observation, self.T_world_object)
            self.rest = Rest(self, moved=True)
            self.rest.stay(observation, look.sight, look.table_height_m, 0)

    def share_in(self, cloud: PointGrid, near_m: float) -> float:
        """The share of its remembered surface that is as near as this to a cloud."""
        surface = self.world_points()[:: max(1, len(self.points_m) // 200)]
        distance, _ = cloud.nearest(surface, near_m)
        return float(np.isfinite(distance).mean())

    def carry(self, hand: HandState, dt_s: float, touch: TouchConfig) -> None:
        """Follow the hand rigidly from where the two met, and fit between its pads."""
        if self.grip is None:
            self.grip = GripPose(hand.T_world_grasp, self.T_world_object, self.filter.P[:3, :3])
        T = self.grip.move(hand.T_world_grasp)
        velocity = (T[:3, 3] - self.filter.position_m) / dt_s if dt_s > 1e-6 else np.zeros(3)
        self.grip.feel(hand.contacts, hand.T_world_grasp, self.points_m, touch)
        T = hand.T_world_grasp @ self.grip.T_grasp_object
        self.filter.place(T[:3, 3], velocity, self.grip.covariance(hand.T_world_grasp))
        self.R_world_object = T[:3, :3]
        for contacts in hand.contacts:
            self.felt(contacts.points_m)
        self.rest, self.motion = None, Motion(self)
        self.seen_s, self.seen_m = hand.stamp_s, self.filter.position_m.copy()
        self.visible, self.gone_frames = False, 0

    def touched(self, contacts: Contacts, touch: TouchConfig) -> None:
        """Move so that the surface ends where a pad presses on it."""
        gap = offset_to_contact(self.world_points(), contacts, PATCH_M, NUDGE_M)
        if gap is not None:
            self.filter.update_along(contacts.normal, gap, touch.contact_sigma_m)

    def release(self) -> None:
        """Leave the hand with its velocity."""
        if self.grip is not None:
            self.let_go_s = self.seen_s
        self.grip = None
