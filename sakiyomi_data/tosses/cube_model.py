"""The step as a model of one tossed cube: a vector of parameters, and its rollout."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sakiyomi_data.tosses.flight import CORNERS, Flight, travel_frame
from sakiyomi_data.tosses.recordings import Tosses
from world_model_node.model.contact.body_state import BodyParameters, BodyState, ContactLaw
from world_model_node.model.contact.contact_config import ExternalContactConfig
from world_model_node.model.physics.contact_step import ContactStep

MAX_SUBSTEP_S = 0.0012
# start and scale of the search; None: from flight and rest
PARAMETERS = {
    'log_stiffness': (11.5, 0.7),
    'log_damping': (1.5, 1.0),
    'log_slip': (-3.0, 1.0),
    'rounding_m': (0.0005, 0.0005),
    'friction': (0.2, 0.05),
    'restitution': (0.4, 0.1),
    'width_m': (None, 0.0005),
    'height_m': (0.0, 0.0005),
    'gravity_mps2': (None, 0.05),
    'radius_squared': (0.2, 0.05),  # of gyration over the squared width: 1/6 solid, 5/18 hollow
    'axial_ratio': (1.0, 0.05),  # of the moment of inertia about z to that about x and y
    'center_x_m': (None, 0.0005),
    'center_y_m': (None, 0.0005),
    'center_z_m': (None, 0.0005),
    'first_vx': (None, 0.004),
    'first_vy': (None, 0.004),
    'first_vz': (None, 0.004),
    'first_wx': (None, 0.04),
    'first_wy': (None, 0.04),
    'first_wz': (None, 0.04),
}
NAMES = tuple(PARAMETERS)
SCALES = np.array([scale for _, scale in PARAMETERS.values()])
MASS_KG = 1.0  # the motion of a body on a fixed plane does not depend on it


def starting_point(flight: Flight) -> np.ndarray:
    """Where the search begins: what flight tells, ordinary plastic for the rest. Shape (D,)."""
    told = {'width_m': flight.width_m, 'gravity_mps2': flight.gravity_mps2}
    told |= dict(zip(('center_x_m', 'center_y_m', 'center_z_m'), flight.center_m, strict=True))
    first = ('first_vx', 'first_vy', 'first_vz', 'first_wx', 'first_wy', 'first_wz')
    told |= dict(zip(first, np.median(flight.errors, 0), strict=True))
    return np.array([told.get(name, start) for name, (start, _) in PARAMETERS.items()])


@dataclass(frozen=True)
class Paths:
    """Predicted poses of the tracked origin."""

    position: Tensor  # (..., N, T, 3) m
    rotation: Tensor  # (..., N, T, 4)


class TossModel:
    """Rolls tosses out from their first frame, for many parameter vectors at once."""

    def __init__(self, rate_hz: float) -> None:
        self.substeps = math.ceil(1.0 / (rate_hz * MAX_SUBSTEP_S))
        self.step = ContactStep(1.0 / (rate_hz * self.substeps), ExternalContactConfig())

    def roll_out(
        self, parameters: np.ndarray, tosses: Tosses, errors: np.ndarray | None = None
    ) -> Paths:
        """Poses at every frame of the longest toss, each toss with each parameter vector.

        Args:
            parameters: Shape (C, D).
            tosses: N recordings; only their first frames are read.
            errors: What to add to the first twist, in the frame of travel. Shape (C, N, 6).

        Returns:
            Shape (C, N, T, ...).
        """
        count, n = len(parameters), len(tosses)
        first = tosses.cut(1).take(np.tile(np.arange(n), count))
        errors = None if errors is None else errors.reshape(-1, 6)
        frames = tosses.position.shape[1]
        paths = self.roll_out_each(np.repeat(parameters, n, 0), first, frames, errors)
        return Paths(*(p.unflatten(0, (count, n)) for p in (paths.position, paths.rotation)))

    @torch.no_grad()
    def roll_out_each(
        self, parameters: np.ndarray, tosses: Tosses, frames: int, errors: np.ndarray | None = None
    ) -> Paths:
        """Poses at T frames, each toss with a parameter vector of its own. Shape (B, T, ...).

        Args:
            parameters: Shape (B, D).
            tosses: B recordings, of the same cube or not; only their first frames are read.
            frames: T.
            errors: What to add to the first twist, in the frame of travel. Shape (B, 6).
        """
        value = _columns(parameters)
        center = torch.cat([value['center_x_m'], value['center_y_m'], value['center_z_m']], 1)
        state = self._first(value, center, tosses, errors)
        bodies = self.step.prepare(self._body(value, center), self._law(value), value['height_m'])
        self.step.fall = torch.zeros(3, len(tosses))
        self.step.fall[2] = -self.step.h * value['gravity_mps2'][:, 0]
        motion, turned = self.step.from_body_state(state), self.step.rotations
        positions, rotations = [], []
        for frame in range(frames):
            for _ in range(self.substeps if frame else 0):
                motion = self.step(motion, bodies)
            offset = turned.to_world(turned.matrix(motion.rotation), center.T)
            positions.append(motion.position - offset)
            rotations.append(motion.rotation)
        return Paths(_frames_last(positions), _frames_last(rotations))

    def _first(
        self,
        value: dict[str, Tensor],
        center: Tensor,
        tosses: Tosses,
        errors: np.ndarray | None,
    ) -> BodyState:
        """The motion of the centre of mass at the first frame."""
        position, q, v, spin = (
            torch.as_tensor(series[:, 0])
            for series in (tosses.position, tosses.rotation, tosses.velocity, tosses.spin)
        )
        turned = self.step.rotations
        R = turned.matrix(q.T)
        omega = turned.to_world(R, spin.T).T
        arm = turned.to_world(R, center.T).T
        lacking = torch.cat([value[f'first_{axis}'] for axis in ('vx', 'vy', 'vz')], 1)
        slower = torch.cat([value[f'first_{axis}'] for axis in ('wx', 'wy', 'wz')], 1)
        if errors is not None:
            added = torch.as_tensor(errors, dtype=torch.float32)
            lacking, slower = lacking + added[:, :3], slower + added[:, 3:]
        axes = torch.as_tensor(travel_frame(tosses.velocity[:, 0]), dtype=torch.float32)
        v = v + torch.linalg.cross(omega, arm) + (axes @ lacking.unsqueeze(2)).squeeze(2)
        omega = omega + (axes @ slower.unsqueeze(2)).squeeze(2)
        return BodyState(position + arm, q, v, omega)

    @staticmethod
    def _body(value: dict[str, Tensor], center: Tensor) -> BodyParameters:
        one = torch.ones_like(value['friction'])
        moments = torch.cat([one, one, value['axial_ratio']], 1)
        moments = MASS_KG * value['radius_squared'] * value['width_m'] ** 2 * moments
        size = value['width_m'] - 2.0 * value['rounding_m']
        corners = torch.as_tensor(CORNERS, dtype=torch.float32)
        return BodyParameters(
            MASS_KG * one,
            torch.diag_embed(moments),
            value['friction'],
            value['restitution'],
            corners * size.unsqueeze(2) - center.unsqueeze(1),
        )

    @staticmethod
    def _law(value: dict[str, Tensor]) -> ContactLaw:
        return ContactLaw(
            value['log_stiffness'].exp(),
            value['log_damping'].exp(),
            value['log_slip'].exp(),
            value['rounding_m'],
        )


def _columns(parameters: np.ndarray) -> dict[str, Tensor]:
    """Every parameter of every body. Shape (B, 1) each."""
    rows = torch.as_tensor(parameters, dtype=torch.float32)
    return dict(zip(NAMES, rows.split(1, 1), strict=True))


def _frames_last(series: list[Tensor]) -> Tensor:
    return torch.stack(series).permute(2, 0, 1)  # (B, T, ...)
