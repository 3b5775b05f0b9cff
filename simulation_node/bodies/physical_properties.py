"""Physical properties of an object, drawn at random for training and evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation_node.objects.meshes import Shape
from simulation_node.objects.object_files import volume_and_center

MASS_RANGE_KG = (0.03, 1.0)
DENSITY_RANGE_KG_M3 = (100.0, 2000.0)
FRICTION_RANGE = (0.1, 1.0)
RESTITUTION_RANGE = (0.0, 0.6)
ROLLING_FRICTION_RANGE_M = (1e-4, 3e-3)
SPINNING_FRICTION_RANGE_M = (1e-4, 5e-3)
MAX_CENTER_OFFSET_SHARE = (
    0.2  # of the extent, by which the centre of mass lies off the volume's centre
)


@dataclass(frozen=True)
class PhysicalProperties:
    """The physical properties of one object as it is, scale included."""

    mass_kg: float
    friction: float  # on the table and on the pads
    rolling_friction_m: float
    spinning_friction_m: float
    restitution: float  # on the table
    center_of_mass_m: np.ndarray  # (3,) in the object frame


def sample_properties(shape: Shape, rng: np.random.Generator) -> PhysicalProperties:
    """Properties for an object of this (scaled) shape: log-uniform where they span decades."""
    volume_m3, center_m = volume_and_center(shape)
    mass_kg = float(np.clip(_log_uniform(DENSITY_RANGE_KG_M3, rng) * volume_m3, *MASS_RANGE_KG))
    extent_m = np.ptp(shape.vertices_m, axis=0)
    offset_m = rng.uniform(-MAX_CENTER_OFFSET_SHARE, MAX_CENTER_OFFSET_SHARE, 3) * extent_m
    return PhysicalProperties(
        mass_kg=mass_kg,
        friction=float(rng.uniform(*FRICTION_RANGE)),
        rolling_friction_m=_log_uniform(ROLLING_FRICTION_RANGE_M, rng),
        spinning_friction_m=_log_uniform(SPINNING_FRICTION_RANGE_M, rng),
        restitution=float(rng.uniform(*RESTITUTION_RANGE)),
        center_of_mass_m=center_m + offset_m,
    )


def _log_uniform(between: tuple[float, float], rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(*np.log(between))))
