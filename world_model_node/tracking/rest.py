"""An object at rest: its pose is an anchor, its surface grows, its middle is averaged."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import inverse, make_transform, transform_points
from world_model_node.fusion.visibility import Sight
from world_model_node.surface.middle import middle_of
from world_model_node.surface.registration import register, rotation_vector, skew
from world_model_node.tracking.body import Body
from world_model_node.tracking.observation import Observation

ANCHOR_M = 0.0005  # an anchor is this sure, where the middle is known
RESTING_RADPS = 0.3
MOVED_M = 0.002  # what seems to have moved less than this rests
DRIFTED_M = 0.001  # unless it keeps seeming so, on average
STEADY_M = 0.0005  # an average of less needs no close look every time
DRIFT_GAIN = 0.3
PRIOR_M, PRIOR_RAD = 0.01, 0.15  # how far it may be from the anchor
SAMPLES, FEW = 100, 20
USUAL_GAIN = 0.2  # of the share of inliers
LEAST_FIT = 0.5  # what is usual when nothing has been looked at yet
SUSPECT, WORSE = 0.07, 0.15  # so much less than usual is looked at again, or is motion
FAR_M, FAR_SHARE = 0.010, 0.25  # an object at rest does not grow by so much at once
ODD_FRAMES = 6  # unless it stays like that
FULL_COVERED = 0.85  # of the surface usually seen: that is a full view
FULL_VIEWS = 5  # are averaged for the middle
NEW_REFERENCE = 15  # frames after which what is known now is compared with
EVERY = 4  # frames, for the upkeep of a surface that is well known
SETTLED, STIRRED_M = 10, 0.001  # frames after which every second one is looked at, if so still


class Rest:
    """One stay of a body at one place.

    Args:
        body: what stays.
        moved: whether it came here under our eyes. What was remembered of it is then laid on what
            is seen with all errors of the way, and says less of its middle than a fresh look.
    """

    def __init__(self, body: Body, moved: bool = False) -> None:
        self.body, self.moved = body, moved
        self.T_world_object = body.T_world_object
        self.frames = 0
        self._usual_share = 0.0
        self._full_views = self._odd_frames = 0
        self._usual_fit: float | None = None
        self._drift, self.drift_m = np.zeros(6), 0.0
        self._looked_m: np.ndarray | None = None  # the place of what was last looked at
        self._refer()

    def _refer(self) -> None:
        """Compare with what is known by now: what is added to a surface as it moves hides that."""
        self._view, self._T_view = self.body.shape.view(), self.T_world_object

    def left(self, observation: Observation) -> bool:
        """Whether the surface is not where it was, at once or little by little."""
        if self._as_before(observation):
            self._looked_m = None
            return False
        self._looked_m = observation.position_m
        seen, T = observation.fresh_m, self._T_view
        fit = register(self._view, seen, T, 2, PRIOR_M, PRIOR_RAD, SAMPLES)
        usual = max(fit.inliers, LEAST_FIT) if self._usual_fit is None else self._usual_fit
        if fit.inliers < usual - SUSPECT:
            start = fit.T_world_object
            fit = register(self._view, seen, start, 5, PRIOR_M, PRIOR_RAD, SAMPLES)
        few = seen[:: max(1, len(seen) // FEW)].astype(float)
        center = few.mean(axis=0)
        D = fit.T_world_object @ inverse(T)
        shift = transform_points(D, center[None])[0] - center
        step = np.concatenate([shift, rotation_vector(D[:3, :3])])
        self._drift = self._drift + DRIFT_GAIN * (step - self._drift)
        arm = few - center
        self.step_m, self.drift_m = (_reach(s, arm) for s in (step, self._drift))
        self.fit = fit
        self._usual_fit = usual + USUAL_GAIN * (max(fit.inliers, usual - SUSPECT) - usual)
        worse = fit.inliers < usual - WORSE
        return worse or self.step_m > MOVED_M or self.drift_m > DRIFTED_M

    def _as_before(self, observation: Observation) -> bool:
        """Whether no close look is due: it had one last time, and does not seem to move."""
        if self.frames < SETTLED or self._looked_m is None or self.drift_m > STEADY_M:
            return False
        return bool(np.linalg.norm(observation.position_m - self._looked_m) < STIRRED_M)

    def stay(
        self, observation: Observation, sight: Sight, table_height_m: float, due: int
    ) -> None:
        """Take in what was seen; a well known surface only every fourth time (`due`)."""
        self.frames += 1
        body = self.body
        if self.frames < 4 or (self.frames + due) % NEW_REFERENCE == 0:
            self._refer()
        if self._full_views > FULL_VIEWS and due % EVERY:
            self._hold()
            return
        local = transform_points(inverse(self.T_world_object), observation.points_m)
        nearest = body.shape.nearest(local)
        if np.mean(nearest[0] > FAR_M) > FAR_SHARE and self._full_views > 2:
            self.stay_odd(observation)
            return
        self._odd_frames = 0
        share = body.keep(observation, self.T_world_object, sight, True, nearest)
        self._usual_share = max(0.99 * self._usual_share, share)
        if share > FULL_COVERED * self._usual_share:
            self._average_middle(observation, sight, table_height_m)
        self._hold()

    def stay_odd(self, observation: Observation) -> None:
        """Its surface is still there, as part of whatever: a glitch of the segmentation."""
        self._odd_frames += 1
        if self._odd_frames > ODD_FRAMES:
            self._odd_frames = 0
            self.body.start_over(observation, self.T_world_object)
            self._full_views = 0
        self._hold()

    def _hold(self) -> None:
        body, config = self.body, self.body.config
        body.filter.settle(self.T_world_object[:3, 3], ANCHOR_M, config.rest_speed_mps)
        body.angular_velocity = np.zeros(3)
        body.turn_rate_P = np.eye(3) * RESTING_RADPS**2

    def _average_middle(
        self, observation: Observation, sight: Sight, table_height_m: float
    ) -> None:
        """Move the frame's origin within the shape towards the middle of what is known."""
        self._full_views += 1
        if self.moved:
            gain = 1.0 / min(self._full_views, FULL_VIEWS)
            surface = observation.points_m
        else:
            gain = 1.0 / min(self._full_views + 1, FULL_VIEWS)
            surface = self.body.sure_points()
        shift = gain * (middle_of(surface, table_height_m) - self.body.filter.position_m)
        self.body.judge_unseen(surface, sight, gain)
        self.body.recentre(shift)
        self.T_world_object = make_transform(
            self.T_world_object[:3, :3], self.T_world_object[:3, 3] + shift
        )
        self.body.describe(observation)


def _reach(twist: np.ndarray, arms: np.ndarray) -> float:
    """How far a small motion (6,) moves points (N, 3) around its centre, r.m.s. [m]."""
    moved = twist[:3] + arms @ skew(twist[3:]).T
    return float(np.sqrt(np.mean(np.sum(moved**2, axis=1))))
