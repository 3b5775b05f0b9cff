"""An object in motion: its surface is laid on what is seen, until that stays the same."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import make_transform
from world_model_node.body import Body
from world_model_node.course import CALM_AT_FIRST, Seen
from world_model_node.frictions import UNKNOWN, later
from world_model_node.look import Look
from world_model_node.observation import Observation
from world_model_node.point_grid import PointGrid
from world_model_node.registration import Fit, displacement, register, rotation_by, rotation_vector
from world_model_node.touch import at_hand
from world_model_node.whereabouts import Way, places

FITS, FITS_WELL = 0.55, 0.7  # shares of inliers
LOST = 0.4  # without a fit
TURN_SIGMA_RADPS = 2.0
KEEP_TURNING = 0.3
REST_M = 0.002
STILL_FRAMES = 2  # fits that agree
SAME_M, SAME_PERCENT, SAME_FRAMES = 0.0028, 90, 3  # or views that do
COARSE, FINE, FEW = 50, 150, 20  # samples
BOX_M = 0.006  # of the grid that two views are compared in
TIPS_RADPS = 2.0  # what turns so fast about a level axis rolls or tips
UNSURE_SHARE = 0.06  # of its size: where the middle is by what is seen in part


class Motion:
    """One stretch of motion of a body."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.fit: Fit | None = None
        self._calm: float | None = None  # how calm; None: it has rested
        self._still_frames = self._same_frames = 0
        self._mark_m: np.ndarray | None = None
        self._T_last = body.T_world_object

    @property
    def over(self) -> bool:
        """Whether it has come to rest."""
        return self._still_frames >= STILL_FRAMES or self._same_frames >= SAME_FRAMES

    def find(self, observation: Observation, dt_s: float) -> Fit | None:
        """The pose at which the surface lies on what is seen, or None if there is none."""
        body = self.body
        body.rotation_P = body.rotation_P + np.eye(3) * (TURN_SIGMA_RADPS * dt_s) ** 2
        sigma_rad = float(np.clip(np.sqrt(np.trace(body.rotation_P) / 3.0), 0.1, 0.5))
        view, seen = body.shape.view(), observation.fresh_m
        fits = [
            register(view, seen, T, 2, 0.02, sigma_rad, COARSE)
            for T in self._starts(observation, dt_s)
        ]
        start = max(fits, key=lambda fit: (fit.inliers, -fit.residual_m)).T_world_object
        fit = register(view, seen, start, 6, 0.02, sigma_rad, FINE)
        self.fit = fit if fit.inliers > FITS else None
        return self.fit

    def _starts(self, observation: Observation, dt_s: float) -> list[np.ndarray]:
        """Guesses at the pose: going on as before, sliding to what is seen, and rolling there."""
        body, seen_m = self.body, self.body.middle_seen(observation)
        R, turn = body.R_world_object, rotation_by(body.angular_velocity * dt_s)
        starts = [
            make_transform(turn @ R, body.filter.position_m),
            make_transform(turn @ R, seen_m),
        ]
        if np.linalg.norm(body.angular_velocity) * dt_s > 0.1:
            starts.append(make_transform(R, seen_m))
        way = seen_m - self._T_last[:3, 3]
        radius = 0.5 * body.extent_m[2]
        roll = np.array([-way[1], way[0], 0.0]) / max(radius, 0.01)
        if np.linalg.norm(roll) > 0.15:
            starts.append(make_transform(rotation_by(roll) @ R, seen_m))
        return starts

    def follow(self, observation: Observation, fit: Fit | None, look: Look, aloft: bool) -> None:
        """Take in what was seen; `aloft`: nothing carries it but what is not seen."""
        body, config, near_hand = self.body, self.body.config, self._at_hand(look)
        body.wandered(LOST if fit is None else fit.inliers)
        if fit is None:
            sigma = np.hypot(config.position_sigma_m, UNSURE_SHARE * body.extent_m)
            body.filter.update(body.middle_seen(observation), np.diag(sigma**2))
        elif seen := self._places(observation, fit, look, near_hand):
            frictions = None if aloft or near_hand else self._frictions(fit, look)
            told = seen, self._calm, aloft, frictions, look.gravity_mps2
            self._calm, frictions = body.filter.follow(look.dt_s, *told)
            body.frictions = body.frictions if frictions is None else frictions
        else:
            noise = fit.covariance[:3, :3] + np.eye(3) * (0.5 * config.position_sigma_m) ** 2
            body.filter.update(fit.T_world_object[:3, 3], noise)
        self._calm = CALM_AT_FIRST if self._calm is None else self._calm
        self._turn(fit, look.dt_s)
        if fit is None:
            if not near_hand:  # which may cover all but a fragment
                body.start_over(observation, body.T_world_object)
        elif fit.inliers > FITS_WELL:
            body.keep(observation, fit.T_world_object, look.sight, at_rest=False)
        self._mind_stillness(observation, fit)

    def _at_hand(self, look: Look) -> bool:
        """Whether the hand may push it or cover a part of it."""
        T = look.T_world_grasp
        return T is not None and at_hand(self.body.world_points(), T)

    def _places(
        self, observation: Observation, fit: Fit, look: Look, near_hand: bool
    ) -> list[Seen]:
        before = self.body.filter.before
        T_last = make_transform(self._T_last[:3, :3], before[:3])
        way = Way(T_last, before[3:], fit.T_world_object, look.dt_s)
        # what the hand covers in one frame it shows in another: the same side is not seen then
        own_m = observation.fresh_m[:0] if near_hand else observation.fresh_m
        return places(self.body.shape.view(), way, own_m, look)

    def _frictions(self, fit: Fit, look: Look) -> np.ndarray | None:
        """Weights of the frictions that may brake it; None where it does not slide."""
        turned = rotation_vector(fit.T_world_object[:3, :3] @ self._T_last[:3, :3].T)
        if np.linalg.norm(turned[:2]) > TIPS_RADPS * max(look.dt_s, 1e-3):
            return None
        before = self.body.frictions
        return UNKNOWN if before is None else later(before, rested=self._calm is None)

    def _turn(self, fit: Fit | None, dt_s: float) -> None:
        body = self.body
        if fit is None:
            body.rotation_P = np.eye(3) * body.config.rotation_sigma_rad**2
            body.angular_velocity = np.zeros(3)
            body.turn_rate_P = np.eye(3) * TURN_SIGMA_RADPS**2
            return
        R = fit.T_world_object[:3, :3]
        if dt_s > 1e-6:
            turned = rotation_vector(R @ body.R_world_object.T) / dt_s
            body.angular_velocity = turned + KEEP_TURNING * (body.angular_velocity - turned)
        body.R_world_object = R
        body.rotation_P = fit.covariance[3:, 3:]
        body.turn_rate_P = np.eye(3) * TURN_SIGMA_RADPS**2

    def _mind_stillness(self, observation: Observation, fit: Fit | None) -> None:
        """Count how long it has stayed: by the fits, and by what is seen where they are poor."""
        seen = observation.points_m
        if self._mark_m is not None and _same(self._mark_m, seen):
            self._same_frames += 1
        else:
            self._same_frames, self._mark_m = 0, seen
        T = self.body.T_world_object if fit is None else fit.T_world_object
        few = seen[:: max(1, len(seen) // FEW)].astype(float)
        step = displacement(self._T_last, T, few)
        self._still_frames = self._still_frames + 1 if step < REST_M and fit is not None else 0
        self._T_last = T


def _same(before_m: np.ndarray, now_m: np.ndarray) -> bool:
    """Whether two views (N, 3) and (M, 3) are of the same surface at the same place."""
    few = now_m[:: max(1, len(now_m) // COARSE)]
    distance, _ = PointGrid(before_m, BOX_M).nearest(few)
    return float(np.percentile(distance, SAME_PERCENT)) < SAME_M
