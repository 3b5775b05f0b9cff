"""`next`, H times: samples of bodies and the hand's motion to their future, one static graph.

Known physics (gravity, the table, fingers, grasps, bodies against each other) is computed;
a small network corrects the twist once per 50 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from world_model_node.model.belief import Belief, Watched
from world_model_node.model.body_shape import FALLING_MPS, NEAR_TABLE_M
from world_model_node.model.dimensions import OPENING, OPENING_SCALE_M, STEP_S, STEPS
from world_model_node.model.grasping import Grasping, Grip, Start
from world_model_node.model.hand_contact import (
    Hand,
    HandContact,
    Impulse,
    Shapes,
    cross,
    length,
    to_body,
)
from world_model_node.model.hidden_state import Drawn
from world_model_node.model.involved import Involved
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.object_contact import ObjectContact
from world_model_node.model.rolling import RollingResistance
from world_model_node.model.state import BodyParameters, BodyState, default_law
from world_model_node.model.step import Bodies, ContactStep, Motion

CHANGE_MPS, CHANGE_RADPS = 0.05, 0.5  # at most, by the network, per 50 ms
ALONE_MPS, ALONE_RADPS = 0.6, 5.0  # the same where no contact is computed
AWAKE_MPS, SPIN_ARM_M = 0.05, 0.05
WIDEST_M = 0.1  # that a hand opens
TOP_MPS, TOP_RADPS = 8.0, 60.0  # faster is a contact that went wrong
EVERYTHING = Involved()
HAND_ROWS = (3, 3, 3, 3, 3, 3, 1, 1, 1)  # of `Hand`
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
    pushed: Tensor  # (H, 1, N) m/s that the fingers changed it by


class Setting(NamedTuple):
    """What does not change over a rollout, bodies along the last axis."""

    bodies: Bodies
    planes: Tensor  # (4, M, N) about the centre of mass
    center: Tensor  # (3, N) centre of mass from the tracked origin, body frame
    rolling: Tensor  # (1, N)
    spinning: Tensor  # (1, N)
    belt: Tensor  # (3, N)
    context: Tensor  # (C, N)
    present: Tensor  # (1, N)
    overlap: Tensor  # (PARTS, A, N) m that the hand is in what is known of it at first
    objects: int
    start: Start
    pairs: bool = True  # whether bodies may touch each other

    @property
    def shapes(self) -> Shapes:
        """What the hand may touch."""
        return Shapes(self.bodies.points[1:], self.planes)


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
        path = self._path(action) if parts.hand else None
        motion, setting = self._start(belief, watched, drawn, action, action.shape[1])
        if path is not None:
            R = self.contact.rotations.matrix(motion.rotation)
            hand = self.fingers.before(self._at(path[0], motion))
            overlap = self.fingers.overlap(motion.position, R, setting.shapes, hand)
            setting = setting._replace(overlap=overlap.detach())
        return motion, setting._replace(pairs=parts.pairs and setting.objects > 1), path

    def advance(
        self, motion: Motion, setting: Setting, path: Tensor | None, first: int
    ) -> tuple[Motion, tuple[Tensor, ...]]:
        """One step of 50 ms, and a row of `Rolled`; row `first` of the path is its first substep.

        The path is that of `_path`.
        """
        none = torch.zeros_like(setting.present)
        hands = [
            None if path is None else self._at(path[first + sub], motion)
            for sub in range(self.substeps)
        ]
        motion = self._corrected(motion, setting, hands[0])
        grip, pushed = Grip(none, none + 1.0), none
        for at in hands:
            motion, grip, push = self._substep(motion, setting, at)
            pushed = pushed + push
        return motion, self._noted(motion, setting, grip, pushed)

    def _start(
        self, belief: Belief, w: Watched, drawn: Drawn, action: Tensor, B: int
    ) -> tuple[Motion, Setting]:
        E, K, n = drawn.mass.shape[:3]

        def each(value: Tensor) -> Tensor:
            """(E, n, ...) for every action and sample. Shape (N, ...)."""
            rest = value.shape[2:]
            value = value.reshape(E, 1, 1, n, *rest).expand(E, B, K, n, *rest)
            return value.reshape(E * B * K * n, *rest)

        def drawn_each(value: Tensor) -> Tensor:
            value = value.unsqueeze(1).expand(E, B, K, n, value.shape[-1])
            return value.reshape(E * B * K * n, -1)

        def each_action(value: Tensor) -> Tensor:
            """(E, B, C) for every sample and object. Shape (N, C)."""
            value = value.reshape(E, B, 1, 1, -1).expand(E, B, K, n, value.shape[-1])
            return value.reshape(E * B * K * n, -1)

        d = Drawn(*(drawn_each(value) for value in drawn))
        mass_center = d.center
        q = self.contact.rotations.turn(
            each(w.rotation).T, 0.5 * self._body_turn(each(w.rotation).T, d.turn.T)
        )
        R = self.contact.rotations.matrix(q)
        arm = self.contact.rotations.to_world(R, mass_center.T)
        position = each(w.place).T + d.shift.T + arm
        # in the hand it moves as the hand does: the velocity is then the hand's affair
        velocity = d.velocity.T + cross(d.spin.T, arm)
        round_m = d.roundness * each(w.half_extent).amin(-1, keepdim=True)
        points = each(w.points) - mass_center.unsqueeze(1)
        points = points - round_m.unsqueeze(1) * each(w.directions)
        present = each(w.present).unsqueeze(-1)
        body = BodyParameters(
            d.mass, d.mass.unsqueeze(-1) * each(w.inertia), d.friction, d.restitution, points
        )
        law = default_law()._replace(rounding_m=round_m)
        ground = each(w.ground) + self._stands(w, R, each, velocity) * d.shift[:, 2:]
        bodies = self.contact.prepare(body, law, ground)
        motion = self.contact.enter(BodyState(position.T, q.T, velocity.T, d.spin))
        planes = each(w.planes)
        offset = planes[..., 3] - (planes[..., :3] * mass_center.unsqueeze(1)).sum(-1)
        planes = torch.cat([planes[..., :3], offset.unsqueeze(-1)], -1).permute(2, 1, 0)
        grasp = each_action(action[:, :, 0]).T
        start = Start(
            each(w.held).unsqueeze(0),
            to_body(R, (grasp[:3] - position).unsqueeze(1))[:, 0],
            grasp[7:8],
            torch.maximum(each_action(action[..., 7:8].amax(2)), each(self._opening(w))).T,
        )
        context = self.context(torch.cat([belief.state, belief.shape], -1))
        context = torch.cat([each(context), d.latent], -1).T
        belt = torch.cat([d.belt.T, torch.zeros_like(d.mass.T)])
        return motion, Setting(
            bodies, planes, mass_center.T, d.rolling.T, d.spinning.T,
            belt, context, present.T, torch.zeros_like(present.T), n, start,
        )  # fmt: skip

    @staticmethod
    def _opening(w: Watched) -> Tensor:
        """Of the hand as it was last seen, which may be blocked. Shape (E, n, 1).

        Where it was not seen it may be as wide as any.
        """
        seen = w.hand_on[:, -1, None, None]
        opening = OPENING_SCALE_M * w.hand[:, -1, :, OPENING : OPENING + 1]
        return seen * opening + (1.0 - seen) * WIDEST_M

    @staticmethod
    def _stands(w: Watched, R: Tensor, each: Callable[[Tensor], Tensor], v: Tensor) -> Tensor:
        """How much what it stands on is where it is because the body is. Shape (N, 1).

        A body that lies there is believed too high or too low with its support; the table under
        one that falls stays where it is.
        """
        low = (R[6:].T.unsqueeze(1) * each(w.points)).sum(-1).amin(1, keepdim=True)
        gap = each(w.place)[:, 2:] + low - each(w.ground)
        still = (1.0 - v[2:].T.abs() / FALLING_MPS).relu()
        return ((1.0 - gap / NEAR_TABLE_M).clamp(0.0, 1.0) * still).detach()

    def _body_turn(self, q: Tensor, turn: Tensor) -> Tensor:
        """A rotation vector of the world frame in the body frame. Shape (3, N)."""
        return self.contact.rotations.to_body(self.contact.rotations.matrix(q), turn)

    def _path(self, action: Tensor) -> Tensor:
        """The hand at the end of every substep, moving evenly between those given.

        Shape (T, C, A): the rows of `Hand` one after the other, of A = E * B motions.
        """
        A = action.shape[0] * action.shape[1]
        rows = action.reshape(A, STEPS + 1, -1).permute(1, 2, 0)  # (H + 1, ACTION, A)
        before, after = rows[:-1], rows[1:]
        q0, q1 = before[:, 3:7], after[:, 3:7]
        q1 = q1 * (q0 * q1).sum(1, keepdim=True).sign()
        share = (torch.arange(self.substeps) + 1.0).to(action) / self.substeps
        share = share.reshape(1, -1, 1, 1)
        q = q0.unsqueeze(1) + share * (q1 - q0).unsqueeze(1)  # (H, S, 4, A)
        q = q / q.norm(dim=2, keepdim=True)
        T = STEPS * self.substeps
        mixed = before.unsqueeze(1) + share * (after - before).unsqueeze(1)
        mixed = mixed.reshape(T, -1, A)
        velocity = _repeated((after - before)[:, :3] / STEP_S, self.substeps)
        spin = _repeated(_spin_between(q0, q1) / STEP_S, self.substeps)
        q = q.reshape(T, 4, A).permute(1, 0, 2).reshape(4, T * A)
        R = self.contact.rotations.matrix(q).reshape(3, 3, T, A)
        width, force = mixed[:, 7:8], mixed[:, 8:9]
        opening = _repeated((after - before)[:, 7:8] / STEP_S, self.substeps)
        sideways, closing, approach = (R[:, k].permute(1, 0, 2) for k in range(3))
        hand = (mixed[:, :3], closing, sideways, approach, velocity, spin, width, force, opening)
        return torch.cat(hand, 1)

    @staticmethod
    def _at(row: Tensor, motion: Motion) -> Hand:
        """One row (C, A) of the path for every body."""
        C, N = row.shape[0], motion.position.shape[1]
        row = row.unsqueeze(-1).expand(C, row.shape[1], N // row.shape[1]).reshape(C, N)
        return Hand(*row.split(HAND_ROWS))

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

    def _substep(
        self, motion: Motion, s: Setting, hand: Hand | None
    ) -> tuple[Motion, Grip, Tensor]:
        none = torch.zeros_like(s.present)
        grip, pushed = Grip(none, none + 1.0), none
        if not self.physics:
            turned = self.contact.rotations.turn(motion.rotation, 0.5 * self.h * motion.spin)
            place = motion.position + self.h * motion.velocity
            return motion._replace(position=place, rotation=turned), grip, pushed
        before = motion
        R0 = self.contact.rotations.matrix(before.rotation)
        motion = self._on_table(motion, s)
        R = self.contact.rotations.matrix(motion.rotation)
        spin = self.contact.rotations.to_world(R, motion.spin)
        if hand is not None:
            # both as the substep began: what is held has not followed the hand yet
            was = self.fingers.before(hand)
            held = self.grasping.between(before, R0, s.planes, was, s.start)
            change, turning, grip = self.grasping(
                before.position, motion, spin, s.bodies, hand, held
            )
            carried = motion.velocity + change
            place = motion.position + self.h * change
            place = place + held * (before.position + self.h * carried - place)
            motion = self._turned(motion, R, turning, self.h * turning)
            motion = motion._replace(position=place, velocity=carried)
            spin = spin + turning
            touch = self.fingers.touching(before, R0, motion, R, s.shapes, hand, s.overlap)
            impulse = self.fingers(motion, spin, s.bodies, touch)
            impulse = Impulse(*((1.0 - held) * change for change in impulse))
            pushed = length(impulse.velocity) + length(change)
            motion = self._moved(motion, R, impulse)
            spin = spin + impulse.spin
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
        return motion, grip, pushed

    def _on_table(self, motion: Motion, s: Setting) -> Motion:
        """Gravity and the table, which may run as a belt."""
        R = self.contact.rotations.matrix(motion.rotation)
        omega, across, along = self.rolling(motion, R, s.bodies, s.rolling, s.spinning)
        omega = torch.cat([omega[:2] * across, omega[2:] * along])
        spin = self.contact.rotations.to_body(R, omega)
        motion = motion._replace(velocity=motion.velocity - s.belt, spin=spin)
        motion = self.contact(motion, s.bodies)
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

    def _noted(self, motion: Motion, s: Setting, grip: Grip, pushed: Tensor) -> tuple[Tensor, ...]:
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
            pushed,
        )


def _repeated(value: Tensor, times: int) -> Tensor:
    """(H, C, A) for every substep. Shape (H * times, C, A)."""
    H, C, A = value.shape
    return value.unsqueeze(1).expand(H, times, C, A).reshape(H * times, C, A)


def _spin_between(q0: Tensor, q1: Tensor) -> Tensor:
    """The small rotation vector (H, 3, A) from one to the other, world frame."""
    w0, v0, w1, v1 = q0[:, :1], q0[:, 1:], q1[:, :1], q1[:, 1:]
    crossed = cross(v0.permute(1, 0, 2), v1.permute(1, 0, 2)).permute(1, 0, 2)
    return 2.0 * (w0 * v1 - w1 * v0 + crossed)  # of q1 times the conjugate of q0
