"""The tuning of the network beyond the sizes of `ModelConfig`."""

from __future__ import annotations

from dataclasses import dataclass, field

from world_model_node.model.physics.physics_config import PhysicsConfig
from world_model_node.model.state_posterior import PosteriorConfig


@dataclass(frozen=True)
class UncertaintyConfig:
    """Learned noise beyond the spread of the samples, one value per noise term.

    Attributes:
        min_sigma: Lower bounds.
        initial_sigma: Values at the beginning, before the learned factor.
        sigma_growth_per_s: Growth per second, before the learned factor.
        min_airborne_height: Lowest point [0.1 m] from which an object is airborne.
    """

    min_sigma: tuple[float, ...] = (1e-3, 1e-3, 5e-3, 5e-3, 2e-2)
    initial_sigma: tuple[float, ...] = (0.004, 0.003, 0.03, 0.05, 0.3)
    sigma_growth_per_s: tuple[float, ...] = (0.008, 0.004, 0.08, 0.05, 0.3)
    min_airborne_height: float = 0.2


@dataclass(frozen=True)
class NetworkConfig:
    """The tuning that the shipped weights were trained with, beyond the sizes of `ModelConfig`.

    Attributes:
        physics: Computed physics of the rollout.
        posterior: Scales and bounds of the posterior.
        uncertainty: Learned noise of the futures.
    """

    physics: PhysicsConfig = field(default_factory=PhysicsConfig)
    posterior: PosteriorConfig = field(default_factory=PosteriorConfig)
    uncertainty: UncertaintyConfig = field(default_factory=UncertaintyConfig)
