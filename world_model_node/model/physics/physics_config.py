"""The tuning of the rollout; the weights of a model were trained with these values."""

from __future__ import annotations

from dataclasses import dataclass, field

from world_model_node.model.contact.contact_config import ContactConfig
from world_model_node.model.physics.body_shape import BodyShapeConfig


@dataclass(frozen=True)
class CorrectionConfig:
    """Bounds of the learned correction of a twist, once per step of 50 ms.

    Attributes:
        max_speed_mps: Largest change of velocity where contacts are computed.
        max_spin_radps: Largest change of spin where contacts are computed.
        max_learned_speed_mps: Largest change of velocity of a network without contact physics.
        max_learned_spin_radps: Largest change of spin of a network without contact physics.
        min_motion_mps: Speed at which the correction has half its size; bodies at rest stay so.
        spin_arm_m: Lever arm that converts spin to speed.
        hand_range_m: Distance over which the hand's influence decays.
    """

    max_speed_mps: float = 0.05
    max_spin_radps: float = 0.5
    max_learned_speed_mps: float = 0.6
    max_learned_spin_radps: float = 5.0
    min_motion_mps: float = 0.05
    spin_arm_m: float = 0.05
    hand_range_m: float = 0.1


@dataclass(frozen=True)
class PhysicsConfig:
    """The computed physics of a rollout.

    Attributes:
        contacts: Contacts with the hand and between bodies.
        correction: Bounds of the learned correction.
        shape: Shapes of bodies from tracked surfaces.
        max_speed_mps: Bound of every velocity; faster bodies come from failed contacts.
        max_spin_radps: Bound of every spin.
        max_opening_m: Largest opening of a hand of unknown opening.
    """

    contacts: ContactConfig = field(default_factory=ContactConfig)
    correction: CorrectionConfig = field(default_factory=CorrectionConfig)
    shape: BodyShapeConfig = field(default_factory=BodyShapeConfig)
    max_speed_mps: float = 8.0
    max_spin_radps: float = 60.0
    max_opening_m: float = 0.1
