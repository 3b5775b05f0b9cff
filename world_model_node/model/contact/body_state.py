"""States and parameters of N bodies (samples x actions x objects) as tensors."""

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
    """The constants of a rollout, in the body frame about the centre of mass."""

    mass: Tensor  # (N, 1) [kg]
    inertia: Tensor  # (N, 3, 3) [kg m^2]
    friction: Tensor  # (N, 1) Coulomb coefficient
    restitution: Tensor  # (N, 1)
    points: Tensor  # (N, P, 3) surface [m]


class ContactLaw(NamedTuple):
    """The compliance of contacts; each field is a scalar or (N, 1), and learnable.

    Stiffness and damping are per contact and per kilogram of the body, as in MuJoCo, so that light
    and heavy bodies behave alike.
    """

    stiffness: Tensor  # [1/s^2]: spring constant over mass
    damping: Tensor  # [1/s]: damper over mass
    slip_mps: Tensor  # slip below which friction is viscous [m/s]
    rounding_m: Tensor  # radius of the sphere about each contact point [m]


def default_law() -> ContactLaw:
    """The law of stiff plastic on wood, stable from 1 to 25 ms per substep."""
    return ContactLaw(*(torch.tensor(value) for value in (4000.0, 20.0, 5e-3, 0.0)))


class MotionState(NamedTuple):
    """A `BodyState` with bodies along the last axis and the spin in the body frame."""

    position: Tensor  # (3, N)
    rotation: Tensor  # (4, N)
    velocity: Tensor  # (3, N) world frame
    spin: Tensor  # (3, N) body frame
    support_impulse: Tensor  # (1, N) upward velocity change by the plane in the last substep [m/s]


class BodyBatch(NamedTuple):
    """`BodyParameters` and `ContactLaw` in the form of the step, computed once per rollout."""

    mass: Tensor  # (1, N)
    inertia: Tensor  # (6, N) stored entries
    mass_entries: Tensor  # (21, N) of the 6x6 mass matrix
    mass_over_inertia: Tensor  # (1, N) mass over mean moment of inertia [1/m^2]
    friction: Tensor  # (1, N)
    restitution: Tensor  # (1, N)
    points: Tensor  # (4, P, N) homogeneous
    moments: Tensor  # (10, P, N) products of their coordinates
    stiffness: Tensor  # (1, N) [N/m]
    damping: Tensor  # (1, N) [N s/m]
    slip_mps: Tensor  # (1, N)
    ground: Tensor  # (1, N) height of the plane, raised by the rounding [m]
    latent: Tensor  # (0, N) empty; the field numbers of the exported graphs rest on its place
