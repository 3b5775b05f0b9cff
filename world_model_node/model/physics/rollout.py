"""Rollout of sampled bodies under hand motions, H steps as one static graph.

Known physics (gravity, the table, fingers, grasps, contacts between bodies) is computed; a small
network corrects the twist once per 50 ms.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sakiyomi.robot.hand_geometry import TrainedHandShape
from world_model_node.model.algebra.vectors import cross, length
from world_model_node.model.belief import Belief, ModelInput
from world_model_node.model.contact.body_state import MotionState
from world_model_node.model.contact.external_contact import ExternalContacts
from world_model_node.model.contact.grasp_contact import GraspContact, GraspCoupling
from world_model_node.model.contact.hand_contact import HandContact, HandKinematics
from world_model_node.model.contact.hand_trajectory import hand_at_substep, interpolate_hand
from world_model_node.model.contact.object_contact import ContactImpulse, ObjectContact
from world_model_node.model.contact.rolling_resistance import RollingResistance
from world_model_node.model.dimensions import NUM_STEPS, STEP_S
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.physics.active_contacts import ActiveContacts
from world_model_node.model.physics.contact_step import ContactStep
from world_model_node.model.physics.correction_features import (
    NUM_RESIDUAL_FEATURES,
    correction_features,
)
from world_model_node.model.physics.physics_config import PhysicsConfig
from world_model_node.model.physics.rollout_setup import RolloutContext, initialize_rollout
from world_model_node.model.state_posterior import StateSample

ALL_CONTACTS = ActiveContacts()
CONTEXT_SIZE = 8  # features of belief and shape that the correction reads


class RolloutSamples(NamedTuple):
    """Sampled futures of N = E * B * K * n bodies over H steps."""

    position: Tensor  # (H, 3, N) of the tracked origin
    rotation: Tensor  # (H, 4, N)
    velocity: Tensor  # (H, 3, N) of the tracked origin
    spin: Tensor  # (H, 3, N) world frame
    held: Tensor  # (H, 1, N)
    slipping: Tensor  # (H, 1, N)


class Rollout(nn.Module):
    """H steps of 50 ms of contact physics and learned correction."""

    def __init__(
        self, config: ModelConfig, hand: TrainedHandShape, physics: PhysicsConfig
    ) -> None:
        super().__init__()
        self.config = physics
        self.substeps, self.physics = config.substeps, config.physics
        h = STEP_S / config.substeps
        self.h = h
        contacts = physics.contacts
        self.contact_step = ContactStep(h, contacts.external)
        self.rolling = RollingResistance(h, contacts.rolling_distance_m)
        self.hand_contact = HandContact(h, hand, contacts.hand)
        self.grasp_contact = GraspContact(h, hand, contacts.grasp)
        self.object_contact = ObjectContact(h, contacts.objects)
        self.context = nn.Linear(config.hidden + config.embedding, CONTEXT_SIZE)
        width = NUM_RESIDUAL_FEATURES + CONTEXT_SIZE + config.latent
        self.residual = nn.Sequential(
            nn.Linear(width, config.residual),
            nn.GELU(),
            nn.Linear(config.residual, config.residual),
            nn.GELU(),
            nn.Linear(config.residual, 6),
        )
        nn.init.zeros_(self.residual[-1].weight)
        nn.init.zeros_(self.residual[-1].bias)

    def forward(
        self,
        belief: Belief,
        inputs: ModelInput,
        sample: StateSample,
        action: Tensor,
        active: ActiveContacts = ALL_CONTACTS,
    ) -> RolloutSamples:
        """The future of every sample under every action.

        Args:
            belief: Belief about the objects (E, n).
            inputs: Input of the network (E, n).
            sample: State samples (E, K, n).
            action: Hand motions (E, B, H + 1, ACTION_SIZE).
            active: Contacts that are computed.
        """
        motion, setup, path = self.begin(belief, inputs, sample, action, active)
        rows = []
        for step in range(NUM_STEPS):
            motion, row = self.advance(motion, setup, path, step * self.substeps)
            rows.append(row)
        return RolloutSamples(*(torch.stack(column) for column in zip(*rows, strict=True)))

    def begin(
        self,
        belief: Belief,
        inputs: ModelInput,
        sample: StateSample,
        action: Tensor,
        active: ActiveContacts,
    ) -> tuple[MotionState, RolloutContext, Tensor | None]:
        """Initial motion, constants of the rollout and the hand's trajectory."""
        path = None
        if active.hand:
            path = interpolate_hand(action, self.substeps, self.contact_step.rotations)
        known = self.context(torch.cat([belief.state, belief.shape], -1))
        motion, setup = initialize_rollout(
            self.contact_step, inputs, sample, known, action, self.config
        )
        if path is not None:
            R = self.contact_step.rotations.matrix(motion.rotation)
            hand = self.hand_contact.at_substep_start(
                hand_at_substep(path[0], motion.position.shape[1])
            )
            overlap = self.hand_contact.overlap(motion.position, R, setup.shapes, hand)
            grasp_init, planes = setup.grasp_init, setup.planes
            finger_clearance = self.grasp_contact.finger_clearance(
                motion.position, R, planes, path, grasp_init.max_width_m
            )
            setup = setup._replace(
                overlap=overlap.detach(),
                grasp_init=grasp_init._replace(finger_clearance=finger_clearance),
            )
        return motion, setup._replace(pairs=active.pairs and setup.objects > 1), path

    def advance(
        self, motion: MotionState, setup: RolloutContext, path: Tensor | None, first: int
    ) -> tuple[MotionState, tuple[Tensor, ...]]:
        """The motion after one step of 50 ms, and a row of `RolloutSamples`.

        The step begins at row `first` of the trajectory `path` of `interpolate_hand`.
        """
        none = torch.zeros_like(setup.present)
        hands = [
            None if path is None else hand_at_substep(path[first + sub], motion.position.shape[1])
            for sub in range(self.substeps)
        ]
        motion = self._apply_residual(motion, setup, hands[0])
        grip = GraspCoupling(none, none + 1.0)
        for at in hands:
            motion, grip = self._substep(motion, setup, at)
        return motion, self._record(motion, setup, grip)

    def _apply_residual(
        self, motion: MotionState, setup: RolloutContext, now: HandKinematics | None
    ) -> MotionState:
        """The motion with the learned correction of the twist; resting bodies stay at rest."""
        c = self.config.correction
        R = self.contact_step.rotations.matrix(motion.rotation)
        spin = self.contact_step.rotations.to_world(R, motion.spin)
        features, near = correction_features(motion, R, spin, setup, now, c.hand_range_m)
        change = torch.tanh(self.residual(features.T).T)
        speed = length(motion.velocity) + c.spin_arm_m * length(spin)
        if not self.physics and near is not None:
            speed = speed + near
        change = change * speed / (speed + c.min_motion_mps)
        max_mps, max_radps = (
            (c.max_speed_mps, c.max_spin_radps)
            if self.physics
            else (c.max_learned_speed_mps, c.max_learned_spin_radps)
        )
        turned = self.contact_step.rotations.to_body(R, max_radps * change[3:])
        limit_mps, limit_radps = self.config.max_speed_mps, self.config.max_spin_radps
        return motion._replace(
            velocity=(motion.velocity + max_mps * change[:3]).clamp(-limit_mps, limit_mps),
            spin=(motion.spin + turned).clamp(-limit_radps, limit_radps),
        )

    def _substep(
        self, motion: MotionState, s: RolloutContext, hand: HandKinematics | None
    ) -> tuple[MotionState, GraspCoupling]:
        none = torch.zeros_like(s.present)
        grip = GraspCoupling(none, none + 1.0)
        if not self.physics:
            turned = self.contact_step.rotations.rotate(
                motion.rotation, 0.5 * self.h * motion.spin
            )
            place = motion.position + self.h * motion.velocity
            return motion._replace(position=place, rotation=turned), grip
        before, touch = motion, None
        R0 = self.contact_step.rotations.matrix(before.rotation)
        if hand is not None:
            was = self.hand_contact.at_substep_start(hand)
            held = self.grasp_contact.grasp_probability(before, R0, s.planes, was, s.grasp_init)
            touch = self.hand_contact(before, R0, s.shapes, was, s.overlap, held)
        motion = self._step_on_plane(motion, s, touch)
        R = self.contact_step.rotations.matrix(motion.rotation)
        spin = self.contact_step.rotations.to_world(R, motion.spin)
        if hand is not None:
            change, turning, grip = self.grasp_contact(
                before.position, motion, spin, s.bodies, hand, held
            )
            carried = motion.velocity + change
            place = motion.position + self.h * change
            # a held body follows the hand from where the substep began
            place = place + held * (before.position + self.h * carried - place)
            motion = self._rotated(motion, R, turning, self.h * turning)
            motion = motion._replace(position=place, velocity=carried)
            spin = spin + turning
        if s.pairs:
            impulse = self.object_contact(
                (before.position, R0),
                motion,
                spin,
                R,
                s.bodies,
                s.planes,
                s.present,
                s.objects,
            )
            motion = self._apply_impulse(motion, R, impulse)
        return motion, grip

    def _step_on_plane(
        self, motion: MotionState, s: RolloutContext, touch: ExternalContacts | None
    ) -> MotionState:
        """The effect of gravity, of the table, which may be a belt, and of the hand."""
        R = self.contact_step.rotations.matrix(motion.rotation)
        omega, across, along = self.rolling(motion, R, s.bodies, s.rolling, s.spinning)
        omega = torch.cat([omega[:2] * across, omega[2:] * along])
        spin = self.contact_step.rotations.to_body(R, omega)
        motion = motion._replace(velocity=motion.velocity - s.belt_velocity, spin=spin)
        if touch is not None:
            touch = touch._replace(velocity=touch.velocity - s.belt_velocity.unsqueeze(1))
        motion = self.contact_step(motion, s.bodies, touch)
        return motion._replace(
            position=motion.position + self.h * s.belt_velocity,
            velocity=motion.velocity + s.belt_velocity,
        )

    def _apply_impulse(
        self, motion: MotionState, R: Tensor, impulse: ContactImpulse
    ) -> MotionState:
        moved = motion._replace(
            position=motion.position + impulse.displacement,
            velocity=motion.velocity + impulse.velocity,
        )
        return self._rotated(moved, R, impulse.spin, impulse.rotation)

    def _rotated(
        self, motion: MotionState, R: Tensor, change: Tensor, turn: Tensor
    ) -> MotionState:
        """The motion with a change of spin and a rotation vector `turn`, both in world axes."""
        local = self.contact_step.rotations.to_body(R, turn)
        q = self.contact_step.rotations.rotate(motion.rotation, 0.5 * local)
        return motion._replace(
            rotation=q, spin=motion.spin + self.contact_step.rotations.to_body(R, change)
        )

    def _record(
        self, motion: MotionState, s: RolloutContext, grip: GraspCoupling
    ) -> tuple[Tensor, ...]:
        R = self.contact_step.rotations.matrix(motion.rotation)
        arm = self.contact_step.rotations.to_world(R, s.center)
        spin = self.contact_step.rotations.to_world(R, motion.spin)
        return (
            motion.position - arm,
            motion.rotation,
            motion.velocity - cross(spin, arm),
            spin,
            grip.held,
            grip.held * (1.0 - grip.carried),
        )
