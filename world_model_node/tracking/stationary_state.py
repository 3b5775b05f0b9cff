"""An object at rest: its pose is an anchor, its surface grows, its middle is averaged."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import inverse, make_transform, transform_points
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.tracking.body import Body
from world_model_node.tracking.centroid import estimate_centroid
from world_model_node.tracking.object_measurement import ObjectMeasurement
from world_model_node.tracking.registration import register, rotation_vector, skew

ANCHOR_SIGMA_M = 0.0005  # an anchor is this sure, where the centroid is known
STATIONARY_SIGMA_RADPS = 0.3
MAX_STEP_M = 0.002  # what seems to have moved less than this rests
MAX_MEAN_STEP_M = 0.001  # unless it keeps seeming so, on average
NEGLIGIBLE_STEP_M = 0.0005  # an average of less needs no close look every time
MEAN_STEP_GAIN = 0.3
PRIOR_SIGMA_M, PRIOR_SIGMA_RAD = 0.01, 0.15  # how far it may be from the anchor
NUM_SAMPLES, NUM_STEP_POINTS = 100, 20
TYPICAL_GAIN = 0.2  # of the share of inliers
MIN_TYPICAL_INLIER_SHARE = 0.5  # what is usual when nothing has been looked at yet
SUSPECT_DROP, MOTION_DROP = 0.07, 0.15  # so much less than usual is looked at again, or is motion
OUTLIER_M, MAX_OUTLIER_SHARE = 0.010, 0.25  # an object at rest does not grow by so much at once
MAX_MISMATCH_FRAMES = 6  # unless it stays like that
FULL_VIEW_SHARE = 0.85  # of the surface usually seen: that is a full view
NUM_FULL_VIEWS = 5  # are averaged for the centroid
REFERENCE_PERIOD_FRAMES = 15  # frames after which what is known now is compared with
UPDATE_PERIOD_FRAMES = 4  # frames, for the upkeep of a surface that is well known
# frames after which every second one is looked at, if so still
SETTLED_FRAMES, RECHECK_M = 10, 0.001


class StationaryState:
    """One stay of a body at one place.

    Args:
        body: what stays.
        after_motion: whether tracking followed the motion that ended here. The remembered surface
            then carries all registration errors of that motion, and says less of the centroid than
            a fresh view.
    """

    def __init__(self, body: Body, after_motion: bool = False) -> None:
        self.body, self.after_motion = body, after_motion
        self.T_world_object = body.T_world_object
        self.frames = 0
        self._typical_share = 0.0
        self._full_views = self._mismatch_frames = 0
        self._typical_inlier_share: float | None = None
        self._mean_step, self.mean_step_m = np.zeros(6), 0.0
        self._checked_position_m: np.ndarray | None = None  # the place of what was last looked at
        self._update_reference()

    def _update_reference(self) -> None:
        """Compare with what is known by now: what is added to a surface as it moves hides that."""
        self._reference, self._T_reference = (
            self.body.shape.registration_target(),
            self.T_world_object,
        )

    def has_moved(self, measurement: ObjectMeasurement) -> bool:
        """Whether the surface is not where it was, at once or little by little."""
        if self._seems_unchanged(measurement):
            self._checked_position_m = None
            return False
        self._checked_position_m = measurement.position_m
        seen, T = measurement.registration_points_m, self._T_reference
        fit = register(self._reference, seen, T, 2, PRIOR_SIGMA_M, PRIOR_SIGMA_RAD, NUM_SAMPLES)
        typical = (
            max(fit.inlier_share, MIN_TYPICAL_INLIER_SHARE)
            if self._typical_inlier_share is None
            else self._typical_inlier_share
        )
        if fit.inlier_share < typical - SUSPECT_DROP:
            start = fit.T_world_object
            fit = register(
                self._reference, seen, start, 5, PRIOR_SIGMA_M, PRIOR_SIGMA_RAD, NUM_SAMPLES
            )
        few = seen[:: max(1, len(seen) // NUM_STEP_POINTS)].astype(float)
        center = few.mean(axis=0)
        D = fit.T_world_object @ inverse(T)
        shift = transform_points(D, center[None])[0] - center
        step = np.concatenate([shift, rotation_vector(D[:3, :3])])
        self._mean_step = self._mean_step + MEAN_STEP_GAIN * (step - self._mean_step)
        arm = few - center
        self.step_m, self.mean_step_m = (_rms_motion(s, arm) for s in (step, self._mean_step))
        self.fit = fit
        self._typical_inlier_share = typical + TYPICAL_GAIN * (
            max(fit.inlier_share, typical - SUSPECT_DROP) - typical
        )
        worse = fit.inlier_share < typical - MOTION_DROP
        return worse or self.step_m > MAX_STEP_M or self.mean_step_m > MAX_MEAN_STEP_M

    def _seems_unchanged(self, measurement: ObjectMeasurement) -> bool:
        """Whether no close look is due: it had one last time, and does not seem to move."""
        if (
            self.frames < SETTLED_FRAMES
            or self._checked_position_m is None
            or self.mean_step_m > NEGLIGIBLE_STEP_M
        ):
            return False
        return bool(np.linalg.norm(measurement.position_m - self._checked_position_m) < RECHECK_M)

    def update(
        self,
        measurement: ObjectMeasurement,
        visibility: VisibilityModel,
        table_height_m: float,
        update_index: int,
    ) -> None:
        """Take in what was seen; a well known surface only every fourth time (`update_index`)."""
        self.frames += 1
        body = self.body
        if self.frames < 4 or (self.frames + update_index) % REFERENCE_PERIOD_FRAMES == 0:
            self._update_reference()
        if self._full_views > NUM_FULL_VIEWS and update_index % UPDATE_PERIOD_FRAMES:
            self._apply_anchor()
            return
        local = transform_points(inverse(self.T_world_object), measurement.points_m)
        nearest = body.shape.nearest(local)
        if np.mean(nearest[0] > OUTLIER_M) > MAX_OUTLIER_SHARE and self._full_views > 2:
            self.tolerate_mismatch(measurement)
            return
        self._mismatch_frames = 0
        share = body.integrate(measurement, self.T_world_object, visibility, True, nearest)
        self._typical_share = max(0.99 * self._typical_share, share)
        if share > FULL_VIEW_SHARE * self._typical_share:
            self._average_centroid(measurement, visibility, table_height_m)
        self._apply_anchor()

    def tolerate_mismatch(self, measurement: ObjectMeasurement) -> None:
        """Its surface is still there, as part of whatever: a glitch of the segmentation."""
        self._mismatch_frames += 1
        if self._mismatch_frames > MAX_MISMATCH_FRAMES:
            self._mismatch_frames = 0
            self.body.reset_surface(measurement, self.T_world_object)
            self._full_views = 0
        self._apply_anchor()

    def _apply_anchor(self) -> None:
        body, config = self.body, self.body.config
        body.filter.set_stationary(
            self.T_world_object[:3, 3], ANCHOR_SIGMA_M, config.rest_speed_mps
        )
        body.angular_velocity = np.zeros(3)
        body.angular_velocity_P = np.eye(3) * STATIONARY_SIGMA_RADPS**2

    def _average_centroid(
        self, measurement: ObjectMeasurement, visibility: VisibilityModel, table_height_m: float
    ) -> None:
        """Move the frame's origin within the shape towards the centroid of what is known."""
        self._full_views += 1
        if self.after_motion:
            gain = 1.0 / min(self._full_views, NUM_FULL_VIEWS)
            surface = measurement.points_m
        else:
            gain = 1.0 / min(self._full_views + 1, NUM_FULL_VIEWS)
            surface = self.body.reliable_points()
        shift = gain * (estimate_centroid(surface, table_height_m) - self.body.filter.position_m)
        self.body.update_shape_uncertainty(surface, visibility, gain)
        self.body.shift_origin(shift)
        self.T_world_object = make_transform(
            self.T_world_object[:3, :3], self.T_world_object[:3, 3] + shift
        )
        self.body.update_appearance(measurement)


def _rms_motion(twist: np.ndarray, arms: np.ndarray) -> float:
    """How far a small motion (6,) moves points (N, 3) around its centre, r.m.s. [m]."""
    displacements = twist[:3] + arms @ skew(twist[3:]).T
    return float(np.sqrt(np.mean(np.sum(displacements**2, axis=1))))
