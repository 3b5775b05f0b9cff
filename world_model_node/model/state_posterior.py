"""What cannot be seen of an object: a diagonal Gaussian in coordinates in which it is plain.

Each quantity has a coordinate u of order one, so that one zero-initialised layer starts at a
sensible prior; `sample` maps samples of u to the physical quantities.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sakiyomi.constants import GRAVITY_MPS2
from world_model_node.model.dimensions import FRAME_S
from world_model_node.model.model_config import ModelConfig

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
# shares of the measured twist: horizontal, vertical, angular; then rolling, deceleration,
# horizontal and vertical speedup, fall
NUM_GATES = 8
SIGMA_BOUNDS = (-3.0, 2.5)  # of the logarithm of the factor on sigma
POSITION_SCALE_M, ROTATION_SCALE_RAD, VELOCITY_SCALE_MPS, SPIN_SCALE_RADPS = 0.01, 0.1, 0.3, 3.0
ROLLING_FRICTION_M, SPINNING_FRICTION_M = 5e-4, 7e-4
CENTER_SIGMAS = 2.0  # that the centre of mass may lie off where it was felt or is expected
MAX_SPEED_MPS, MAX_SPIN_RADPS = 4.0, 25.0
INITIAL_GATE_BIAS = (-1.0, -1.0, -1.0, -3.0, -5.0, 0.0, 0.0, -5.0)
MIN_FALL_SPEED_MPS = 0.1  # what seems to sink slower than this does not fall
VELOCITY_AGE_S = 0.5 * FRAME_S  # the mean age of a velocity that is measured between two frames


class Posterior(NamedTuple):
    """Of the coordinates u; and the gates."""

    mean: Tensor  # (E, n, D)
    log_sigma: Tensor  # (E, n, D)
    gates: Tensor  # (E, n, NUM_GATES) in [0, 1]


class StateSample(NamedTuple):
    """Samples of what a body is and how it moves now. Shape (..., width)."""

    mass: Tensor  # kg
    friction: Tensor
    restitution: Tensor
    rolling: Tensor  # m
    spinning: Tensor  # m
    roundness: Tensor  # of the least half extent
    center: Tensor  # m from the tracked origin, object frame
    position_offset: Tensor  # m, frame
    rotation_offset: Tensor  # rad, frame
    velocity: Tensor  # m/s of the tracked origin
    spin: Tensor  # rad/s
    belt_velocity: Tensor  # m/s of the table's surface
    latent: Tensor


class PosteriorHead(nn.Module):
    """Belief to posterior, posterior and noise to samples."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.widths = [width for _, width, _ in QUANTITIES] + [config.latent]
        sigmas = [s for _, width, s in QUANTITIES for _ in range(width)] + [1.0] * config.latent
        self.size = sum(self.widths)
        self.register_buffer('log_sigma', torch.tensor(sigmas).log(), persistent=False)
        self.head = nn.Linear(config.hidden, 2 * self.size + NUM_GATES)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        with torch.no_grad():
            self.head.bias[-NUM_GATES:] = torch.tensor(INITIAL_GATE_BIAS)

    def forward(self, token: Tensor, w: NamedTuple) -> Posterior:
        """The posterior of every object; `w` is what was watched."""
        mean, log_sigma, gates = self.head(token).split([self.size, self.size, NUM_GATES], -1)
        log_sigma = self.log_sigma + log_sigma.clamp(*SIGMA_BOUNDS)
        return Posterior(mean, log_sigma, torch.sigmoid(gates))

    def sample(self, posterior: Posterior, w: NamedTuple, noise: Tensor) -> StateSample:
        """Samples; `noise` (E, K, n, D) standard normal; everything gets the axis K."""
        mean, sigma, gates = (p.unsqueeze(1) for p in posterior)
        u = mean + sigma.exp() * noise
        coordinates = u.split(self.widths, -1)
        mass, friction, restitution, rolling, spinning, roundness = coordinates[:6]
        center, shift, turn, velocity, spin, latent = coordinates[6:]
        prior, expected_center = w.prior.unsqueeze(1), w.center.unsqueeze(1)
        sigma_center = w.center_sigma.unsqueeze(1)
        log_mass, sigma_mass, log_friction, sigma_friction = prior.split(1, -1)
        log_friction = log_friction + sigma_friction.clamp(0.05, 0.6) * friction
        friction = log_friction.clamp(-4.0, 0.7).exp()
        v, omega = self._current_twist(w, gates, friction)
        return StateSample(
            (log_mass + sigma_mass.clamp(0.03, 1.0) * mass).clamp(-5.5, 2.0).exp(),
            friction,
            0.9 * torch.sigmoid(restitution - 1.0),
            ROLLING_FRICTION_M * rolling.clamp(-3.0, 3.0).exp(),
            SPINNING_FRICTION_M * spinning.clamp(-3.0, 3.0).exp(),
            torch.sigmoid(roundness - 2.0),
            expected_center + CENTER_SIGMAS * sigma_center * torch.tanh(center),
            POSITION_SCALE_M * shift,
            ROTATION_SCALE_RAD * turn,
            (v + VELOCITY_SCALE_MPS * velocity).clamp(-MAX_SPEED_MPS, MAX_SPEED_MPS),
            (omega + SPIN_SCALE_RADPS * spin).clamp(-MAX_SPIN_RADPS, MAX_SPIN_RADPS),
            w.surface.unsqueeze(1).expand_as(velocity[..., :2]),
            latent,
        )

    @staticmethod
    def _current_twist(w: NamedTuple, gates: Tensor, friction: Tensor) -> tuple[Tensor, Tensor]:
        """Between the tracker's twist and that of the newest two poses, and what changed since.

        Between two frames 0.1 s apart friction takes as much as 0.5 m/s from what slides, and
        gravity gives 1 m/s to what falls: at the newest frame half of that is not measured yet.
        """
        tracked, measured = w.twist.unsqueeze(1), w.measured.unsqueeze(1)
        horizontal, vertical, angular, rolling, decelerated, *speedup, fall = gates.split(1, -1)
        trust = torch.cat([horizontal, horizontal, vertical], -1)
        v = tracked[..., :3] + trust * (measured[..., :3] - tracked[..., :3])
        omega = tracked[..., 3:] + angular * (measured[..., 3:] - tracked[..., 3:])
        surface = w.surface.unsqueeze(1)
        along = 2.0 * speedup[0] * v[..., :2] - surface
        speed = (along.square().sum(-1, keepdim=True) + 1e-6).sqrt()
        braked = decelerated * friction * GRAVITY_MPS2 * VELOCITY_AGE_S
        along = along * (1.0 - braked / speed).relu() + surface
        sinking = (-measured[..., 2:3] / MIN_FALL_SPEED_MPS).clamp(0.0, 1.0)
        vertical_velocity = (
            2.0 * speedup[1] * v[..., 2:] - fall * sinking * GRAVITY_MPS2 * VELOCITY_AGE_S
        )
        v = torch.cat([along, vertical_velocity.expand_as(along[..., :1])], -1)
        radius = w.place.unsqueeze(1)[..., 2:].clamp(min=0.01)
        rolling_spin = (
            torch.cat([-v[..., 1:2], v[..., :1], torch.zeros_like(v[..., :1])], -1) / radius
        )
        return v, omega + rolling * (rolling_spin - omega)
