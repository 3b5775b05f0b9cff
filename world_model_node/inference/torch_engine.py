"""Run the learned world model with torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from world_model_node.inference.engine import BeliefArrays, ImaginedArrays
from world_model_node.model.belief import Belief, ModelInput
from world_model_node.model.features.input_window import InputWindow
from world_model_node.model.network import WorldNetwork
from world_model_node.model.physics.active_contacts import ActiveContacts
from world_model_node.model.state_posterior import Posterior
from world_model_node.model.weights import load_model

NOISE_SEED, THREADS = 7, 1


class TorchEngine:
    """The network on the CPU.

    Args:
        folder: With the weights and their card.
        samples: Futures imagined of each object; None: as many as the card says.

    Raises:
        BadInputError: A file is missing, changed or of another network.
    """

    def __init__(self, folder: Path, samples: int | None = None) -> None:
        torch.set_num_threads(THREADS)  # tensors are small: more only get in each other's way
        self.network, card = load_model(folder)
        self.name = f'torch {card.short_hash}'
        self.noise = sample_noise(samples or self.network.config.samples, self.network)

    def update(self, window: InputWindow) -> BeliefArrays:
        """What is believed after what was watched."""
        model_input = _model_input(window)
        with torch.no_grad():
            belief = self.network.update(model_input)
            properties = self.network.properties(belief, model_input, self._noise(model_input))
        arrays = (belief.state, belief.shape, *belief.posterior, properties)
        return BeliefArrays(*(a[0].numpy() for a in arrays))

    def imagine(
        self,
        belief: BeliefArrays,
        window: InputWindow,
        actions: np.ndarray,
        active: ActiveContacts,
    ) -> ImaginedArrays:
        """The future under every action."""
        model_input = _model_input(window)
        tensors = [torch.from_numpy(a)[None] for a in belief[:5]]
        known = Belief(tensors[0], tensors[1], Posterior(*tensors[2:]))
        action = torch.from_numpy(np.asarray(actions, np.float32))[None]
        with torch.no_grad():
            imagined, _ = self.network.imagine(
                known, model_input, action, self._noise(model_input), active
            )
        return ImaginedArrays(*(a[0].numpy() for a in imagined))

    def _noise(self, model_input: ModelInput) -> Tensor:
        # the same for every object, so that their order does not matter
        n = model_input.present.shape[1]
        return self.noise[None, :, None].expand(1, -1, n, -1)


def sample_noise(samples: int, network: WorldNetwork) -> Tensor:
    """Standard normal numbers (K, D) in pairs that cancel: the same at every call."""
    generator = torch.Generator().manual_seed(NOISE_SEED)
    half = torch.randn((samples + 1) // 2, network.noise_size, generator=generator)
    return torch.cat([half, -half])[:samples]


def _model_input(window: InputWindow) -> ModelInput:
    return ModelInput(*(torch.from_numpy(np.asarray(a, np.float32))[None] for a in window))
