"""`next`, H times: samples of bodies and the hand's motion to their future, one static graph.

Known physics (gravity, the table, fingers, grasps, bodies against each other) is computed;
a small network corrects the twist once per 50 ms.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sakiyomi.robot.hand_geometry import TrainedHandShape
from world_model_node.model.algebra.vectors import cross, length
from world_model_node.model.belief import Belief, ModelInput
from world_model_node.model.contact.external_contact import ExternalContacts
from world_model_node.model.contact.grasp_contact import GraspContact, GraspCoupling
from world_model_node.model.contact.hand_contact import HandContact, HandKinematics
from world_model_node.model.contact.hand_trajectory import hand_at_substep, interpolate_hand
from world_model_node.model.contact.object_contact import ContactImpulse, ObjectContact
from world_model_node.model.contact.rolling_resistance import RollingResistance
from world_model_node.model.dimensions import NUM_STEPS, STEP_S
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.physics.active_contacts import ActiveContacts
from world_model_node.model.physics.body_state import MotionState
from world_model_node.model.physics.contact_step import ContactStep
from world_model_node.model.physics.rollout_setup import RolloutContext, initialize_rollout
from world_model_node.model.state_posterior import StateSample

MAX_CORRECTION_MPS, MAX_CORRECTION_RADPS = 0.05, 0.5  # at most, by the network, per 50 ms
MAX_LEARNED_MPS, MAX_LEARNED_RADPS = 0.6, 5.0  # the same where no contact is computed
MIN_MOTION_MPS, SPIN_ARM_M = 0.05, 0.05
MAX_SPEED_MPS, MAX_SPIN_RADPS = 8.0, 60.0  # faster is a contact that went wrong
ALL_CONTACTS = ActiveContacts()
CONTEXT_SIZE = 8  # what belief and shape are condensed to
NUM_RESIDUAL_FEATURES = 19


class RolloutSamples(NamedTuple):
    """Samples of the future; H steps, N = E * B * K * n bodies."""

    position: Tensor  # (H, 3, N) of the tracked origin
    rotation: Tensor  # (H, 4, N)
    velocity: Tensor  # (H, 3, N) of the tracked origin
    spin: Tensor  # (H, 3, N) world frame
    held: Tensor  # (H, 1, N)
    slipping: Tensor  # (H, 1, N)


class Rollout(nn.Module):
    """H steps of 50 ms."""

    def __init__(self, config: ModelConfig, hand: TrainedHandShape) -> None:
        super().__init__()
        self.substeps, self.physics = config.substeps, config.physics
        h = STEP_S / config.substeps
        self.h = h
        self.contact_step, self.rolling = ContactStep(h), RollingResistance(h)
        self.hand_contact, self.grasp_contact, self.object_contact = (
            HandContact(h, hand),
            GraspContact(h, hand),
            ObjectContact(h),
        )
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
        """Every sample under every action.

        Args:
            belief: of (E, n).
            inputs: of (E, n).
            sample: of (E, K, n).
            action: (E, B, H + 1, ACTION_SIZE).
            active: of the graph; the others are left out.
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
        """What the steps start from, what is the same in all of them, and the hand's path."""
        path = None
        if active.hand:
            path = interpolate_hand(action, self.substeps, self.contact_step.rotations)
        known = self.context(torch.cat([belief.state, belief.shape], -1))
        motion, setup = initialize_rollout(self.contact_step, inputs, sample, known, action)
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
        """One step of 50 ms and a row of `RolloutSamples`; its first substep is row `first`.

        The path is that of `interpolate_hand`.
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
        """The twist as the network mends it; what rests is left alone."""
        R = self.contact_step.rotations.matrix(motion.rotation)
        spin = self.contact_step.rotations.to_world(R, motion.spin)
        height = motion.position[2:] - setup.bodies.ground
        if now is None:
            hand = torch.zeros_like(motion.position)
            hand = torch.cat([hand, hand, hand[:2]])
        else:
            away = now.position - motion.position
            near = torch.exp(-length(away) / 0.1)
            force = now.force / 20.0
            hand = torch.cat([away * near / 0.1, now.velocity * near, near, force * near])
        features = torch.cat(
            [
                motion.velocity,
                spin / 5.0,
                R[6:],
                height / 0.05,
                setup.bodies.mass.log(),
                hand,
                setup.context,
            ]
        )
        change = torch.tanh(self.residual(features.T).T)
        speed = length(motion.velocity) + SPIN_ARM_M * length(spin)
        if not self.physics and now is not None:
            speed = speed + near
        change = change * speed / (speed + MIN_MOTION_MPS)
        max_mps, max_radps = (
            (MAX_CORRECTION_MPS, MAX_CORRECTION_RADPS)
            if self.physics
            else (MAX_LEARNED_MPS, MAX_LEARNED_RADPS)
        )
        turned = self.contact_step.rotations.to_body(R, max_radps * change[3:])
        return motion._replace(
            velocity=(motion.velocity + max_mps * change[:3]).clamp(-MAX_SPEED_MPS, MAX_SPEED_MPS),
            spin=(motion.spin + turned).clamp(-MAX_SPIN_RADPS, MAX_SPIN_RADPS),
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
            # what is held has not followed the hand yet
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
        """Gravity, the table, which may run as a belt, and what pushes."""
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
        """With another spin, and turned; both in the world frame."""
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
