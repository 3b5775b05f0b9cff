"""What cannot be seen of an object: a diagonal Gaussian in coordinates in which it is plain.

Each quantity has a coordinate u of order one, so that one zero-initialised layer starts at a
sensible prior; `draw` maps samples of u to the physical quantities.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from world_model_node.model.dimensions import FRAME_S
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.physics.step import GRAVITY_MPS2

# name, width, sigma at first
QUANTITIES = (
    ('mass', 1, 1.0),
    ('friction', 1, 1.0),
    ('restitution', 1, 0.7),
    ('rolling', 1, 0.8),
    ('spinning', 1, 0.8),
    ('roundness', 1, 0.3),
    ('center', 3, 0.5),
    ('shift', 3, 0.4),
    ('turn', 3, 0.3),
    ('velocity', 3, 0.15),
    ('spin', 3, 0.2),
)
# how much of the measured twist is believed: level, upright, turning; rolling; slowed; how much
# faster than that, level and upright; falling
GATES = 8
SIGMA_BOUNDS = (-3.0, 2.5)  # of the logarithm of the factor on sigma
SHIFT_M, TURN_RAD, VELOCITY_MPS, SPIN_RADPS = 0.01, 0.1, 0.3, 3.0
ROLLING_M, SPINNING_M = 5e-4, 7e-4
CENTER_SIGMAS = 2.0  # that the centre of mass may lie off where it was felt or is expected
FASTEST_MPS, FASTEST_RADPS = 4.0, 25.0
GATE_BIAS = (-1.0, -1.0, -1.0, -3.0, -5.0, 0.0, 0.0, -5.0)
DOWN_MPS = 0.1  # what seems to sink slower than this does not fall
SINCE_S = 0.5 * FRAME_S  # the mean age of a velocity that is measured between two frames


class Posterior(NamedTuple):
    """Of the coordinates u; and the gates."""

    mean: Tensor  # (E, n, D)
    log_sigma: Tensor  # (E, n, D)
    gates: Tensor  # (E, n, GATES) in [0, 1]


class Drawn(NamedTuple):
    """Samples of what a body is and how it moves now. Shape (..., width)."""

    mass: Tensor  # kg
    friction: Tensor
    restitution: Tensor
    rolling: Tensor  # m
    spinning: Tensor  # m
    roundness: Tensor  # of the least half extent
    center: Tensor  # m from the tracked origin, object frame
    shift: Tensor  # m, frame
    turn: Tensor  # rad, frame
    velocity: Tensor  # m/s of the tracked origin
    spin: Tensor  # rad/s
    belt: Tensor  # m/s of the table's surface
    latent: Tensor


class HiddenState(nn.Module):
    """Belief to posterior, posterior and noise to samples."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.widths = [width for _, width, _ in QUANTITIES] + [config.latent]
        sigmas = [s for _, width, s in QUANTITIES for _ in range(width)] + [1.0] * config.latent
        self.size = sum(self.widths)
        self.register_buffer('log_sigma', torch.tensor(sigmas).log(), persistent=False)
        self.head = nn.Linear(config.hidden, 2 * self.size + GATES)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        with torch.no_grad():
            self.head.bias[-GATES:] = torch.tensor(GATE_BIAS)

    def forward(self, token: Tensor, w: NamedTuple) -> Posterior:
        """The posterior of every object; `w` is what was watched."""
        mean, log_sigma, gates = self.head(token).split([self.size, self.size, GATES], -1)
        log_sigma = self.log_sigma + log_sigma.clamp(*SIGMA_BOUNDS)
        return Posterior(mean, log_sigma, torch.sigmoid(gates))

    def draw(self, posterior: Posterior, w: NamedTuple, noise: Tensor) -> Drawn:
        """Samples; `noise` (E, K, n, D) standard normal; everything gets the axis K."""
        mean, sigma, gates = (p.unsqueeze(1) for p in posterior)
        u = mean + sigma.exp() * noise
        parts = u.split(self.widths, -1)
        mass, friction, restitution, rolling, spinning, roundness = parts[:6]
        center, shift, turn, velocity, spin, latent = parts[6:]
        prior, middle = w.prior.unsqueeze(1), w.center.unsqueeze(1)
        sigma_center = w.center_sigma.unsqueeze(1)
        log_mass, sigma_mass, log_friction, sigma_friction = prior.split(1, -1)
        log_friction = log_friction + sigma_friction.clamp(0.05, 0.6) * friction
        friction = log_friction.clamp(-4.0, 0.7).exp()
        v, omega = self._twist_now(w, gates, friction)
        return Drawn(
            (log_mass + sigma_mass.clamp(0.03, 1.0) * mass).clamp(-5.5, 2.0).exp(),
            friction,
            0.9 * torch.sigmoid(restitution - 1.0),
            ROLLING_M * rolling.clamp(-3.0, 3.0).exp(),
            SPINNING_M * spinning.clamp(-3.0, 3.0).exp(),
            torch.sigmoid(roundness - 2.0),
            middle + CENTER_SIGMAS * sigma_center * torch.tanh(center),
            SHIFT_M * shift,
            TURN_RAD * turn,
            (v + VELOCITY_MPS * velocity).clamp(-FASTEST_MPS, FASTEST_MPS),
            (omega + SPIN_RADPS * spin).clamp(-FASTEST_RADPS, FASTEST_RADPS),
            w.surface.unsqueeze(1).expand_as(velocity[..., :2]),
            latent,
        )

    @staticmethod
    def _twist_now(w: NamedTuple, gates: Tensor, friction: Tensor) -> tuple[Tensor, Tensor]:
        """Between the tracker's twist and that of the newest two poses, and what changed since.

        Between two frames 0.1 s apart friction takes as much as 0.5 m/s from what slides, and
        gravity gives 1 m/s to what falls: at the newest frame half of that is not measured yet.
        """
        tracked, measured = w.twist.unsqueeze(1), w.measured.unsqueeze(1)
        level, upright, turning, rolling, slowed, *faster, falling = gates.split(1, -1)
        share = torch.cat([level, level, upright], -1)
        v = tracked[..., :3] + share * (measured[..., :3] - tracked[..., :3])
        omega = tracked[..., 3:] + turning * (measured[..., 3:] - tracked[..., 3:])
        surface = w.surface.unsqueeze(1)
        along = 2.0 * faster[0] * v[..., :2] - surface
        speed = (along.square().sum(-1, keepdim=True) + 1e-6).sqrt()
        lost = slowed * friction * GRAVITY_MPS2 * SINCE_S
        along = along * (1.0 - lost / speed).relu() + surface
        down = (-measured[..., 2:3] / DOWN_MPS).clamp(0.0, 1.0)
        fallen = 2.0 * faster[1] * v[..., 2:] - falling * down * GRAVITY_MPS2 * SINCE_S
        v = torch.cat([along, fallen.expand_as(along[..., :1])], -1)
        radius = w.place.unsqueeze(1)[..., 2:].clamp(min=0.01)
        rolled = torch.cat([-v[..., 1:2], v[..., :1], torch.zeros_like(v[..., :1])], -1) / radius
        return v, omega + rolling * (rolled - omega)
