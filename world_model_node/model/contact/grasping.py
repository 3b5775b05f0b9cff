"""Bodies between closed pads: they go with the hand as far as friction carries them.

The pads can pass on 2 mu F of force across and, by their size, some torque; what matching the
hand's motion would take beyond that is slip.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from world_model_node.model.algebra.vectors import TINY, cross, dot, length, to_body
from world_model_node.model.contact.hand_contact import Hand
from world_model_node.model.contact.hand_rows import WIDTH, hand_at
from world_model_node.model.physics.state import Bodies, Motion

PROBES_M = ((0.0, 0.0), (0.008, 0.0), (-0.008, 0.0), (0.0, 0.006), (0.0, -0.008))
SOFT_M = 0.0015
CLOSED_M = 0.004  # pads this much wider than the body still touch it, as far as it is known
SLID_OUT_M, OPENED_M = 0.02, 0.004
TORSION_ARM_M, TILT_ARM_M = 0.006, 0.012  # of a pad's friction about its normal, and across it
STEEP, FAR_M = 0.05, 0.5
TIP_M = 0.004  # beyond the grasp frame
EXCESS_M, DOUBT_M = 0.003, 0.003  # by which a side is seen too far out, and how surely
SLIDES_OFF = 0.4  # of those that come down on it end beside it: sides are round, shapes unsure
THERE_M = 0.01  # a hand that sinks less was there from the start


class Grip(NamedTuple):
    """How a body is held."""

    held: Tensor  # (1, N) in [0, 1]
    carried: Tensor  # (1, N) share of the needed force that friction gives


class Start(NamedTuple):
    """What was in the hand at first."""

    held: Tensor  # (1, N)
    at: Tensor  # (3, N) grasp point in the body frame
    width: Tensor  # (1, N)
    widest: Tensor  # (1, N) that the hand opens until the end
    beside: Tensor  # (1, N) in [0, 1]: whether both fingers come down beside it


class Grasping(nn.Module):
    """Matches the hand's motion within the limits of friction."""

    def __init__(self, substep_s: float) -> None:
        super().__init__()
        self.h = substep_s
        self.register_buffer('probes', torch.tensor(PROBES_M).T, persistent=False)  # (2, Q)

    def between(
        self, motion: Motion, R: Tensor, planes: Tensor, hand: Hand, start: Start
    ) -> Tensor:
        """Whether each body is between closed pads, in [0, 1]; no gradient. Shape (1, N)."""
        motion, R, planes, hand, start = (
            type(t)(*(v.detach() for v in t)) if isinstance(t, tuple) else t.detach()
            for t in (motion, R, planes, hand, start)
        )
        x, z = self.probes.unsqueeze(2).unbind(0)  # (Q, 1)
        points = hand.position.unsqueeze(1) + x * hand.sideways.unsqueeze(1)
        points = points + z * hand.approach.unsqueeze(1)
        local = to_body(R, points - motion.position.unsqueeze(1))
        inside = torch.sigmoid(-deepest(local, planes) / SOFT_M).mean(0, keepdim=True)
        ahead, behind = self._reach(R, planes, local[:, 0], hand.closing)
        span = ahead + behind
        closed = torch.sigmoid((span + CLOSED_M - hand.width) / SOFT_M)
        fits = torch.sigmoid((start.widest + CLOSED_M - span) / SOFT_M)
        caught = torch.sigmoid((inside - 0.35) / 0.06) * closed * fits * start.beside
        slid = length(local[:, 0] - start.at)
        stays = torch.sigmoid((SLID_OUT_M - slid) / 0.003)
        stays = stays * torch.sigmoid((start.width + OPENED_M - hand.width) / SOFT_M)
        kept = start.held * stays
        return (caught + kept - caught * kept) * (hand.force > 0.0).to(caught)

    def beside(
        self, position: Tensor, R: Tensor, planes: Tensor, path: Tensor, widest: Tensor
    ) -> Tensor:
        """Whether both fingers of an open hand come down beside bodies, not on them. Shape (1, N).

        Judged where the bodies are at first, by where the hand is lowest before it closes. What is
        between the fingers from the start is not judged by its shape, which is badly known.

        Args:
            position: (3, N) of the bodies.
            R: (9, N) their rotation.
            planes: (4, M, N) about the centre of mass.
            path: (T, C, A) rows of `Hand`.
            widest: (1, N) that the hand opens.
        """
        width, height = path[:, WIDTH], path[:, 2]  # (T, A)
        open_m = width.amax(0, keepdim=True)
        lowest = (height + FAR_M * (width < open_m - OPENED_M).to(height)).argmin(0)
        row = path.gather(0, lowest.reshape(1, 1, -1).expand(1, *path.shape[1:]))[0]
        sinks = hand_at(path[0] - row, position.shape[1]).position[2:]
        hand = hand_at(row, position.shape[1])
        tip = hand.position + TIP_M * hand.approach
        middle = to_body(R, (tip - position).unsqueeze(1))[:, 0]
        ahead, behind = self._reach(R, planes, middle, hand.closing)
        room = 0.5 * widest + EXCESS_M - torch.maximum(ahead, behind)
        there = torch.sigmoid((THERE_M - sinks) / SOFT_M)
        fits = SLIDES_OFF + (1.0 - SLIDES_OFF) * torch.sigmoid(room / DOUBT_M)
        return torch.maximum(fits, there).detach()

    @staticmethod
    def _reach(R: Tensor, planes: Tensor, middle: Tensor, closing: Tensor) -> tuple[Tensor, ...]:
        """How far (1, N) bodies go from a point both ways along the closing axis."""
        axis = to_body(R, closing.unsqueeze(1))[:, 0]
        slope = (planes[:3] * axis.unsqueeze(1)).sum(0)  # (M, N)
        room = planes[3] - (planes[:3] * middle.unsqueeze(1)).sum(0)
        reach = room / slope.abs().clamp(min=STEEP)
        ahead = torch.where(slope > STEEP, reach, FAR_M).amin(0, keepdim=True)
        behind = torch.where(slope < -STEEP, reach, FAR_M).amin(0, keepdim=True)
        return ahead, behind

    def forward(
        self,
        before: Tensor,
        motion: Motion,
        spin: Tensor,
        bodies: Bodies,
        hand: Hand,
        held: Tensor,
    ) -> tuple[Tensor, Tensor, Grip]:
        """Changes of velocity and spin (3, N), world frame, of bodies that are held so much.

        What is wanted leads in this substep to where the hand takes the body, however far it
        turns: along the arc's tangent the body would creep out of the hand.

        Args:
            before: (3, N) where the bodies were when the substep began.
            motion: Without the hand.
            spin: (3, N) of it, world frame.
            bodies: Their parameters.
            hand: At the end of the substep.
            held: (1, N).
        """
        arm = hand.position - self.h * hand.velocity - before
        wanted = hand.velocity + (arm - self._turned(arm, self.h * hand.spin)) / self.h
        # torque about the grasp, per moment of inertia
        gyration = bodies.gyration
        twist = (hand.spin - spin) - gyration * cross(arm, wanted - motion.velocity)
        about = dot(twist, hand.closing) * hand.closing
        tilt = twist - about
        strength = 2.0 * hand.force * self.h * gyration / bodies.mass
        about = about * self._limited(about, strength * bodies.friction * TORSION_ARM_M)
        tilt = tilt * self._limited(tilt, strength * TILT_ARM_M)
        # where that is too little the body swings about the grasp, which goes with the hand
        gap = wanted - motion.velocity + cross(hand.spin - spin - about - tilt, arm)
        change = gap + gyration * dot(arm, gap) * arm
        change = change / (1.0 + gyration * dot(arm, arm))
        along = dot(change, hand.closing) * hand.closing
        across = change - along
        budget = 2.0 * bodies.friction * hand.force * self.h / bodies.mass
        need = length(across)
        carried = (budget / (need + TINY)).clamp(max=1.0)
        change = along + carried * across
        turning = about + tilt + gyration * cross(arm, change)
        return held * change, held * turning, Grip(held, carried)

    @staticmethod
    def _turned(arm: Tensor, angle: Tensor) -> Tensor:
        """An arm (3, N) after a small rotation vector (3, N)."""
        tangent = cross(angle, arm)
        return arm + tangent + 0.5 * cross(angle, tangent)

    @staticmethod
    def _limited(vector: Tensor, most: Tensor) -> Tensor:
        return (most / (length(vector) + TINY)).clamp(max=1.0)


def deepest(local: Tensor, planes: Tensor) -> Tensor:
    """Signed distance (Q, ...) of points (3, Q, ...) to bodies of planes (4, M, ...)."""
    at, normal = local.unsqueeze(1), planes.unsqueeze(2)
    gap = normal[0] * at[0] + normal[1] * at[1] + normal[2] * at[2] - normal[3]  # (M, Q, ...)
    return gap.amax(0)
