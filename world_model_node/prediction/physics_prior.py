"""Predict by plain physics with assumed properties: what stands in until dynamics are learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import inverse, transform_points
from sakiyomi.scene import Gaussian, HandMotion, ObjectState, Prediction, Scene
from world_model_node.config import PredictionConfig
from world_model_node.model.watched.hand_sense import HandSense
from world_model_node.prediction.braking import MOVING_MPS, Braking
from world_model_node.prediction.dynamics import ObjectBelief
from world_model_node.prediction.free_motion import fly, slide
from world_model_node.prediction.grip import first_catch, hand_load, hold_probability
from world_model_node.prediction.hand_motion import sample

CLEARANCE_M = 0.02
FLYING_MPS = 0.2
LIFTED_M = 0.003
OPENED_M = 0.004  # the fingers let go when they have opened this much again
MAX_POINTS = 300


class PhysicsPrior:
    """Coulomb friction, ballistics and rigid grasps, with the braking of each object observed."""

    name = 'physics_prior'
    learned = False

    def __init__(self, config: PredictionConfig) -> None:
        self.config = config
        self.braking = Braking(config.gravity_mps2)

    def reset(self) -> None:
        """Forget every object's past speeds."""
        self.braking.reset()

    def observe(self, scene: Scene, hand: HandSense | None = None) -> None:
        """Note the level speed of each visible object; what the hand does is not used."""
        self.braking.observe(scene)

    def beliefs(self) -> dict[int, ObjectBelief]:
        """None: the properties stay those of the scene."""
        return {}

    def roll_out(
        self, scene: Scene, stamps_s: np.ndarray, action: HandMotion | None
    ) -> tuple[Prediction, ...]:
        """One prediction per object, in the scene's order."""
        after_s = np.asarray(stamps_s, float) - scene.stamp_s
        hand = None if action is None else sample(action, after_s)
        predictions = []
        for state in scene.objects:
            free = self._free(state, scene.table_height_m, after_s, stamps_s)
            if hand is None:
                predictions.append(self._as_held(free, state) if state.held else free)
            else:
                predictions.append(
                    self._with_hand(state, free, after_s, hand, action, scene.table_height_m)
                )
        return tuple(predictions)

    def roll_out_all(
        self, scene: Scene, stamps_s: np.ndarray, actions: Sequence[HandMotion | None]
    ) -> list[tuple[Prediction, ...]]:
        """One after the other."""
        return [self.roll_out(scene, stamps_s, action) for action in actions]

    def _free(
        self, state: ObjectState, table_m: float, after_s: np.ndarray, stamps_s: np.ndarray
    ) -> Prediction:
        """The object left to itself; one in a hand keeps its twist."""
        v = state.twist[:3]
        brake = Gaussian(0.0, 0.0) if state.held else self.braking.of(state)
        clearance = self._clearance(state, table_m)
        if state.held:
            shift, velocity = after_s[:, None] * v, np.tile(v, (len(after_s), 1))
        elif clearance > CLEARANCE_M and np.linalg.norm(v) > FLYING_MPS:
            e, g = state.properties.restitution.mean, self.config.gravity_mps2
            shift, velocity = fly(v, clearance, e, brake.mean, g, after_s)
        else:
            shift, velocity = self._slid(v, brake.mean, after_s)
        T = self._poses(state, shift, after_s)
        variance = self._spread(state, v, brake, clearance, after_s)
        return self._prediction(state, stamps_s, T, velocity, variance, after_s)

    @staticmethod
    def _clearance(state: ObjectState, table_m: float) -> float:
        if not len(state.points_m):
            return 0.0
        return float(transform_points(state.T_world_object, state.points_m)[:, 2].min()) - table_m

    @staticmethod
    def _slid(v: np.ndarray, brake: float, after_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        level = np.array([v[0], v[1], 0.0])
        speed = float(np.linalg.norm(level))
        along, rate = slide(speed, brake, after_s)
        heading = level / speed if speed > 1e-9 else np.zeros(3)
        return along[:, None] * heading, rate[:, None] * heading

    @staticmethod
    def _poses(state: ObjectState, shift: np.ndarray, after_s: np.ndarray) -> np.ndarray:
        T = np.tile(state.T_world_object, (len(after_s), 1, 1))  # (H, 4, 4)
        T[:, :3, 3] += shift
        omega = state.twist[3:]
        if np.linalg.norm(omega) > 1e-6:
            T[:, :3, :3] = (
                Rotation.from_rotvec(after_s[:, None] * omega).as_matrix() @ T[:, :3, :3]
            )
        return T

    def _spread(
        self,
        state: ObjectState,
        v: np.ndarray,
        brake: Gaussian,
        clearance: float,
        after_s: np.ndarray,
    ) -> np.ndarray:
        """Growth (H,) [m^2] of the position variance: unsure speed, braking, the unmodelled."""
        speed = float(np.linalg.norm(v))
        sigma_v = float(np.sqrt(np.trace(state.twist_covariance[:3, :3]) / 3.0))
        moving = speed > MOVING_MPS
        if (clearance > CLEARANCE_M and speed > FLYING_MPS) or state.held:
            by_speed, by_brake = sigma_v * after_s, np.zeros_like(after_s)
        else:
            here = slide(speed, brake.mean, after_s)[0]
            by_speed = slide(speed + sigma_v, brake.mean, after_s)[0] - here
            softer = max(0.0, brake.mean - np.sqrt(brake.variance))
            by_brake = slide(speed, softer, after_s)[0] - here
        config = self.config
        unmodelled = config.process_sigma_mps2 if moving else config.rest_sigma_mps2
        growth = by_speed**2 + by_brake**2 + (0.5 * unmodelled * after_s**2) ** 2
        return np.maximum.accumulate(growth)

    def _prediction(
        self,
        state: ObjectState,
        stamps_s: np.ndarray,
        T: np.ndarray,
        velocity: np.ndarray,
        variance: np.ndarray,
        after_s: np.ndarray,
    ) -> Prediction:
        h = len(after_s)
        pose_covariance = np.tile(state.pose_covariance, (h, 1, 1))
        twist_covariance = np.tile(state.twist_covariance, (h, 1, 1))
        turn = float(np.trace(state.twist_covariance[3:, 3:]) / 3.0) * after_s**2
        for axis in range(3):
            pose_covariance[:, axis, axis] += variance
            pose_covariance[:, 3 + axis, 3 + axis] += np.minimum(turn, np.pi**2 / 3.0)
            twist_covariance[:, axis, axis] += (self.config.process_sigma_mps2 * after_s) ** 2
        twist = np.hstack([velocity, np.tile(state.twist[3:], (h, 1))])
        none = np.zeros(h)
        return Prediction(
            state.id, stamps_s, T, pose_covariance, twist, twist_covariance, none, none.copy()
        )

    def _as_held(self, free: Prediction, state: ObjectState) -> Prediction:
        gravity = np.full(len(free.stamps_s), self.config.gravity_mps2)
        hold = hold_probability(
            self.config.grip_force_n, gravity, np.zeros_like(gravity), state.properties
        )
        hold = hold * (1.0 - state.slip_probability)
        return _replaced(free, free.T_world_object, hold, 1.0 - hold)

    def _with_hand(
        self,
        state: ObjectState,
        free: Prediction,
        after_s: np.ndarray,
        hand: tuple[np.ndarray, np.ndarray],
        action: HandMotion,
        table_m: float,
    ) -> Prediction:
        """The object where the hand catches it, or still holds it; else left to itself."""
        T_world_grasp, width = hand
        step = self._caught_at(state, free, T_world_grasp, width)
        if step is None:
            return free
        if state.held:
            T_grasp_object = inverse(action.T_world_grasp[0]) @ state.T_world_object
        else:
            T_grasp_object = inverse(T_world_grasp[step]) @ free.T_world_object[step]
        T_held = T_world_grasp @ T_grasp_object  # (H, 4, 4)
        hold = self._hold(state, T_grasp_object, T_world_grasp, after_s, action.force_n)
        lifted = T_held[:, 2, 3] - T_held[step, 2, 3] > LIFTED_M
        lifted |= state.held
        in_hand = (np.arange(len(after_s)) >= step) & (width < width[step] + OPENED_M)
        in_hand &= np.logical_and.accumulate(in_hand | (np.arange(len(after_s)) < step))
        held = np.where(in_hand, np.where(lifted, hold, 1.0), 0.0)
        slip = np.where(in_hand & lifted, 1.0 - held, 0.0)
        T = np.where((held >= 0.5)[:, None, None], T_held, free.T_world_object)
        let_go = np.flatnonzero(~in_hand & (np.arange(len(after_s)) > step))
        if len(let_go) and held[let_go[0] - 1] >= 0.5:
            T = self._dropped(state, T, int(let_go[0]), after_s, table_m)
        doubt = held * (1.0 - held)  # of two outcomes this far apart
        apart = np.sum((T_held[:, :3, 3] - free.T_world_object[:, :3, 3]) ** 2, axis=1)
        return _replaced(free, T, held, slip, doubt * apart, after_s)

    @staticmethod
    def _caught_at(
        state: ObjectState, free: Prediction, T_world_grasp: np.ndarray, width: np.ndarray
    ) -> int | None:
        if state.held:
            return 0
        if not len(state.points_m):
            return None
        points = state.points_m[:: max(1, len(state.points_m) // MAX_POINTS)]
        return first_catch(free.T_world_object, points, T_world_grasp, width)

    def _dropped(
        self, state: ObjectState, T: np.ndarray, step: int, after_s: np.ndarray, table_m: float
    ) -> np.ndarray:
        """The poses with those from `step` on replaced by a fall from where the hand let go."""
        start, config = T[step - 1], self.config
        velocity = np.zeros(3)
        if step > 1:
            interval_s = after_s[step - 1] - after_s[step - 2]
            velocity = (T[step - 1, :3, 3] - T[step - 2, :3, 3]) / interval_s
        clearance = float(transform_points(start, state.points_m)[:, 2].min()) - table_m
        fall, _ = fly(
            velocity,
            clearance,
            state.properties.restitution.mean,
            state.properties.friction.mean * config.gravity_mps2,
            config.gravity_mps2,
            after_s[step:] - after_s[step - 1],
        )
        T = T.copy()
        T[step:] = start
        T[step:, :3, 3] += fall
        return T

    def _hold(
        self,
        state: ObjectState,
        T_grasp_object: np.ndarray,
        T_world_grasp: np.ndarray,
        after_s: np.ndarray,
        force_n: float,
    ) -> np.ndarray:
        com = transform_points(T_grasp_object, state.properties.center_of_mass_m[None])[0]
        arm = np.full(len(after_s), np.hypot(com[0], com[2]))
        load = hand_load(T_world_grasp, after_s, self.config.gravity_mps2)
        hold = np.minimum.accumulate(hold_probability(force_n, load, arm, state.properties))
        return hold * (1.0 - state.slip_probability)


def _replaced(
    free: Prediction,
    T: np.ndarray,
    held: np.ndarray,
    slip: np.ndarray,
    doubt_m2: np.ndarray | None = None,
    after_s: np.ndarray | None = None,
) -> Prediction:
    """`free` with other poses, the twist along them, and the doubt between two outcomes added."""
    covariance, twist = free.pose_covariance.copy(), free.twist.copy()
    if doubt_m2 is not None:
        for axis in range(3):
            covariance[:, axis, axis] += doubt_m2
    if after_s is not None and len(after_s) > 1:
        twist[:, :3] = np.gradient(T[:, :3, 3], after_s, axis=0)
    return Prediction(
        free.object_id, free.stamps_s, T, covariance, twist, free.twist_covariance, held, slip
    )
