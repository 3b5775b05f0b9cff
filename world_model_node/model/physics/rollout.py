"""`next`, H times: samples of bodies and the hand's motion to their future, one static graph.

Known physics (gravity, the table, fingers, grasps, bodies against each other) is computed;
a small network corrects the twist once per 50 ms.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from world_model_node.model.algebra.vectors import cross, length
from world_model_node.model.belief import Belief, Watched
from world_model_node.model.contact.grasping import Grasping, Grip
from world_model_node.model.contact.hand_contact import Hand, HandContact
from world_model_node.model.contact.hand_rows import hand_at, hand_rows
from world_model_node.model.contact.object_contact import Impulse, ObjectContact
from world_model_node.model.contact.pressing import Touching
from world_model_node.model.contact.rolling import RollingResistance
from world_model_node.model.dimensions import STEP_S, STEPS
from world_model_node.model.hidden_state import Drawn
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.physics.involved import Involved
from world_model_node.model.physics.setting import Setting, begun
from world_model_node.model.physics.state import Motion
from world_model_node.model.physics.step import ContactStep

CHANGE_MPS, CHANGE_RADPS = 0.05, 0.5  # at most, by the network, per 50 ms
ALONE_MPS, ALONE_RADPS = 0.6, 5.0  # the same where no contact is computed
AWAKE_MPS, SPIN_ARM_M = 0.05, 0.05
TOP_MPS, TOP_RADPS = 8.0, 60.0  # faster is a contact that went wrong
EVERYTHING = Involved()
CONTEXT = 8  # what belief and shape are condensed to
FEATURES = 19


class Rolled(NamedTuple):
    """Samples of the future; H steps, N = E * B * K * n bodies."""

    position: Tensor  # (H, 3, N) of the tracked origin
    rotation: Tensor  # (H, 4, N)
    velocity: Tensor  # (H, 3, N) of the tracked origin
    spin: Tensor  # (H, 3, N) world frame
    held: Tensor  # (H, 1, N)
    slipping: Tensor  # (H, 1, N)


class Rollout(nn.Module):
    """H steps of 50 ms."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.substeps, self.physics = config.substeps, config.physics
        h = STEP_S / config.substeps
        self.h = h
        self.contact, self.rolling = ContactStep(h), RollingResistance(h)
        self.fingers, self.grasping, self.others = HandContact(h), Grasping(h), ObjectContact(h)
        self.context = nn.Linear(config.hidden + config.embedding, CONTEXT)
        width = FEATURES + CONTEXT + config.latent
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
        watched: Watched,
        drawn: Drawn,
        action: Tensor,
        parts: Involved = EVERYTHING,
    ) -> Rolled:
        """Every sample under every action.

        Args:
            belief: of (E, n).
            watched: of (E, n).
            drawn: of (E, K, n).
            action: (E, B, H + 1, ACTION).
            parts: of the graph; the others are left out.
        """
        motion, setting, path = self.begin(belief, watched, drawn, action, parts)
        rows = []
        for step in range(STEPS):
            motion, row = self.advance(motion, setting, path, step * self.substeps)
            rows.append(row)
        return Rolled(*(torch.stack(column) for column in zip(*rows, strict=True)))

    def begin(
        self, belief: Belief, watched: Watched, drawn: Drawn, action: Tensor, parts: Involved
    ) -> tuple[Motion, Setting, Tensor | None]:
        """What the steps start from, what is the same in all of them, and the hand's path."""
        path = None
        if parts.hand:
            path = hand_rows(action, self.substeps, self.contact.rotations)
        known = self.context(torch.cat([belief.state, belief.shape], -1))
        motion, setting = begun(self.contact, watched, drawn, known, action)
        if path is not None:
            R = self.contact.rotations.matrix(motion.rotation)
            hand = self.fingers.before(hand_at(path[0], motion.position.shape[1]))
            overlap = self.fingers.overlap(motion.position, R, setting.shapes, hand)
            start, planes = setting.start, setting.planes
            beside = self.grasping.beside(motion.position, R, planes, path, start.widest)
            setting = setting._replace(
                overlap=overlap.detach(), start=start._replace(beside=beside)
            )
        return motion, setting._replace(pairs=parts.pairs and setting.objects > 1), path

    def advance(
        self, motion: Motion, setting: Setting, path: Tensor | None, first: int
    ) -> tuple[Motion, tuple[Tensor, ...]]:
        """One step of 50 ms, and a row of `Rolled`; row `first` of the path is its first substep.

        The path is that of `hand_rows`.
        """
        none = torch.zeros_like(setting.present)
        hands = [
            None if path is None else hand_at(path[first + sub], motion.position.shape[1])
            for sub in range(self.substeps)
        ]
        motion = self._corrected(motion, setting, hands[0])
        grip = Grip(none, none + 1.0)
        for at in hands:
            motion, grip = self._substep(motion, setting, at)
        return motion, self._noted(motion, setting, grip)

    def _corrected(self, motion: Motion, setting: Setting, now: Hand | None) -> Motion:
        """The twist as the network mends it; what rests is left alone."""
        R = self.contact.rotations.matrix(motion.rotation)
        spin = self.contact.rotations.to_world(R, motion.spin)
        height = motion.position[2:] - setting.bodies.ground
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
                setting.bodies.mass.log(),
                hand,
                setting.context,
            ]
        )
        change = torch.tanh(self.residual(features.T).T)
        speed = length(motion.velocity) + SPIN_ARM_M * length(spin)
        if not self.physics and now is not None:
            speed = speed + near
        change = change * speed / (speed + AWAKE_MPS)
        most_mps, most_radps = (
            (CHANGE_MPS, CHANGE_RADPS) if self.physics else (ALONE_MPS, ALONE_RADPS)
        )
        turned = self.contact.rotations.to_body(R, most_radps * change[3:])
        return motion._replace(
            velocity=(motion.velocity + most_mps * change[:3]).clamp(-TOP_MPS, TOP_MPS),
            spin=(motion.spin + turned).clamp(-TOP_RADPS, TOP_RADPS),
        )

    def _substep(self, motion: Motion, s: Setting, hand: Hand | None) -> tuple[Motion, Grip]:
        none = torch.zeros_like(s.present)
        grip = Grip(none, none + 1.0)
        if not self.physics:
            turned = self.contact.rotations.turn(motion.rotation, 0.5 * self.h * motion.spin)
            place = motion.position + self.h * motion.velocity
            return motion._replace(position=place, rotation=turned), grip
        before, touch = motion, None
        R0 = self.contact.rotations.matrix(before.rotation)
        if hand is not None:
            was = self.fingers.before(hand)
            held = self.grasping.between(before, R0, s.planes, was, s.start)
            touch = self.fingers(before, R0, s.shapes, was, s.overlap, held)
        motion = self._on_table(motion, s, touch)
        R = self.contact.rotations.matrix(motion.rotation)
        spin = self.contact.rotations.to_world(R, motion.spin)
        if hand is not None:
            change, turning, grip = self.grasping(
                before.position, motion, spin, s.bodies, hand, held
            )
            carried = motion.velocity + change
            place = motion.position + self.h * change
            # what is held has not followed the hand yet
            place = place + held * (before.position + self.h * carried - place)
            motion = self._turned(motion, R, turning, self.h * turning)
            motion = motion._replace(position=place, velocity=carried)
            spin = spin + turning
        if s.pairs:
            impulse = self.others(
                (before.position, R0),
                motion,
                spin,
                R,
                s.bodies,
                s.planes,
                s.present,
                s.objects,
            )
            motion = self._moved(motion, R, impulse)
        return motion, grip

    def _on_table(self, motion: Motion, s: Setting, touch: Touching | None) -> Motion:
        """Gravity, the table, which may run as a belt, and what pushes."""
        R = self.contact.rotations.matrix(motion.rotation)
        omega, across, along = self.rolling(motion, R, s.bodies, s.rolling, s.spinning)
        omega = torch.cat([omega[:2] * across, omega[2:] * along])
        spin = self.contact.rotations.to_body(R, omega)
        motion = motion._replace(velocity=motion.velocity - s.belt, spin=spin)
        if touch is not None:
            touch = touch._replace(velocity=touch.velocity - s.belt.unsqueeze(1))
        motion = self.contact(motion, s.bodies, touch)
        return motion._replace(
            position=motion.position + self.h * s.belt, velocity=motion.velocity + s.belt
        )

    def _moved(self, motion: Motion, R: Tensor, impulse: Impulse) -> Motion:
        moved = motion._replace(
            position=motion.position + impulse.shift,
            velocity=motion.velocity + impulse.velocity,
        )
        return self._turned(moved, R, impulse.spin, impulse.turn)

    def _turned(self, motion: Motion, R: Tensor, change: Tensor, turn: Tensor) -> Motion:
        """With another spin, and turned; both in the world frame."""
        local = self.contact.rotations.to_body(R, turn)
        q = self.contact.rotations.turn(motion.rotation, 0.5 * local)
        return motion._replace(
            rotation=q, spin=motion.spin + self.contact.rotations.to_body(R, change)
        )

    def _noted(self, motion: Motion, s: Setting, grip: Grip) -> tuple[Tensor, ...]:
        R = self.contact.rotations.matrix(motion.rotation)
        arm = self.contact.rotations.to_world(R, s.center)
        spin = self.contact.rotations.to_world(R, motion.spin)
        return (
            motion.position - arm,
            motion.rotation,
            motion.velocity - cross(spin, arm),
            spin,
            grip.held,
            grip.held * (1.0 - grip.carried),
        )
