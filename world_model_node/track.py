"""One object followed through time."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from sakiyomi.geometry import make_transform, transform_points
from sakiyomi.scene import Gaussian
from world_model_node.config import TouchConfig, TrackingConfig
from world_model_node.contacts import Contacts, offset_to_contact
from world_model_node.grip_pose import PATCH_M, GripPose
from world_model_node.kalman import PointFilter
from world_model_node.observation import Observation
from world_model_node.touch import HandState
from world_model_node.visibility import Sight

NEW_SPEED_SIGMA_MPS = 0.05
STILL_SHARE = 0.85  # of its remembered surface that is still there, when it has not moved
STILL_M = 0.007
MOVING_MPS = 0.1
PARTIAL_SHARE = 0.7  # of the voxels usually seen; with fewer, while something newly
COVERED_SHARE = 0.2  # covers so much of it, its outline cannot be trusted
HIDDEN_GAIN = 0.3
CLEARANCE_M = 0.02
FLYING_SPEED_MPS = 0.2
NUDGE_M = 0.008  # a free object is moved by a pad no more than this at once


class Track:
    """Pose, motion and last good view of an object; world-aligned until the hand carries it."""

    def __init__(
        self, track_id: int, observation: Observation, stamp_s: float, config: TrackingConfig
    ) -> None:
        self.id = track_id
        self.config = config
        self.filter = PointFilter(
            observation.position_m, config.position_sigma_m, NEW_SPEED_SIGMA_MPS
        )
        self.R_world_object = np.eye(3)
        self.hits = 0
        self.gone_frames = 0
        self.absence = ''
        self.visible = True
        self.seen_s = stamp_s
        self.usual_voxels = 0.0
        self.usual_hidden = 0.0  # by itself and its neighbours
        self.grip: GripPose | None = None
        self.weighed: Gaussian | None = None  # by the wrist
        self.angular_velocity = np.zeros(3)
        self._remember(observation)

    @property
    def held(self) -> bool:
        """Whether the hand carries it."""
        return self.grip is not None

    @property
    def T_world_object(self) -> np.ndarray:
        """(4, 4) pose."""
        return make_transform(self.R_world_object, self.filter.position_m)

    def world_points(self) -> np.ndarray:
        """(N, 3) float32 surface in the world frame."""
        return transform_points(self.T_world_object, self.points_m)

    def airborne(self, table_height_m: float) -> bool:
        """Whether it flies: clear of the table, and faster than what merely rests on others."""
        if self.held or np.linalg.norm(self.filter.velocity_mps) < FLYING_SPEED_MPS:
            return False
        return float(self.world_points()[:, 2].min()) > table_height_m + CLEARANCE_M

    def moving(self) -> bool:
        """Whether its speed is more than its noise."""
        speed = np.linalg.norm(self.filter.velocity_mps)
        sigma = np.sqrt(np.trace(self.filter.P[3:, 3:]) / 3.0)
        return bool(speed > self.config.rest_speed_mps + 2.0 * sigma)

    def correct(
        self,
        observation: Observation,
        stamp_s: float,
        dt_s: float,
        cloud: cKDTree,
        sight: Sight,
    ) -> None:
        """Take in what was seen of it.

        A leap while its old surface is still there, as part of whatever, is a glitch of the
        segmentation and no motion.
        """
        hidden = sight.hidden_share(self.world_points())
        partial = hidden > self.usual_hidden + COVERED_SHARE
        partial &= len(observation.points_m) < PARTIAL_SHARE * self.usual_voxels
        position, sigma = observation.position_m, self.config.position_sigma_m
        if partial:
            position, sigma = self._fitted(observation), 2.0 * sigma
        surprised = self.filter.surprised_by(position, sigma)
        leap_m = np.linalg.norm(position - self.filter.position_m)
        if surprised and leap_m > 2.0 * STILL_M and self._still_there(cloud):
            self.filter.recentre(position)
        else:
            if surprised:
                self.filter.push(dt_s, self.config.acceleration_sigma_mps2)
            self.filter.update(position, sigma, dt_s, self.config.acceleration_sigma_mps2)
        self.hits += 1
        self.gone_frames = 0
        self.absence = ''
        self.visible = True
        self.seen_s = stamp_s
        self.usual_voxels *= 0.98
        if not partial:
            self._remember(observation)
            self.usual_hidden += HIDDEN_GAIN * (hidden - self.usual_hidden)

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
        self.visible, self.gone_frames = False, 0

    def touched(self, contacts: Contacts, touch: TouchConfig) -> None:
        """Move so that the surface ends where a pad presses on it."""
        gap = offset_to_contact(self.world_points(), contacts, PATCH_M, NUDGE_M)
        if gap is not None:
            self.filter.update_along(contacts.normal, gap, touch.contact_sigma_m)

    def release(self) -> None:
        """Leave the hand with its velocity."""
        self.grip = None

    def _still_there(self, cloud: cKDTree) -> bool:
        if np.linalg.norm(self.filter.velocity_mps) > MOVING_MPS:
            return False
        surface = self.world_points()[:: max(1, len(self.points_m) // 200)]
        distance, _ = cloud.query(surface, distance_upper_bound=STILL_M)
        return float(np.isfinite(distance).mean()) > STILL_SHARE

    def _fitted(self, observation: Observation) -> np.ndarray:
        """Where the object is, from part of its surface: the shift onto the remembered shape."""
        target = self.world_points()
        tree = cKDTree(target)
        seen = observation.points_m[:: max(1, len(observation.points_m) // 300)].astype(float)
        shift = np.zeros(3)
        for _ in range(4):
            distance, index = tree.query(seen - shift)
            near = distance <= np.median(distance) * 2.0 + 1e-4
            shift = shift + np.mean((seen - shift - target[index])[near], axis=0)
        return self.filter.position_m + shift

    def _remember(self, observation: Observation) -> None:
        offset = observation.points_m - self.filter.position_m.astype(np.float32)
        self.points_m = (offset @ self.R_world_object).astype(np.float32)
        self.colors = observation.colors
        self.extent_m = observation.extent_m
        self.volume_m3 = observation.volume_m3
        self.paint = observation.paint
        self.usual_voxels = max(self.usual_voxels, float(len(observation.points_m)))
