"""The seam between the learned dynamics and whatever runs its network; numpy on both sides."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from world_model_node.model.features.input_window import InputWindow
from world_model_node.model.physics.active_contacts import ActiveContacts


class BeliefArrays(NamedTuple):
    """What is believed of n objects; the first two are the network's own."""

    state: np.ndarray  # (n, hidden)
    shape: np.ndarray  # (n, embedding)
    mean: np.ndarray  # (n, D) of the posterior
    log_sigma: np.ndarray  # (n, D)
    gates: np.ndarray  # (n, NUM_GATES)
    properties: np.ndarray  # (n, 6, 2) mean and variance: mass, friction, restitution, centre


class ImaginedArrays(NamedTuple):
    """B futures of n objects over H steps, in the window's frame."""

    position: np.ndarray  # (B, n, H, 3)
    rotation: np.ndarray  # (B, n, H, 4) w x y z
    covariance: np.ndarray  # (B, n, H, 6, 6)
    twist: np.ndarray  # (B, n, H, 6)
    twist_variance: np.ndarray  # (B, n, H, 2)
    held: np.ndarray  # (B, n, H)
    slip: np.ndarray  # (B, n, H)


class WorldModelEngine(Protocol):
    """Runs belief and imagination."""

    name: str  # which engine, and the weights' short hash

    def update(self, window: InputWindow) -> BeliefArrays:
        """What is believed after what was watched."""

    def imagine(
        self,
        belief: BeliefArrays,
        window: InputWindow,
        actions: np.ndarray,
        active: ActiveContacts,
    ) -> ImaginedArrays:
        """The future under every action (B, H + 1, ACTION_SIZE), with these contacts."""
