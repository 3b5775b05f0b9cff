"""What is assumed of an object before it has been felt or seen to move."""

from __future__ import annotations

import numpy as np

from sakiyomi.scene import Gaussian, HiddenProperties
from world_model_node.config import PredictionConfig
from world_model_node.contact_estimation.center_of_mass import CenterOfMassEstimator

CENTER_OF_MASS_RELATIVE_SIGMA = 0.13  # of the extent: sigma of the centre of mass about the middle


def prior_properties(
    volume_m3: float,
    extent_m: np.ndarray,
    config: PredictionConfig,
    measured_mass: Gaussian | None = None,
    measured_friction: Gaussian | None = None,
    center_of_mass: CenterOfMassEstimator | None = None,
) -> HiddenProperties:
    """Mass from the seen volume and the wrist, what was felt; the rest as configured."""
    mass = Gaussian(
        volume_m3 * config.density_kgpm3, (volume_m3 * config.density_sigma_kgpm3) ** 2
    )
    sigma_com = CENTER_OF_MASS_RELATIVE_SIGMA * np.maximum(extent_m, 0.01)
    center_m, center_covariance = (center_of_mass or CenterOfMassEstimator()).posterior(sigma_com)
    return HiddenProperties(
        mass_kg=mass if measured_mass is None else gaussian_product(mass, measured_mass),
        friction=friction_prior(config) if measured_friction is None else measured_friction,
        restitution=Gaussian(config.restitution, config.restitution_sigma**2),
        center_of_mass_m=center_m,
        center_of_mass_covariance=center_covariance,
    )


def friction_prior(config: PredictionConfig) -> Gaussian:
    """What is assumed of an object's friction before it was held."""
    return Gaussian(config.friction, config.friction_sigma**2)


def gaussian_product(one: Gaussian, other: Gaussian) -> Gaussian:
    """The product of two independent beliefs about the same number."""
    total = one.variance + other.variance
    if total <= 0.0:
        return one
    mean = (one.mean * other.variance + other.mean * one.variance) / total
    return Gaussian(mean, one.variance * other.variance / total)
