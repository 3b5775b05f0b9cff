"""An object in motion: its surface is laid on what is seen, until that stays the same."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import make_transform
from world_model_node.between_looks.course import CALM_AT_FIRST, Seen
from world_model_node.between_looks.frictions import UNKNOWN, later
from world_model_node.between_looks.glance import around, laid
from world_model_node.between_looks.whereabouts import AT_ONCE_S, Way, places
from world_model_node.fusion.point_grid import PointGrid
from world_model_node.surface.registration import (
    FITS,
    FITS_WELL,
    Fit,
    best_fit,
    displacement,
    rotation_by,
    rotation_vector,
)
from world_model_node.touch.hand_state import at_hand
from world_model_node.tracking.body import Body
from world_model_node.tracking.look import Look
from world_model_node.tracking.observation import Observation

LOST = 0.4  # without a fit
TURN_SIGMA_RADPS = 2.0
KEEP_TURNING = 0.3
SLOW_RAD, CALM = 0.1, 0.5  # so little turning, and so probably going on as before
REST_M = 0.002
STILL_FRAMES = 2  # fits that agree
SAME_M, SAME_PERCENT, SAME_FRAMES = 0.0028, 90, 3  # or views that do
COARSE, FEW = 50, 20  # samples
BOX_M = 0.006  # of the grid that two views are compared in
TIPS_RADPS = 2.0  # what turns so fast about a level axis rolls or tips
UNSURE_SHARE = 0.06  # of its size: where the middle is by what is seen in part


class Motion:
    """One stretch of motion of a body."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.fit: Fit | None = None
        self.braked = 0.0  # how likely it is that friction brakes it
        self._calm: float | None = None  # how calm; None: it has rested
        self._still_frames = self._same_frames = 0
        self._mark_m: np.ndarray | None = None
        self._T_last = body.T_world_object

    @property
    def over(self) -> bool:
        """Whether it has come to rest."""
        return self._still_frames >= STILL_FRAMES or self._same_frames >= SAME_FRAMES

    def find(self, observation: Observation, look: Look) -> Fit | None:
        """The pose at which the surface lies on what is seen, or None if there is none."""
        body, view = self.body, self.body.shape.view()
        body.rotation_P = body.rotation_P + np.eye(3) * (TURN_SIGMA_RADPS * look.dt_s) ** 2
        sigma_rad = float(np.clip(np.sqrt(np.trace(body.rotation_P) / 3.0), 0.1, 0.5))
        starts = self._starts(observation, self._turned(observation, look, sigma_rad))
        fit = best_fit(view, observation.fresh_m, starts, 0.02, sigma_rad, (2, 6))
        self.fit = fit if fit.inliers > FITS else None
        return self.fit

    def _turned(self, observation: Observation, look: Look, sigma_rad: float) -> list[np.ndarray]:
        """Guesses (3, 3) at how it is turned, by the camera's frames between the looks."""
        body, view = self.body, self.body.shape.view()
        start_m, velocity = body.filter.before[:3], body.filter.before[3:]
        way = body.middle_seen(observation) - start_m
        R, rate, past_s = body.R_world_object, body.angular_velocity, 0.0
        frames = [g for g in look.glances if g.stream == 'camera']
        if (self._calm or 0.0) > CALM and np.linalg.norm(rate) * look.dt_s < SLOW_RAD:
            frames = []  # it goes on without turning
        for glance in sorted(frames, key=lambda g: -g.age_s):
            after_s = look.dt_s - glance.age_s
            if not AT_ONCE_S < after_s < look.dt_s - AT_ONCE_S:
                continue
            spots = [start_m + after_s * velocity, start_m + after_s / look.dt_s * way]
            turned = rotation_by(rate * (after_s - past_s)) @ R
            turns = [turned, R] if _angle(turned @ R.T) > SLOW_RAD else [R]
            own = around(glance, view, turns[0], spots)
            fit = laid(view, own, spots, turns, sigma_rad)
            if fit is not None and fit.inliers > FITS:
                now = fit.T_world_object[:3, :3]
                rate, R, past_s = rotation_vector(now @ R.T) / (after_s - past_s), now, after_s
        first = rotation_by(rate * (look.dt_s - past_s)) @ R
        others = [R, body.R_world_object] if past_s else [R]
        return [first, *(T for T in others if _angle(first @ T.T) > SLOW_RAD)]

    def _starts(self, observation: Observation, turns: list[np.ndarray]) -> list[np.ndarray]:
        """Guesses at the pose: going on as before, sliding to what is seen, and rolling there."""
        body, seen_m, R = self.body, self.body.middle_seen(observation), self.body.R_world_object
        starts = [make_transform(turns[0], body.filter.position_m)]
        starts += [make_transform(turn, seen_m) for turn in turns]
        way = seen_m - self._T_last[:3, 3]
        radius = 0.5 * body.extent_m[2]
        roll = np.array([-way[1], way[0], 0.0]) / max(radius, 0.01)
        if np.linalg.norm(roll) > 0.15:
            starts.append(make_transform(rotation_by(roll) @ R, seen_m))
        return starts

    def follow(self, observation: Observation, fit: Fit | None, look: Look, aloft: bool) -> None:
        """Take in what was seen; `aloft`: nothing carries it but what is not seen."""
        body, config, near_hand = self.body, self.body.config, self._at_hand(look)
        self.braked = 0.0
        body.wandered(LOST if fit is None else fit.inliers)
        if fit is None:
            sigma = np.hypot(config.position_sigma_m, UNSURE_SHARE * body.extent_m)
            body.filter.update(body.middle_seen(observation), np.diag(sigma**2))
        elif seen := self._places(observation, fit, look, near_hand):
            frictions = None if aloft or near_hand else self._frictions(fit, look)
            told = seen, self._calm, aloft, frictions, look.gravity_mps2
            self._calm, frictions = body.filter.follow(look.dt_s, *told)
            if frictions is not None:
                body.frictions, self.braked = frictions, 1.0 - float(frictions[0])
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


def _angle(R: np.ndarray) -> float:
    return float(np.linalg.norm(rotation_vector(R)))


def _same(before_m: np.ndarray, now_m: np.ndarray) -> bool:
    """Whether two views (N, 3) and (M, 3) are of the same surface at the same place."""
    few = now_m[:: max(1, len(now_m) // COARSE)]
    distance, _ = PointGrid(before_m, BOX_M).nearest(few)
    return float(np.percentile(distance, SAME_PERCENT)) < SAME_M
