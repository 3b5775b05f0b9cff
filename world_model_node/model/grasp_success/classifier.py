"""The grasp success classifier and its weights, which a card authenticates."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import transform_points
from sakiyomi.robot.hand_geometry import TrainedHandShape
from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi.scene import ObjectState
from world_model_node.model.grasp_success.features import (
    FEATURE_NAMES,
    AttemptFeatureConfig,
    attempt_features,
)
from world_model_node.model.grasp_success.grasp_attempt import GraspAttempt
from world_model_node.model_files import read_card, read_checked

MODEL_NAME = 'hold'
WEIGHTS = f'{MODEL_NAME}.safetensors'


@dataclass(frozen=True)
class ClassifierConfig:
    """Bounds of the classifier, and the features that the weights were trained with.

    Attributes:
        max_feature_sigmas: Bound of normalised features.
        max_logit: Bound of the logit.
        features: Bounds of the features.
    """

    max_feature_sigmas: float = 4.0
    max_logit: float = 6.0
    features: AttemptFeatureConfig = field(default_factory=AttemptFeatureConfig)


@dataclass(frozen=True)
class GraspSuccessClassifier:
    """A multilayer perceptron with ReLU on normalised features."""

    mean: np.ndarray  # (F,) of the training features
    scale: np.ndarray  # (F,)
    weights: tuple[np.ndarray, ...]  # (out, in) of each layer
    biases: tuple[np.ndarray, ...]  # (out,)
    hand: TrainedHandShape  # shape of the hand in the training data
    config: ClassifierConfig = field(default_factory=ClassifierConfig)

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Probabilities of success (N,) for features (N, F)."""
        limit = self.config.max_feature_sigmas
        x = np.clip((features - self.mean) / self.scale, -limit, limit)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = (np.maximum(x, 0.0) if layer else x) @ weight.T + bias
        return 1.0 / (
            1.0 + np.exp(-np.clip(x[:, 0], -self.config.max_logit, self.config.max_logit))
        )

    def probability(self, attempt: GraspAttempt, state: ObjectState) -> float:
        """The probability that the attempt holds the object through a lift."""
        surface = transform_points(state.T_world_object, state.points_m.astype(float))
        center = transform_points(state.T_world_object, state.properties.center_of_mass_m[None])[0]
        features = attempt_features(
            attempt, surface, center, state.properties, self.hand, self.config.features
        )
        return float(self.probabilities(features[None])[0])


def load_grasp_success(folder: Path) -> GraspSuccessClassifier:
    """The classifier of a folder.

    Raises:
        BadInputError: A file is missing, truncated, changed or of other features.
    """
    card = read_card(folder, MODEL_NAME, (WEIGHTS,))
    content, path = read_checked(folder, WEIGHTS, card.sha256[WEIGHTS]), folder / WEIGHTS
    try:
        tensors = load(content)
        layers = range(sum(name.endswith('.weight') for name in tensors))
        network = GraspSuccessClassifier(
            tensors['mean'],
            tensors['scale'],
            tuple(tensors[f'{layer}.weight'] for layer in layers),
            tuple(tensors[f'{layer}.bias'] for layer in layers),
            read_robot_config().hand.trained,
        )
        network.probabilities(np.zeros((1, len(FEATURE_NAMES))))
    except (SafetensorError, KeyError, ValueError, IndexError) as error:
        reason = ' '.join(str(error).split())[:200]
        raise BadInputError(f'model {path}: weights of another network: {reason}') from error
    return network


def save_grasp_success(folder: Path, network: GraspSuccessClassifier) -> None:
    """Write the weights; the caller writes the card."""
    from safetensors.numpy import save

    tensors = {'mean': network.mean, 'scale': network.scale}
    for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        tensors |= {f'{layer}.weight': weight, f'{layer}.bias': bias}
    (folder / WEIGHTS).write_bytes(save({k: np.ascontiguousarray(v) for k, v in tensors.items()}))
