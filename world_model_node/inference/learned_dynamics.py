"""The learned world model as dynamics: scenes to a belief, belief and actions to predictions."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from sakiyomi.errors import BadInputError
from sakiyomi.paths import share_dir
from sakiyomi.robot.hand_geometry import HandGeometry
from sakiyomi.scene import Gaussian, HandMotion, HiddenProperties, ObjectState, Prediction, Scene
from world_model_node.config import PredictionConfig
from world_model_node.inference.dynamics import Dynamics, ObjectBelief
from world_model_node.inference.engine import BeliefArrays, ImaginedArrays, WorldModelEngine
from world_model_node.inference.engine_selection import make_engine
from world_model_node.inference.physics_prior import PhysicsPrior
from world_model_node.model.card import read_card
from world_model_node.model.dimensions import FRAME_S, MAX_OBJECTS, NUM_FRAMES, NUM_STEPS, STEP_S
from world_model_node.model.features.hand_features import encode_action
from world_model_node.model.features.hand_observation import HandObservation
from world_model_node.model.features.input_window import FramedWindow, build_window
from world_model_node.model.features.scene_observation import SceneObservation
from world_model_node.model.features.touch_ablation import TouchAblation
from world_model_node.model.grasp_success.apply_grasp_success import apply_grasp_success
from world_model_node.model.grasp_success.classifier import (
    GraspSuccessClassifier,
    load_grasp_success,
)
from world_model_node.model.physics.active_contacts import active_contacts

MAX_HISTORY = 4 * NUM_FRAMES  # scenes kept, should they come faster than 10 Hz
PADDED_OBJECT_COUNTS = (1, 2, 4, MAX_OBJECTS)  # of the network's arrays: few shapes occur
STEP_TIMES_S = STEP_S * np.arange(NUM_STEPS + 1)
MAX_BATCH_ACTIONS = 64  # of one call of the network: bounds its memory
HAND_VELOCITY_WINDOW_S = 0.25  # over which the hand's velocity is measured
log = logging.getLogger(__name__)


class LearnedDynamics:
    """Watches scenes and imagines with a network; what it has no room for goes by plain physics.

    Args:
        engine: Runs the network.
        config: Of the physics prior, for objects beyond `MAX_OBJECTS` or without a shape.
        hand: Of the physics prior.
        touch: Whether the network may know what was felt; as it was trained.
        grasp_success: Of a closing hand; None: held is what the network imagines.
    """

    learned = True

    def __init__(
        self,
        engine: WorldModelEngine,
        config: PredictionConfig,
        hand: HandGeometry,
        touch: bool = True,
        grasp_success: GraspSuccessClassifier | None = None,
    ) -> None:
        self.engine, self.grasp_success = engine, grasp_success
        self.name = f'world_model {engine.name}{"" if grasp_success else ", holds not judged"}'
        self.prior = PhysicsPrior(config, hand)
        self._touch_ablation = None if touch else TouchAblation(config)
        self._history: deque[SceneObservation] = deque(maxlen=MAX_HISTORY)
        self.reset()

    def reset(self) -> None:
        """Forget everything that was watched."""
        self.prior.reset()
        if self._touch_ablation is not None:
            self._touch_ablation.reset()
        self._history.clear()
        self._framed: FramedWindow | None = None
        self._belief: BeliefArrays | None = None
        self._expected_predictions: dict[int, Prediction] = {}
        self._surprise: dict[int, float] = {}

    def observe(self, scene: Scene, hand: HandObservation | None = None) -> None:
        """Take in the newest scene and what the hand does and feels."""
        self.prior.observe(scene)
        if self._history and scene.stamp_s <= self._history[-1].stamp_s:
            self._history.pop()
        self._surprise = {s.id: self._compute_surprise(s) for s in scene.objects}
        observed = (
            scene.stamp_s,
            scene.objects,
            scene.table_height_m,
            hand,
            scene.belt_velocity_mps,
        )
        now = SceneObservation(*observed)
        self._history.append(
            now if self._touch_ablation is None else self._touch_ablation.without_touch(now)
        )
        count = min(len(scene.objects), MAX_OBJECTS)
        self._framed = self._belief = None
        if count:
            self._framed = build_window(
                self._history, next(s for s in PADDED_OBJECT_COUNTS if s >= count)
            )
            self._belief = self.engine.update(self._framed.window)

    def beliefs(self) -> dict[int, ObjectBelief]:
        """Hidden properties and surprise, by id."""
        if self._framed is None:
            return {}
        return {
            object_id: ObjectBelief(
                _make_properties(self._belief.properties[row]), self._surprise.get(object_id, 0.0)
            )
            for row, object_id in enumerate(self._framed.ids)
            if np.isfinite(self._belief.properties[row]).all()
        }

    def roll_out(
        self, scene: Scene, stamps_s: np.ndarray, action: HandMotion | None
    ) -> tuple[Prediction, ...]:
        """One prediction per object, in the scene's order."""
        (predictions,) = self.roll_out_batch(scene, stamps_s, (action,))
        if action is None:
            self._expected_predictions = {p.object_id: p for p in predictions}
        return predictions

    def roll_out_batch(
        self, scene: Scene, stamps_s: np.ndarray, actions: Sequence[HandMotion | None]
    ) -> list[tuple[Prediction, ...]]:
        """All actions in one batch of the network, `MAX_BATCH_ACTIONS` at a time."""
        stamps_s, found = np.asarray(stamps_s, float), []
        for start in range(0, len(actions), MAX_BATCH_ACTIONS):
            some = actions[start : start + MAX_BATCH_ACTIONS]
            for action, own in zip(some, self._imagine(scene, stamps_s, some), strict=True):
                if len(own) < len(scene.objects):
                    others = self.prior.roll_out(scene, stamps_s, action)
                    own = {p.object_id: p for p in others} | own
                if action is not None and self.grasp_success is not None:
                    own |= self._apply_grasp_success(own, action, scene)
                found.append(tuple(own[state.id] for state in scene.objects))
        return found

    def _apply_grasp_success(
        self, imagined: dict[int, Prediction], action: HandMotion, scene: Scene
    ) -> dict[int, Prediction]:
        """What the network says, where the surface has a say in what is going to be held."""
        return {
            s.id: apply_grasp_success(imagined[s.id], action, s, scene.stamp_s, self.grasp_success)
            for s in scene.objects
        }

    def _imagine(
        self, scene: Scene, stamps_s: np.ndarray, actions: Sequence[HandMotion | None]
    ) -> list[dict[int, Prediction]]:
        """Of every action, what the network says of the objects that it knows."""
        if self._framed is None:
            return [{} for _ in actions]
        framed, rows = self.network_inputs(actions)
        hand_acts = self._history[-1].hand is not None or any(a is not None for a in actions)
        active = active_contacts(framed.window, rows, hand_acts)
        imagined = self.engine.imagine(self._belief, framed.window, rows, active)
        return [
            self._keep_finite(
                {
                    object_id: _make_prediction(
                        object_id, imagined, which, row, scene, framed.T_world_frame, stamps_s
                    )
                    for row, object_id in enumerate(framed.ids)
                }
            )
            for which in range(len(actions))
        ]

    def network_inputs(
        self, actions: Sequence[HandMotion | None]
    ) -> tuple[FramedWindow, np.ndarray]:
        """The network's inputs: the window and the hand (B, NUM_STEPS + 1, ACTION_SIZE).

        There is nothing to ask before any object was watched.
        """
        hand, velocity, T = (
            self._history[-1].hand,
            self._hand_velocity(),
            self._framed.T_world_frame,
        )
        return self._framed, np.stack([encode_action(a, hand, T, velocity) for a in actions])

    @staticmethod
    def _keep_finite(found: dict[int, Prediction]) -> dict[int, Prediction]:
        kept = {k: p for k, p in found.items() if _is_finite(p)}
        for object_id in found.keys() - kept.keys():
            log.warning('object %d: the network gave no finite prediction', object_id)
        return kept

    def _hand_velocity(self) -> np.ndarray:
        """Of the newest moments (3,) m/s; zero where they are not known."""
        now = self._history[-1]
        before = [
            i
            for i in self._history
            if i.hand is not None and 0.0 < now.stamp_s - i.stamp_s < HAND_VELOCITY_WINDOW_S
        ]
        if now.hand is None or not before:
            return np.zeros(3)
        gap = now.hand.T_world_grasp[:3, 3] - before[0].hand.T_world_grasp[:3, 3]
        return gap / max(now.stamp_s - before[0].stamp_s, 0.5 * FRAME_S)

    def _compute_surprise(self, state: ObjectState) -> float:
        """How many sigmas, over the three axes, it is from where it was expected."""
        expected = self._expected_predictions.get(state.id)
        if expected is None or not state.visible:
            return 0.0
        if not expected.stamps_s[0] <= state.stamp_s <= expected.stamps_s[-1]:
            return 0.0
        step = int(np.argmin(np.abs(expected.stamps_s - state.stamp_s)))
        gap = state.T_world_object[:3, 3] - expected.T_world_object[step, :3, 3]
        covariance = expected.pose_covariance[step, :3, :3] + state.pose_covariance[:3, :3]
        return float(np.sqrt(gap @ np.linalg.solve(covariance, gap) / 3.0))


def _make_properties(rows: np.ndarray) -> HiddenProperties:
    mass, friction, restitution = (Gaussian(float(m), float(v)) for m, v in rows[:3])
    return HiddenProperties(
        mass, friction, restitution, rows[3:, 0].astype(float), np.diag(rows[3:, 1].astype(float))
    )


def _is_finite(p: Prediction) -> bool:
    return bool(np.isfinite(p.T_world_object).all() and np.isfinite(p.pose_covariance).all())


def _make_prediction(
    object_id: int,
    imagined: ImaginedArrays,
    which: int,
    row: int,
    scene: Scene,
    T_world_frame: np.ndarray,
    stamps_s: np.ndarray,
) -> Prediction:
    """One action's future of one object in the world frame, at the stamps.

    Between steps it is interpolated; beyond the network's horizon it stays as it is there.
    """
    R_world_frame = T_world_frame[:3, :3]
    state = scene.objects[[s.id for s in scene.objects].index(object_id)]
    t = np.clip(stamps_s - scene.stamp_s, 0.0, STEP_TIMES_S[-1])
    position = imagined.position[which, row].astype(float) @ R_world_frame.T + T_world_frame[:3, 3]
    position = np.vstack([state.T_world_object[:3, 3], position])
    q = imagined.rotation[which, row].astype(float)[:, [1, 2, 3, 0]]
    rotations = R_world_frame @ Rotation.from_quat(q).as_matrix()
    rotations = np.concatenate([state.T_world_object[None, :3, :3], rotations])
    T = np.tile(np.eye(4), (len(t), 1, 1))
    T[:, :3, :3] = Slerp(STEP_TIMES_S, Rotation.from_matrix(rotations))(t).as_matrix()
    T[:, :3, 3] = _interpolate_steps(position, t)
    both = np.kron(np.eye(2), R_world_frame)
    covariance = both @ imagined.covariance[which, row].astype(float) @ both.T
    covariance = _interpolate_steps(np.concatenate([state.pose_covariance[None], covariance]), t)
    twist = imagined.twist[which, row].astype(float).reshape(-1, 2, 3) @ R_world_frame.T
    twist = _interpolate_steps(np.vstack([state.twist, twist.reshape(-1, 6)]), t)
    variance = np.repeat(imagined.twist_variance[which, row].astype(float), 3, axis=1)
    twist_covariance = np.concatenate(
        [state.twist_covariance[None], variance[:, None] * np.eye(6)]
    )
    held = np.concatenate([[float(state.held)], imagined.held[which, row]])
    slip = np.concatenate([[state.slip_probability], imagined.slip[which, row]])
    return Prediction(
        object_id,
        stamps_s,
        T,
        covariance,
        twist,
        _interpolate_steps(twist_covariance, t),
        np.clip(_interpolate_steps(held, t), 0.0, 1.0),
        np.clip(_interpolate_steps(slip, t), 0.0, 1.0),
    )


def _interpolate_steps(values: np.ndarray, t: np.ndarray) -> np.ndarray:
    """`values` (NUM_STEPS + 1, ...) at times (T,) [s], linearly. Shape (T, ...)."""
    position = t / STEP_S
    low = np.minimum(position.astype(int), NUM_STEPS - 1)
    share = (position - low).reshape(-1, *[1] * (values.ndim - 1))
    return values[low] * (1.0 - share) + values[low + 1] * share


def make_dynamics(
    requested: str,
    config: PredictionConfig,
    hand: HandGeometry,
    folder: Path | None = None,
    engine: str = 'auto',
) -> Dynamics:
    """The dynamics of that name; plain physics, and a warning, where no model can be used.

    Args:
        requested: 'learned' or 'physics_prior'.
        config: Of the prior.
        hand: Of the prior.
        folder: With the weights; None: those that are shipped.
        engine: That runs the network, as in `make_engine`.
    """
    if requested == 'physics_prior':
        return PhysicsPrior(config, hand)
    folder = folder or share_dir('models')
    try:
        card = read_card(folder)  # before any engine is tried, for nothing if there are no weights
        made = make_engine(engine, folder)
    except BadInputError as error:
        log.warning('%s; the physics prior predicts instead', error)
        return PhysicsPrior(config, hand)
    return LearnedDynamics(made, config, hand, card.config.touch, _load_default_grasp_success())


def _load_default_grasp_success() -> GraspSuccessClassifier | None:
    try:
        return load_grasp_success(share_dir('models'))
    except BadInputError as error:
        log.warning('%s; what a closing hand will hold is not judged by the surface', error)
        return None
