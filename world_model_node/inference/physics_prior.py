"""Predict by plain physics with assumed properties: what stands in until dynamics are learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import inverse, transform_points
from sakiyomi.robot.hand_geometry import HandGeometry
from sakiyomi.scene import Gaussian, HandMotion, ObjectState, Prediction, Scene
from world_model_node.config import PredictionConfig
from world_model_node.inference.deceleration import MIN_MOVING_MPS, DecelerationEstimator
from world_model_node.inference.dynamics import ObjectBelief
from world_model_node.inference.grasp_physics import (
    find_grasp_step,
    grasp_hold_probability,
    gravito_inertial_acceleration,
)
from world_model_node.model.features.hand_observation import HandObservation
from world_model_node.model.hand_motion import sample_hand_motion
from world_model_node.tracking.motion_models import ballistic, slide

MIN_FLIGHT_CLEARANCE_M = 0.02
MIN_FLIGHT_MPS = 0.2
MIN_LIFT_M = 0.003
RELEASE_OPENING_M = 0.004  # the fingers let go when they have opened this much again
MAX_SHAPE_POINTS = 300


class PhysicsPrior:
    """Coulomb friction, ballistics and rigid grasps, with the braking of each object observed."""

    name = 'physics_prior'
    learned = False

    def __init__(self, config: PredictionConfig, hand: HandGeometry) -> None:
        self.config, self.hand = config, hand
        self.deceleration = DecelerationEstimator(config.gravity_mps2)

    def reset(self) -> None:
        """Forget every object's past speeds."""
        self.deceleration.reset()

    def observe(self, scene: Scene, hand: HandObservation | None = None) -> None:
        """Note the level speed of each visible object; what the hand does is not used."""
        self.deceleration.observe(scene)

    def beliefs(self) -> dict[int, ObjectBelief]:
        """None: the properties stay those of the scene."""
        return {}

    def roll_out(
        self, scene: Scene, stamps_s: np.ndarray, action: HandMotion | None
    ) -> tuple[Prediction, ...]:
        """One prediction per object, in the scene's order."""
        after_s = np.asarray(stamps_s, float) - scene.stamp_s
        hand = None if action is None else sample_hand_motion(action, after_s)
        predictions = []
        for state in scene.objects:
            free = self._predict_free(state, scene.table_height_m, after_s, stamps_s)
            if hand is None:
                predictions.append(self._predict_carried(free, state) if state.held else free)
            else:
                predictions.append(
                    self._predict_with_hand(
                        state, free, after_s, hand, action, scene.table_height_m
                    )
                )
        return tuple(predictions)

    def roll_out_batch(
        self, scene: Scene, stamps_s: np.ndarray, actions: Sequence[HandMotion | None]
    ) -> list[tuple[Prediction, ...]]:
        """One after the other."""
        return [self.roll_out(scene, stamps_s, action) for action in actions]

    def _predict_free(
        self, state: ObjectState, table_m: float, after_s: np.ndarray, stamps_s: np.ndarray
    ) -> Prediction:
        """The object left to itself; one in a hand keeps its twist."""
        v = state.twist[:3]
        deceleration_mps2 = Gaussian(0.0, 0.0) if state.held else self.deceleration.estimate(state)
        clearance = self._clearance(state, table_m)
        if state.held:
            shift, velocity = after_s[:, None] * v, np.tile(v, (len(after_s), 1))
        elif clearance > MIN_FLIGHT_CLEARANCE_M and np.linalg.norm(v) > MIN_FLIGHT_MPS:
            e, g = state.properties.restitution.mean, self.config.gravity_mps2
            shift, velocity = ballistic(v, clearance, e, deceleration_mps2.mean, g, after_s)
        else:
            shift, velocity = self._sliding_displacement(v, deceleration_mps2.mean, after_s)
        T = self._extrapolate_poses(state, shift, after_s)
        variance = self._position_variance(state, v, deceleration_mps2, clearance, after_s)
        return self._make_prediction(state, stamps_s, T, velocity, variance, after_s)

    @staticmethod
    def _clearance(state: ObjectState, table_m: float) -> float:
        if not len(state.points_m):
            return 0.0
        return float(transform_points(state.T_world_object, state.points_m)[:, 2].min()) - table_m

    @staticmethod
    def _sliding_displacement(
        v: np.ndarray, deceleration_mps2: float, after_s: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        horizontal = np.array([v[0], v[1], 0.0])
        speed = float(np.linalg.norm(horizontal))
        along, rate = slide(speed, deceleration_mps2, after_s)
        heading = horizontal / speed if speed > 1e-9 else np.zeros(3)
        return along[:, None] * heading, rate[:, None] * heading

    @staticmethod
    def _extrapolate_poses(
        state: ObjectState, shift: np.ndarray, after_s: np.ndarray
    ) -> np.ndarray:
        T = np.tile(state.T_world_object, (len(after_s), 1, 1))  # (H, 4, 4)
        T[:, :3, 3] += shift
        omega = state.twist[3:]
        if np.linalg.norm(omega) > 1e-6:
            T[:, :3, :3] = (
                Rotation.from_rotvec(after_s[:, None] * omega).as_matrix() @ T[:, :3, :3]
            )
        return T

    def _position_variance(
        self,
        state: ObjectState,
        v: np.ndarray,
        deceleration_mps2: Gaussian,
        clearance: float,
        after_s: np.ndarray,
    ) -> np.ndarray:
        """Growth (H,) [m^2] of the position variance: unsure speed, braking, the unmodelled."""
        speed = float(np.linalg.norm(v))
        sigma_v = float(np.sqrt(np.trace(state.twist_covariance[:3, :3]) / 3.0))
        moving = speed > MIN_MOVING_MPS
        if (clearance > MIN_FLIGHT_CLEARANCE_M and speed > MIN_FLIGHT_MPS) or state.held:
            speed_error_m, deceleration_error_m = sigma_v * after_s, np.zeros_like(after_s)
        else:
            distance_m = slide(speed, deceleration_mps2.mean, after_s)[0]
            speed_error_m = slide(speed + sigma_v, deceleration_mps2.mean, after_s)[0] - distance_m
            min_deceleration_mps2 = max(
                0.0, deceleration_mps2.mean - np.sqrt(deceleration_mps2.variance)
            )
            deceleration_error_m = slide(speed, min_deceleration_mps2, after_s)[0] - distance_m
        config = self.config
        unmodelled = config.process_sigma_mps2 if moving else config.rest_sigma_mps2
        growth = speed_error_m**2 + deceleration_error_m**2 + (0.5 * unmodelled * after_s**2) ** 2
        return np.maximum.accumulate(growth)

    def _make_prediction(
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
        rotation_variance = float(np.trace(state.twist_covariance[3:, 3:]) / 3.0) * after_s**2
        for axis in range(3):
            pose_covariance[:, axis, axis] += variance
            pose_covariance[:, 3 + axis, 3 + axis] += np.minimum(rotation_variance, np.pi**2 / 3.0)
            twist_covariance[:, axis, axis] += (self.config.process_sigma_mps2 * after_s) ** 2
        twist = np.hstack([velocity, np.tile(state.twist[3:], (h, 1))])
        zeros = np.zeros(h)
        return Prediction(
            state.id, stamps_s, T, pose_covariance, twist, twist_covariance, zeros, zeros.copy()
        )

    def _predict_carried(self, free: Prediction, state: ObjectState) -> Prediction:
        gravity = np.full(len(free.stamps_s), self.config.gravity_mps2)
        hold_probability = grasp_hold_probability(
            self.config.grip_force_n, gravity, np.zeros_like(gravity), state.properties
        )
        hold_probability = hold_probability * (1.0 - state.slip_probability)
        return _replace_poses(free, free.T_world_object, hold_probability, 1.0 - hold_probability)

    def _predict_with_hand(
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
        step = self._find_grasp_step(state, free, T_world_grasp, width)
        if step is None:
            return free
        if state.held:
            T_grasp_object = inverse(action.T_world_grasp[0]) @ state.T_world_object
        else:
            T_grasp_object = inverse(T_world_grasp[step]) @ free.T_world_object[step]
        T_held = T_world_grasp @ T_grasp_object  # (H, 4, 4)
        hold_probability = self._hold_probability(
            state, T_grasp_object, T_world_grasp, after_s, action.force_n
        )
        lifted = T_held[:, 2, 3] - T_held[step, 2, 3] > MIN_LIFT_M
        lifted |= state.held
        in_hand = (np.arange(len(after_s)) >= step) & (width < width[step] + RELEASE_OPENING_M)
        in_hand &= np.logical_and.accumulate(in_hand | (np.arange(len(after_s)) < step))
        held = np.where(in_hand, np.where(lifted, hold_probability, 1.0), 0.0)
        slip = np.where(in_hand & lifted, 1.0 - held, 0.0)
        T = np.where((held >= 0.5)[:, None, None], T_held, free.T_world_object)
        released = np.flatnonzero(~in_hand & (np.arange(len(after_s)) > step))
        if len(released) and held[released[0] - 1] >= 0.5:
            T = self._drop_poses(state, T, int(released[0]), after_s, table_m)
        outcome_variance = held * (1.0 - held)  # of two outcomes this far apart
        squared_separation_m2 = np.sum(
            (T_held[:, :3, 3] - free.T_world_object[:, :3, 3]) ** 2, axis=1
        )
        return _replace_poses(
            free, T, held, slip, outcome_variance * squared_separation_m2, after_s
        )

    def _find_grasp_step(
        self, state: ObjectState, free: Prediction, T_world_grasp: np.ndarray, width: np.ndarray
    ) -> int | None:
        if state.held:
            return 0
        if not len(state.points_m):
            return None
        points = state.points_m[:: max(1, len(state.points_m) // MAX_SHAPE_POINTS)]
        half_width_m = self.hand.closing_half_width_m
        return find_grasp_step(free.T_world_object, points, T_world_grasp, width, half_width_m)

    def _drop_poses(
        self, state: ObjectState, T: np.ndarray, step: int, after_s: np.ndarray, table_m: float
    ) -> np.ndarray:
        """The poses with those from `step` on replaced by a fall from where the hand let go."""
        start, config = T[step - 1], self.config
        velocity = np.zeros(3)
        if step > 1:
            interval_s = after_s[step - 1] - after_s[step - 2]
            velocity = (T[step - 1, :3, 3] - T[step - 2, :3, 3]) / interval_s
        clearance = float(transform_points(start, state.points_m)[:, 2].min()) - table_m
        fall, _ = ballistic(
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

    def _hold_probability(
        self,
        state: ObjectState,
        T_grasp_object: np.ndarray,
        T_world_grasp: np.ndarray,
        after_s: np.ndarray,
        force_n: float,
    ) -> np.ndarray:
        com = transform_points(T_grasp_object, state.properties.center_of_mass_m[None])[0]
        lever_arm_m = np.full(len(after_s), np.hypot(com[0], com[2]))
        acceleration_mps2 = gravito_inertial_acceleration(
            T_world_grasp, after_s, self.config.gravity_mps2
        )
        hold_probability = np.minimum.accumulate(
            grasp_hold_probability(force_n, acceleration_mps2, lever_arm_m, state.properties)
        )
        return hold_probability * (1.0 - state.slip_probability)


def _replace_poses(
    free: Prediction,
    T: np.ndarray,
    held: np.ndarray,
    slip: np.ndarray,
    outcome_variance_m2: np.ndarray | None = None,
    after_s: np.ndarray | None = None,
) -> Prediction:
    """`free` with other poses, the twist along them, and the doubt between two outcomes added."""
    covariance, twist = free.pose_covariance.copy(), free.twist.copy()
    if outcome_variance_m2 is not None:
        for axis in range(3):
            covariance[:, axis, axis] += outcome_variance_m2
    if after_s is not None and len(after_s) > 1:
        twist[:, :3] = np.gradient(T[:, :3, 3], after_s, axis=0)
    return Prediction(
        free.object_id, free.stamps_s, T, covariance, twist, free.twist_covariance, held, slip
    )
