"""The posterior over hidden properties and state: a diagonal Gaussian in coordinates u.

Each quantity has a coordinate u of order one, so that a zero-initialised layer starts at a
sensible prior; `sample` maps samples of u to the physical quantities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sakiyomi.constants import GRAVITY_MPS2
from world_model_node.model.dimensions import FRAME_S
from world_model_node.model.model_config import ModelConfig

# name, width, initial sigma
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
# shares of the measured twist (horizontal, vertical, angular), then rolling, deceleration,
# horizontal and vertical speedup, fall
NUM_GATES = 8


@dataclass(frozen=True)
class PosteriorConfig:
    """Scales and bounds of the coordinates u; the weights of a model depend on these values.

    Attributes:
        log_sigma_bounds: Bounds of the logarithm of the learned factor on sigma.
        position_scale_m: Unit of the position error.
        rotation_scale_rad: Unit of the rotation error.
        velocity_scale_mps: Unit of the velocity error.
        spin_scale_radps: Unit of the spin error.
        rolling_friction_m: Median lever arm of rolling resistance.
        spinning_friction_m: Median lever arm of spinning resistance.
        center_sigmas: Largest deviation of the centre of mass from the prior, in sigmas.
        max_speed_mps: Bound of the velocity.
        max_spin_radps: Bound of the spin.
        initial_gate_bias: Logits of the gates before training.
        min_fall_speed_mps: Sinking speed from which an object certainly falls.
        velocity_age_s: Mean age of a velocity measured between two frames.
    """

    log_sigma_bounds: tuple[float, float] = (-3.0, 2.5)
    position_scale_m: float = 0.01
    rotation_scale_rad: float = 0.1
    velocity_scale_mps: float = 0.3
    spin_scale_radps: float = 3.0
    rolling_friction_m: float = 5e-4
    spinning_friction_m: float = 7e-4
    center_sigmas: float = 2.0
    max_speed_mps: float = 4.0
    max_spin_radps: float = 25.0
    initial_gate_bias: tuple[float, ...] = (-1.0, -1.0, -1.0, -3.0, -5.0, 0.0, 0.0, -5.0)
    min_fall_speed_mps: float = 0.1
    velocity_age_s: float = 0.5 * FRAME_S


class Posterior(NamedTuple):
    """Mean and log sigma of the coordinates u, and the gates."""

    mean: Tensor  # (E, n, D)
    log_sigma: Tensor  # (E, n, D)
    gates: Tensor  # (E, n, NUM_GATES) in [0, 1]


class StateSample(NamedTuple):
    """Samples of the properties and the present motion of objects. Shape (..., width)."""

    mass: Tensor  # kg
    friction: Tensor
    restitution: Tensor
    rolling: Tensor  # m
    spinning: Tensor  # m
    roundness: Tensor  # share of the least half extent
    center: Tensor  # m from the tracked origin, object frame
    position_offset: Tensor  # m, frame
    rotation_offset: Tensor  # rad, frame
    velocity: Tensor  # m/s of the tracked origin
    spin: Tensor  # rad/s
    belt_velocity: Tensor  # m/s of the table's surface
    latent: Tensor


class PosteriorHead(nn.Module):
    """Maps a belief to a posterior, and a posterior and noise to samples."""

    def __init__(self, config: ModelConfig, posterior: PosteriorConfig) -> None:
        super().__init__()
        self.config = posterior
        self.widths = [width for _, width, _ in QUANTITIES] + [config.latent]
        sigmas = [s for _, width, s in QUANTITIES for _ in range(width)] + [1.0] * config.latent
        self.size = sum(self.widths)
        self.register_buffer('log_sigma', torch.tensor(sigmas).log(), persistent=False)
        self.head = nn.Linear(config.hidden, 2 * self.size + NUM_GATES)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        with torch.no_grad():
            self.head.bias[-NUM_GATES:] = torch.tensor(posterior.initial_gate_bias)

    def forward(self, token: Tensor, w: NamedTuple) -> Posterior:
        """The posterior of every object, from the object's token (E, n, hidden)."""
        mean, log_sigma, gates = self.head(token).split([self.size, self.size, NUM_GATES], -1)
        log_sigma = self.log_sigma + log_sigma.clamp(*self.config.log_sigma_bounds)
        return Posterior(mean, log_sigma, torch.sigmoid(gates))

    def sample(self, posterior: Posterior, w: NamedTuple, noise: Tensor) -> StateSample:
        """K samples per object from standard normal `noise` (E, K, n, D)."""
        c = self.config
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
            c.rolling_friction_m * rolling.clamp(-3.0, 3.0).exp(),
            c.spinning_friction_m * spinning.clamp(-3.0, 3.0).exp(),
            torch.sigmoid(roundness - 2.0),
            expected_center + c.center_sigmas * sigma_center * torch.tanh(center),
            c.position_scale_m * shift,
            c.rotation_scale_rad * turn,
            (v + c.velocity_scale_mps * velocity).clamp(-c.max_speed_mps, c.max_speed_mps),
            (omega + c.spin_scale_radps * spin).clamp(-c.max_spin_radps, c.max_spin_radps),
            w.surface.unsqueeze(1).expand_as(velocity[..., :2]),
            latent,
        )

    def _current_twist(
        self, w: NamedTuple, gates: Tensor, friction: Tensor
    ) -> tuple[Tensor, Tensor]:
        """A gated mean of the tracked and the finite-difference twist, extrapolated to now.

        Between two frames 0.1 s apart, friction takes up to 0.5 m/s from a sliding object and
        gravity adds 1 m/s to a falling one; half of this change is not measured at the newest
        frame.
        """
        c = self.config
        tracked, measured = w.twist.unsqueeze(1), w.measured.unsqueeze(1)
        horizontal, vertical, angular, rolling, decelerated, *speedup, fall = gates.split(1, -1)
        trust = torch.cat([horizontal, horizontal, vertical], -1)
        v = tracked[..., :3] + trust * (measured[..., :3] - tracked[..., :3])
        omega = tracked[..., 3:] + angular * (measured[..., 3:] - tracked[..., 3:])
        surface = w.surface.unsqueeze(1)
        along = 2.0 * speedup[0] * v[..., :2] - surface
        speed = (along.square().sum(-1, keepdim=True) + 1e-6).sqrt()
        braked = decelerated * friction * GRAVITY_MPS2 * c.velocity_age_s
        along = along * (1.0 - braked / speed).relu() + surface
        sinking = (-measured[..., 2:3] / c.min_fall_speed_mps).clamp(0.0, 1.0)
        vertical_velocity = (
            2.0 * speedup[1] * v[..., 2:] - fall * sinking * GRAVITY_MPS2 * c.velocity_age_s
        )
        v = torch.cat([along, vertical_velocity.expand_as(along[..., :1])], -1)
        radius = w.place.unsqueeze(1)[..., 2:].clamp(min=0.01)
        rolling_spin = (
            torch.cat([-v[..., 1:2], v[..., :1], torch.zeros_like(v[..., :1])], -1) / radius
        )
        return v, omega + rolling * (rolling_spin - omega)
