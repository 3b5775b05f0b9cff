"""Sizes and switches of the network."""

from __future__ import annotations

from dataclasses import dataclass

from sakiyomi.parameters import ParameterSet, parameter


@dataclass(frozen=True)
class ModelConfig(ParameterSet):
    """Sizes and switches; kept in the model's card."""

    hidden: int = parameter(32, 'width of the belief', 8, 512)
    embedding: int = parameter(32, 'width of what one frame is encoded to', 8, 512)
    latent: int = parameter(8, 'width of what is sampled beyond named properties', 1, 64)
    residual: int = parameter(48, 'width of the network that corrects the physics', 8, 512)
    dropout: float = parameter(0.1, 'share of the belief that training leaves out', 0.0, 0.9)
    substeps: int = parameter(2, 'contact steps per 50 ms', 1, 20)
    samples: int = parameter(16, 'futures imagined of each object', 1, 256)
    touch: bool = parameter(True, 'whether touch is taken in')
    physics: bool = parameter(True, 'whether contacts are computed; else all is learned')
