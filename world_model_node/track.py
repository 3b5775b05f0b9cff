"""One object followed through time."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import inverse, make_transform, transform_points
from sakiyomi.scene import Gaussian
from world_model_node.completion import complete
from world_model_node.config import TouchConfig, TrackingConfig
from world_model_node.contacts import Contacts, offset_to_contact
from world_model_node.grip_pose import PATCH_M, GripPose
from world_model_node.kalman import PointFilter
from world_model_node.observation import Observation
from world_model_node.registration import Fit, register
from world_model_node.shape import Shape
from world_model_node.touch import HandState
from world_model_node.visibility import MARGIN_M, Sight

NEW_SPEED_SIGMA_MPS = 0.05
STILL_SHARE = 0.85  # of its remembered surface that is still there, when it has not moved
STILL_M = 0.007
MOVING_MPS = 0.1
CLEARANCE_M = 0.02
FLYING_SPEED_MPS = 0.2
NUDGE_M = 0.008  # a free object is moved by a pad no more than this at once
REST_M = 0.0025  # what seems to have moved less than this rests
REST_COVERED = 0.3  # of the surface usually seen: less cannot tell
FULL_COVERED = 0.85  # more is a full view, which tells where the middle is
FAR_M, FAR_SHARE = 0.010, 0.25  # an object at rest does not grow by so much at once
ODD_FRAMES = 6  # unless it stays like that
STILL_FRAMES = 2
FULL_VIEWS = 10  # are averaged for the middle
EVERY = 3  # frames, for the upkeep of a surface that is well known
FITS, FITS_WELL = 0.55, 0.75  # shares of inliers
TURN_SIGMA_RADPS = 1.0
KEEP_TURNING = 0.5
LONE_WEIGHT = 2.0  # what was seen only once may be noise


class Track:
    """Pose, motion and surface of an object; its axes are the world's until it turns."""

    def __init__(
        self, track_id: int, observation: Observation, stamp_s: float, config: TrackingConfig
    ) -> None:
        self.id = track_id
        self.config = config
        self.filter = PointFilter(
            observation.position_m, config.position_sigma_m, NEW_SPEED_SIGMA_MPS
        )
        self.R_world_object = np.eye(3)
        self.rotation_P = np.eye(3) * config.rotation_sigma_rad**2
        self.angular_velocity = np.zeros(3)
        self.hits = 0
        self.gone_frames = 0
        self.absence = ''
        self.visible = True
        self.seen_s = stamp_s
        self.grip: GripPose | None = None
        self.weighed: Gaussian | None = None  # by the wrist
        self._rest_m: np.ndarray | None = observation.position_m.copy()
        self._usual_share = 0.0
        self._full_views = self._odd_frames = self._still_frames = 0
        self._describe(observation)
        local = transform_points(inverse(self.T_world_object), observation.points_m)
        self.shape = Shape(local, observation.colors, config.voxel_m)
        self.guess_m = np.zeros((0, 3), np.float32)  # of its unseen side, in its own frame
        self.guessed_s = -np.inf

    @property
    def held(self) -> bool:
        """Whether the hand carries it."""
        return self.grip is not None

    @property
    def resting(self) -> bool:
        """Whether it has been seen to stay where it is."""
        return self._rest_m is not None

    @property
    def points_m(self) -> np.ndarray:
        """(N, 3) float32 surface in its own frame."""
        return self.shape.points_m

    @property
    def colors(self) -> np.ndarray:
        """(N, 3) uint8."""
        return self.shape.colors

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
        """Take in what was seen of it."""
        if self._rests(observation):
            self._stay(observation, dt_s, sight)
        else:
            fit = self._fitted(observation, dt_s)
            moved = fit is not None and fit.inliers > FITS_WELL
            if self.resting and not moved and self._still_there(cloud):
                self._stay_odd(observation, dt_s)
            else:
                self._follow(observation, fit, dt_s, sight)
        self.hits += 1
        self.gone_frames = 0
        self.absence = ''
        self.visible = True
        self.seen_s = stamp_s

    # At rest: the surface grows, the middle is averaged.

    def _rest_pose(self) -> np.ndarray:
        return make_transform(self.R_world_object, self._rest_m)

    def _rests(self, observation: Observation) -> bool:
        """Whether the surface is where it was, as far as it is seen."""
        if not self.resting:
            return False
        T = self._rest_pose()
        fit = register(self.shape.view(), observation.points_m, T, 1, STILL_M, 0.1, trim=False)
        turned = Rotation.from_matrix(fit.T_world_object[:3, :3] @ T[:3, :3].T).magnitude()
        moved = np.linalg.norm(fit.T_world_object[:3, 3] - T[:3, 3])
        moved = max(moved, turned * 0.25 * np.linalg.norm(self.extent_m))
        return moved < REST_M and fit.inliers > 0.5 * FITS

    def _stay(self, observation: Observation, dt_s: float, sight: Sight) -> None:
        known = self._full_views > FULL_VIEWS
        if not known or (self.hits + self.id) % EVERY == 0:
            local = transform_points(inverse(self._rest_pose()), observation.points_m)
            share = self.shape.matched_share(local)
            self._usual_share = max(0.995 * self._usual_share, share)
            distance, _ = self.shape.tree.query(local, distance_upper_bound=FAR_M)
            if np.isinf(distance).mean() > FAR_SHARE and self._full_views > 2:
                self._stay_odd(observation, dt_s)
                return
            self._odd_frames = 0
            self._keep(local, observation, sight, at_rest=True)
            if share > FULL_COVERED * self._usual_share:
                self._average_middle(observation)
        self._hold_still(dt_s)

    def _stay_odd(self, observation: Observation, dt_s: float) -> None:
        """Its surface is still there, as part of whatever: a glitch of the segmentation."""
        self._odd_frames += 1
        if self._odd_frames > ODD_FRAMES:
            self._odd_frames = 0
            self._start_over(observation, observation.position_m)
            self._rest_m = observation.position_m.copy()
            self.filter.recentre(observation.position_m)
        self._hold_still(dt_s)

    def _hold_still(self, dt_s: float) -> None:
        noise = self.config.acceleration_sigma_mps2
        self.filter.update(self._rest_m, self.config.position_sigma_m, dt_s, noise)
        self.angular_velocity = np.zeros(3)

    def _average_middle(self, observation: Observation) -> None:
        """Move the frame's origin within the shape towards the middle of this full view."""
        self._full_views += 1
        gain = 1.0 / min(self._full_views + 1, FULL_VIEWS)
        shift = gain * (observation.position_m - self._rest_m)
        self._rest_m = self._rest_m + shift
        self.filter.x[:3] += shift
        self.shape.recentre(self.R_world_object.T @ shift)
        self.guess_m = self.guess_m - (self.R_world_object.T @ shift).astype(np.float32)
        self._describe(observation)

    # In motion: the surface is laid on what is seen.

    def _follow(
        self, observation: Observation, fit: Fit | None, dt_s: float, sight: Sight
    ) -> None:
        position, sigma = observation.position_m, self.config.position_sigma_m
        if fit is not None:
            position = fit.T_world_object[:3, 3]
            sigma = float(np.sqrt(np.trace(fit.covariance[:3, :3]) / 3.0 + (0.5 * sigma) ** 2))
        noise = self.config.acceleration_sigma_mps2
        moved = np.linalg.norm(position - (self._rest_m if self.resting else self._last_m))
        if self.filter.surprised_by(position, sigma):
            self.filter.push(dt_s, noise)
        self.filter.update(position, sigma, dt_s, noise)
        self._turn(fit, dt_s)
        if fit is None:
            self._start_over(observation, self.filter.position_m)
        elif fit.inliers > FITS_WELL:
            local = transform_points(inverse(fit.T_world_object), observation.points_m)
            self._keep(local, observation, sight, at_rest=False)
        self._last_m = position
        self._still_frames = self._still_frames + 1 if moved < REST_M else 0
        self._rest_m = position.copy() if self._still_frames >= STILL_FRAMES else None

    def _fitted(self, observation: Observation, dt_s: float) -> Fit | None:
        """The pose at which the surface lies on what is seen, or None if there is none."""
        turn = Rotation.from_rotvec(self.angular_velocity * dt_s).as_matrix()
        T = make_transform(turn @ self.R_world_object, self.filter.position_m)
        shifted = make_transform(T[:3, :3], observation.position_m)
        self.rotation_P = self.rotation_P + np.eye(3) * (TURN_SIGMA_RADPS * dt_s) ** 2
        sigma_rad = float(np.clip(np.sqrt(np.trace(self.rotation_P) / 3.0), 0.05, 0.4))
        view = self.shape.view()
        starts = [
            register(view, observation.points_m, s, 1, 0.03, sigma_rad) for s in (T, shifted)
        ]
        start = max(starts, key=lambda fit: (fit.inliers, -fit.residual_m)).T_world_object
        fit = register(view, observation.points_m, start, 5, 0.02, sigma_rad)
        return fit if fit.inliers > FITS else None

    def _turn(self, fit: Fit | None, dt_s: float) -> None:
        if fit is None:
            self.rotation_P = np.eye(3) * self.config.rotation_sigma_rad**2
            self.angular_velocity = np.zeros(3)
            return
        R = fit.T_world_object[:3, :3]
        if dt_s > 1e-6:
            turned = Rotation.from_matrix(R @ self.R_world_object.T).as_rotvec() / dt_s
            self.angular_velocity += KEEP_TURNING * (turned - self.angular_velocity)
        self.R_world_object = R
        self.rotation_P = fit.covariance[3:, 3:]

    # What is known of the surface.

    def _keep(
        self, local: np.ndarray, observation: Observation, sight: Sight, at_rest: bool
    ) -> None:
        """Add what was seen, (M, 3) in its frame; forget what the camera sees through or past."""
        seen = self.shape.merge(local, observation.colors)
        T = self._rest_pose() if at_rest else self.T_world_object
        gap = sight.gaps(transform_points(T, self.shape.points_m))
        self.shape.miss(~seen & (gap > MARGIN_M), 3)
        self.shape.miss(~seen & (self.shape.weight < LONE_WEIGHT), 2)
        if at_rest:
            self.shape.miss(~seen & (np.abs(gap) <= MARGIN_M), 1)
        self.shape.drop_missed()

    def _start_over(self, observation: Observation, origin_m: np.ndarray) -> None:
        T = make_transform(self.R_world_object, origin_m)
        self.shape.replace(transform_points(inverse(T), observation.points_m), observation.colors)
        self._usual_share, self._full_views = 0.0, 0
        self.guess_m = self.guess_m[:0]
        self._describe(observation)

    def guess(self, sight: Sight, table_height_m: float, stamp_s: float) -> None:
        """Complete the side that has not been seen."""
        surface, T = self.world_points(), self.T_world_object
        lowest = float(np.percentile(surface[:, 2], 2))
        floor_m = lowest if lowest > table_height_m + CLEARANCE_M else table_height_m
        guess = complete(surface, T[:3, 3], floor_m, 1.5 * self.config.voxel_m, sight)
        self.guess_m = transform_points(inverse(T), guess)
        self.guessed_s = stamp_s

    def _describe(self, observation: Observation) -> None:
        self.extent_m = observation.extent_m
        self.volume_m3 = observation.volume_m3
        self.paint = observation.paint
        self._last_m = observation.position_m

    def _still_there(self, cloud: cKDTree) -> bool:
        if np.linalg.norm(self.filter.velocity_mps) > MOVING_MPS:
            return False
        surface = self.world_points()[:: max(1, len(self.points_m) // 200)]
        distance, _ = cloud.query(surface, distance_upper_bound=STILL_M)
        return float(np.isfinite(distance).mean()) > STILL_SHARE

    # In the hand.

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
        self._rest_m, self._last_m = None, self.filter.position_m.copy()
        self.visible, self.gone_frames = False, 0

    def touched(self, contacts: Contacts, touch: TouchConfig) -> None:
        """Move so that the surface ends where a pad presses on it."""
        gap = offset_to_contact(self.world_points(), contacts, PATCH_M, NUDGE_M)
        if gap is not None:
            self.filter.update_along(contacts.normal, gap, touch.contact_sigma_m)

    def release(self) -> None:
        """Leave the hand with its velocity."""
        self.grip = None
