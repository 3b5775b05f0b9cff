"""What is known of one object: its pose, its motion and its surface."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import inverse, make_transform, transform_points
from world_model_node.config import TrackingConfig
from world_model_node.fusion.visibility import MARGIN_M, Sight
from world_model_node.surface.completion import complete
from world_model_node.surface.middle import floor_under, middle_of
from world_model_node.surface.shape import LONE_WEIGHT, Shape
from world_model_node.surface.unseen import hidden_outline, unseen_sides
from world_model_node.tracking.kalman import PointFilter
from world_model_node.tracking.observation import Observation

NEW_SPEED_SIGMA_MPS, NEW_TURN_SIGMA_RADPS = 0.05, 0.5
LEAST_M = 0.001  # standard deviation of the middle of what is small
UNSEEN_SHARE, HIDDEN_SHARE = 0.22, 0.20  # of its size, where no side, or no outline is seen
WANDER_M, WANDER_RAD = 0.0008, 0.1  # per frame of motion, of what the fits add up to
MISFIT = 4.0  # and so much more of the variance where nothing fits
MOST_WANDER_M, MOST_WANDER_RAD = 0.012, 1.0
REACH_SHARE = 0.6  # of its size: what is felt farther from the middle is of something else
GUESS_HOLDS_S = 5.0  # unless the surface grew by a share, or was shifted or turned [m or rad]
GREW, SHIFTED = 0.03, 0.002


class Body:
    """Pose, motion and surface of an object; its axes are the world's until it turns."""

    def __init__(self, observation: Observation, table_height_m: float, config: TrackingConfig):
        self.config = config
        middle = middle_of(observation.points_m, table_height_m)
        self.filter = PointFilter(middle, config.position_sigma_m, NEW_SPEED_SIGMA_MPS)
        self.R_world_object = np.eye(3)
        self.rotation_P = np.eye(3) * config.rotation_sigma_rad**2
        self.angular_velocity = np.zeros(3)
        self.turn_rate_P = np.eye(3) * NEW_TURN_SIGMA_RADPS**2
        self.frictions: np.ndarray | None = None  # weights, by how it slid
        self.wander = 0.0  # frames of motion so far, each by how badly it was seen
        local = transform_points(inverse(self.T_world_object), observation.points_m)
        self.shape = Shape(local, observation.colors, config.voxel_m)
        self.guess_m = np.zeros((0, 3), np.float32)  # of its unseen side, in its own frame
        self.guessed_s = self._guess_until_s = -np.inf
        self._guess_of = (self.T_world_object, 0)
        self.paint = observation.paint
        self.unseen, self.hidden = unseen_sides(observation.points_m), 0.0
        self.describe(observation)

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

    def wandered(self, inliers: float) -> None:
        """One more frame of motion: small errors of the fits add up, against its own start."""
        self.wander += 1.0 + MISFIT * (1.0 - inliers)

    def pose_covariance(self) -> np.ndarray:
        """(6, 6) of position then rotation, world frame.

        Errors of the middle grow with the object's size and with how much of it has not been seen,
        in all directions alike. The constants were fitted to the errors of 26 000 tracked frames
        of 54 simulated scenes of household objects, for a coverage of 0.9.
        """
        middle = np.hypot(LEAST_M, self.middle_share() * self.extent_m)
        P = np.zeros((6, 6))
        wander_m2 = min(WANDER_M**2 * self.wander, MOST_WANDER_M**2)
        P[:3, :3] = self.filter.P[:3, :3] + np.diag(middle**2 + wander_m2)
        wander_rad2 = min(WANDER_RAD**2 * self.wander, MOST_WANDER_RAD**2)
        P[3:, 3:] = self.rotation_P + wander_rad2 * np.eye(3)
        return P

    def middle_share(self) -> float:
        """Standard deviation of the middle, as a share of its size."""
        shares = UNSEEN_SHARE * self.unseen, HIDDEN_SHARE * self.hidden**2
        return float(np.linalg.norm([self.config.middle_sigma_share, *shares]))

    def twist_covariance(self) -> np.ndarray:
        """(6, 6) of linear then angular velocity, world frame."""
        P = np.zeros((6, 6))
        P[:3, :3], P[3:, 3:] = self.filter.P[3:, 3:], self.turn_rate_P
        return P

    def middle_seen(self, observation: Observation) -> np.ndarray:
        """Where an observation alone would put the object's middle (3,) [m]."""
        return observation.position_m + self.offset_m

    def judge_unseen(self, surface_m: np.ndarray, sight: Sight, gain: float) -> None:
        """Take in how much is missing in a surface (N, 3), world frame, as seen from here."""
        self.unseen += gain * (unseen_sides(surface_m) - self.unseen)
        self.hidden += gain * (hidden_outline(surface_m, sight) - self.hidden)

    def describe(self, observation: Observation) -> None:
        """Remember what it looks like from here."""
        self.extent_m = observation.extent_m
        self.volume_m3 = observation.volume_m3
        if np.isfinite(observation.paint).all():
            self.paint = observation.paint
        self.offset_m = self.filter.position_m - observation.position_m

    def sure_points(self) -> np.ndarray:
        """(N, 3) float32 surface that was seen more than once, where most was; world frame."""
        return self.world_points()[self.shape.sure()]

    def recentre(self, shift_m: np.ndarray) -> None:
        """Move the frame's origin by (3,), world frame, within the object: no motion."""
        self.filter.x[:3] += shift_m
        local = self.R_world_object.T @ shift_m
        self.shape.recentre(local)
        self.guess_m = self.guess_m - local.astype(np.float32)

    def keep(
        self,
        observation: Observation,
        T: np.ndarray,
        sight: Sight,
        at_rest: bool,
        nearest: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> float:
        """Add what was seen of it at a pose; forget what the camera sees through or past.

        Returns the share of the surface known before that was seen again; `nearest` is what
        `Shape.nearest` said of the observation's points, where that has been asked.
        """
        known = len(self.shape)
        local = transform_points(inverse(T), observation.points_m)
        seen = self.shape.merge(local, observation.colors, nearest)
        gap = sight.gaps(transform_points(T, self.shape.points_m))
        self.shape.miss(~seen & (gap > MARGIN_M), 3)
        self.shape.miss(~seen & (self.shape.weight < LONE_WEIGHT), 2)
        if at_rest:
            self.shape.miss(~seen & (np.abs(gap) <= MARGIN_M), 1)
        self.shape.drop_missed()
        return float(seen[:known].mean())

    def felt(self, points_m: np.ndarray) -> None:
        """Add what a pad touches (M, 3), world frame, as sure as what has been seen again."""
        local = transform_points(inverse(self.T_world_object), points_m)
        local = local[np.linalg.norm(local, axis=1) < REACH_SHARE * np.linalg.norm(self.extent_m)]
        if not len(local):
            return
        color = np.median(self.colors, axis=0).astype(np.uint8)
        felt = self.shape.merge(local.astype(np.float32), np.tile(color, (len(local), 1)))
        self.shape.weight[felt] = np.maximum(self.shape.weight[felt], LONE_WEIGHT)
        self.shape.drop_missed()

    def start_over(self, observation: Observation, T: np.ndarray) -> None:
        """Forget the old surface for what is seen now, at a pose."""
        local = transform_points(inverse(T), observation.points_m)
        self.shape.replace(local, observation.colors)
        self.guess_m, self._guess_until_s = self.guess_m[:0], -np.inf
        self.describe(observation)

    def guess(self, sight: Sight, table_height_m: float, stamp_s: float) -> None:
        """Complete the side that has not been seen."""
        T, n = self.T_world_object, len(self.shape)
        self.guessed_s = stamp_s
        if stamp_s < self._guess_until_s and self._guess_holds(T, n):
            return
        self._guess_until_s, self._guess_of = stamp_s + GUESS_HOLDS_S, (T, n)
        surface = self.sure_points()
        floor_m = floor_under(surface[:, 2], table_height_m)
        guess = complete(surface, T[:3, 3], floor_m, 1.5 * self.config.voxel_m, sight)
        self.guess_m = transform_points(inverse(T), guess)

    def _guess_holds(self, T: np.ndarray, n: int) -> bool:
        """Whether pose and number of points are still those that the last guess was made of."""
        T_then, n_then = self._guess_of
        return abs(n - n_then) < GREW * n_then and bool(np.abs(T - T_then).max() < SHIFTED)
