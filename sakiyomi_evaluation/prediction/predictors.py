"""What predicts an episode's future from what was watched: any dynamics, and what it must beat."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import inverse, twist_at
from sakiyomi.scene import ObjectState
from sakiyomi_data.episodes.layout import (
    NUM_PLAN_STEPS,
    SAMPLE_PERIOD_S,
    T0_FRAME,
    T0_SAMPLE,
    Episode,
)
from sakiyomi_data.episodes.scene_columns import read_action, read_scenes
from sakiyomi_data.episodes.truth_columns import true_centers
from sakiyomi_data.rollouts.hull_simulator import HullSimulator, RolloutBody
from sakiyomi_training.world_model.examples.episode_hand import hand_observation_at
from simulation_node.bodies.physical_properties import PhysicalProperties
from simulation_node.objects.hulls import fit_between_pads, rest_on_table
from simulation_node.objects.meshes import Shape
from simulation_node.objects.object_files import volume_and_center
from world_model_node.inference.dynamics import Dynamics

TIMES_S = SAMPLE_PERIOD_S * np.arange(1, NUM_PLAN_STEPS)  # (H,) from t0
NEAR_TABLE_M, MIN_FALL_SPEED_MPS = 0.02, 0.3
NOMINAL = {
    'mass_kg': 0.2,
    'friction': 0.5,
    'rolling_friction_m': 1e-4,
    'spinning_friction_m': 1e-4,
    'restitution': 0.1,
}


@dataclass(frozen=True)
class PredictedMotion:
    """One object's predicted motion; the start is where it was believed to be at t0."""

    R_start: np.ndarray  # (3, 3)
    T_world_object: np.ndarray  # (H, 4, 4)
    position_covariance: np.ndarray | None = None  # (H, 3, 3); None: it does not say


class Predictor(Protocol):
    """Anything that predicts."""

    name: str

    def predict(self, episode: Episode) -> dict[int, PredictedMotion]:
        """The future of each object that has a track at t0, by the track's id."""


class DynamicsPredictor:
    """Dynamics that watch the episode's scenes one by one."""

    def __init__(self, dynamics: Dynamics, name: str | None = None) -> None:
        self.dynamics, self.name = dynamics, name or dynamics.name

    def predict(self, episode: Episode) -> dict[int, PredictedMotion]:
        """Roll out from the last scene that was watched."""
        scenes = read_scenes(episode, T0_FRAME + 1)
        self.dynamics.reset()
        for frame, scene in enumerate(scenes):
            self.dynamics.observe(scene, hand_observation_at(episode, frame))
        now = scenes[-1]
        predictions = self.dynamics.roll_out(now, now.stamp_s + TIMES_S, read_action(episode))
        starts = {state.id: state.T_world_object[:3, :3] for state in now.objects}
        return {
            p.object_id: PredictedMotion(
                starts[p.object_id], p.T_world_object, p.pose_covariance[:, :3, :3]
            )
            for p in predictions
        }


class ConstantTwist:
    """Everything goes on as it moves."""

    name = 'constant_twist'

    def predict(self, episode: Episode) -> dict[int, PredictedMotion]:
        """Straight on, turning evenly."""
        return {s.id: _constant_twist(s) for s in read_scenes(episode, T0_FRAME + 1)[-1].objects}


class OracleLevel(Enum):
    """What PyBullet is told of the truth."""

    NOTHING = 'pybullet_nominal'
    PROPERTIES = 'pybullet_true'  # mass, frictions, restitution and centre of mass
    STATE = 'pybullet_true_state'  # these, place and twist: only the shape is as it was seen


class PyBulletPredictor:
    """PyBullet from the observed state: convex hulls of the points, tracked poses and twists.

    Hulls are set on the table and cut where they reach into the hand; the belt's speed is known.

    Args:
        world: the engine.
        oracle: what of the truth; with nothing properties are nominal.
    """

    def __init__(self, world: HullSimulator, oracle: OracleLevel) -> None:
        self.name, self._world, self._oracle = oracle.value, world, oracle

    def predict(self, episode: Episode) -> dict[int, PredictedMotion]:
        """All tracked objects at once, with the hand's motion where there is one."""
        scene = read_scenes(episode, T0_FRAME + 1)[-1]
        if not scene.objects:
            return {}
        bodies = [self._body(episode, s, scene.table_height_m) for s in scene.objects]
        poses = self._world.roll_out(
            bodies, TIMES_S, read_action(episode), _hand_now(episode), belt_velocity(episode)
        )
        return {
            s.id: PredictedMotion(s.T_world_object[:3, :3], poses[:, row])
            for row, s in enumerate(scene.objects)
        }

    def _body(self, episode: Episode, state: ObjectState, table_m: float) -> RolloutBody:
        if self._oracle is OracleLevel.STATE:
            state = _true_state(episode, state)
        points, T = state.points_m.astype(float), state.T_world_object
        if state.held:
            pressed = episode['hand/pad_contact'][T0_SAMPLE]
            contacts = episode['hand/pad_point_m'][T0_SAMPLE][pressed].astype(float)
            points = fit_between_pads(points, T, *_hand_now(episode), contacts)
        elif abs(state.twist[2]) < MIN_FALL_SPEED_MPS:
            points, T = rest_on_table(points, T, table_m, NEAR_TABLE_M)
        body = nominal_body(points, T, state.twist, state.held)
        properties = None if self._oracle is OracleLevel.NOTHING else _true_hidden(episode, state)
        return body if properties is None else replace(body, properties=properties)


def nominal_body(
    points_m: np.ndarray, T: np.ndarray, twist: np.ndarray, held: bool
) -> RolloutBody:
    """A hull with nominal properties, its centre of mass in its middle."""
    shape = Shape(points_m.astype(np.float32), np.zeros((0, 3), np.uint32), None)
    properties = PhysicalProperties(center_of_mass_m=volume_and_center(shape)[1], **NOMINAL)
    return RolloutBody(points_m, T, twist, properties, held)


def belt_velocity(episode: Episode) -> np.ndarray | None:
    """How the table's surface runs at t0, which a robot's cell is told; None where it is still."""
    velocity = episode['truth/belt_mps'][T0_SAMPLE].astype(float)
    return velocity if np.isfinite(velocity).all() and velocity.any() else None


def _hand_now(episode: Episode) -> tuple[np.ndarray, float]:
    T_world_grasp = episode['hand/T_world_grasp'][T0_SAMPLE].astype(float)
    return T_world_grasp, float(episode['hand/finger_width_m'][T0_SAMPLE])


def _constant_twist(state: ObjectState) -> PredictedMotion:
    T = np.tile(state.T_world_object, (len(TIMES_S), 1, 1))
    T[:, :3, 3] += TIMES_S[:, None] * state.twist[:3]
    turns = Rotation.from_rotvec(TIMES_S[:, None] * state.twist[3:]).as_matrix()
    T[:, :3, :3] = turns @ T[:, :3, :3]
    return PredictedMotion(state.T_world_object[:3, :3], T)


def _true_row(episode: Episode, state: ObjectState) -> int | None:
    """Of the object whose track this is; None where it is nobody's."""
    slots = episode['truth/slot']
    rows = np.flatnonzero((slots >= 0) & (episode['frames/id'][slots] == state.id))
    return int(rows[0]) if len(rows) else None


def _true_state(episode: Episode, state: ObjectState) -> ObjectState:
    """The track where its object is at t0, and moving as that does."""
    row = _true_row(episode, state)
    if row is None:
        return state
    T, center = state.T_world_object.copy(), true_centers(episode)[T0_SAMPLE, row]
    twist = episode['truth/twist'][T0_SAMPLE, row].astype(float)
    arm = center - episode['truth/T_world_object'][T0_SAMPLE, row, :3, 3]
    T[:3, 3] = center
    return replace(state, T_world_object=T, twist=twist_at(twist, arm))


def _true_hidden(episode: Episode, state: ObjectState) -> PhysicalProperties | None:
    """The properties of the object whose track this is; None where it is nobody's."""
    row = _true_row(episode, state)
    if row is None:
        return None
    center = episode['truth/T_world_object'][T0_SAMPLE, row].astype(float) @ [
        *episode['truth/center_of_mass_m'][row],
        1.0,
    ]
    return PhysicalProperties(
        center_of_mass_m=(inverse(state.T_world_object) @ center)[:3],
        **{key: float(episode[f'truth/{key}'][row]) for key in NOMINAL},
    )
