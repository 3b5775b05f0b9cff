"""What the step takes and gives: bodies as tensors, N at once (samples x actions x objects)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class BodyState(NamedTuple):
    """Motion of N bodies in the world frame."""

    position: Tensor  # (N, 3) centre of mass [m]
    rotation: Tensor  # (N, 4) unit quaternion w x y z, body to world
    velocity: Tensor  # (N, 3) of the centre of mass [m/s]
    angular_velocity: Tensor  # (N, 3) world frame [rad/s]


class BodyParameters(NamedTuple):
    """What does not change over a rollout, in the body frame about the centre of mass."""

    mass: Tensor  # (N, 1) [kg]
    inertia: Tensor  # (N, 3, 3) [kg m^2]
    friction: Tensor  # (N, 1) Coulomb coefficient with whatever it touches
    restitution: Tensor  # (N, 1)
    points: Tensor  # (N, P, 3) surface [m]


class ContactLaw(NamedTuple):
    """How contacts yield; each a scalar or (N, 1), and learnable.

    Stiffness and damping are per contact and per kilogram of the body, as in MuJoCo, so that light
    and heavy bodies behave alike.
    """

    stiffness: Tensor  # [1/s^2]: spring constant over mass
    damping: Tensor  # [1/s]: damper over mass
    slip_mps: Tensor  # slip below which friction is viscous [m/s]
    rounding_m: Tensor  # radius of the edges: each point is a sphere [m]


def default_law() -> ContactLaw:
    """Stiff plastic on wood, stable from 1 to 25 ms per substep."""
    return ContactLaw(*(torch.tensor(value) for value in (4000.0, 20.0, 5e-3, 0.0)))
