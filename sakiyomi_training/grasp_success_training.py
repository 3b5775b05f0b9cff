"""Training and cross-validation by object of the grasp success classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi.scene import Gaussian, HiddenProperties
from sakiyomi_data.counterfactual.candidate_motions import LIFT_HEIGHT_M
from sakiyomi_data.counterfactual.counterfactual_scene import CounterfactualScene
from sakiyomi_data.counterfactual.ranking import auc
from world_model_node.model.grasp_success.classifier import (
    ClassifierConfig,
    GraspSuccessClassifier,
)
from world_model_node.model.grasp_success.features import (
    FEATURE_NAMES,
    AttemptFeatureConfig,
    attempt_features,
)
from world_model_node.model.grasp_success.grasp_attempt import GraspAttempt

HELD_M = 0.5 * LIFT_HEIGHT_M  # least lift of a successful grasp
FOLDS = 5  # of the cross-validation


@dataclass(frozen=True)
class OptimizerConfig:
    """Optimisation of the classifier.

    Attributes:
        hidden: Width of both hidden layers.
        batch: Grasps per step.
        learning_rate: Initial learning rate.
        weight_decay: Weight decay of AdamW.
        feature_noise: Noise on normalised features, for neighbouring grasps end alike.
    """

    hidden: int = 16
    batch: int = 256
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    feature_noise: float = 0.1


@dataclass(frozen=True)
class GraspSet:
    """Features and outcomes of the grasps of several scenes."""

    features: np.ndarray  # (N, F)
    held: np.ndarray  # (N,) bool
    scene: np.ndarray  # (N,) index of the scene
    names: tuple[str, ...]  # object of each scene

    @classmethod
    def of(cls, scenes: Sequence[CounterfactualScene]) -> GraspSet:
        """All grasps of all scenes."""
        rows = [np.flatnonzero(scene.grasps) for scene in scenes]
        return cls(
            np.concatenate([grasp_features(scene) for scene in scenes]),
            np.concatenate(
                [s.lifted_m[row] >= HELD_M for s, row in zip(scenes, rows, strict=True)]
            ),
            np.repeat(np.arange(len(scenes)), [len(row) for row in rows]),
            tuple(str(scene.name) for scene in scenes),
        )

    def select(self, chosen: np.ndarray) -> GraspSet:
        """The grasps where `chosen` (N,) is true."""
        own = (self.features[chosen], self.held[chosen], self.scene[chosen])
        return GraspSet(*own, self.names)


def grasp_features(scene: CounterfactualScene) -> np.ndarray:
    """The features of all grasps of a scene. Shape (g, F)."""
    mass, friction = (Gaussian(*map(float, row)) for row in (scene.mass_kg, scene.friction))
    properties = HiddenProperties(mass, friction, mass, np.zeros(3), np.zeros((3, 3)))
    hand = read_robot_config().hand.trained
    rows = [
        attempt_features(
            GraspAttempt(scene.T_world_closing[k], scene.opening_m[k], scene.force_n[k]),
            scene.points_m,
            scene.mass_center_m,
            properties,
            hand,
            AttemptFeatureConfig(),
        )
        for k in np.flatnonzero(scene.grasps)
    ]
    return np.array(rows).reshape(-1, len(FEATURE_NAMES))


def train_classifier(
    grasps: GraspSet, steps: int, seed: int, config: OptimizerConfig | None = None
) -> GraspSuccessClassifier:
    """The classifier after a number of steps."""
    c, limit = config or OptimizerConfig(), ClassifierConfig().max_feature_sigmas
    torch.manual_seed(seed)
    mean, scale = grasps.features.mean(0), grasps.features.std(0) + 1e-6
    x = np.clip((grasps.features - mean) / scale, -limit, limit)
    inputs, held = (torch.tensor(a, dtype=torch.float32) for a in (x, grasps.held))
    layers = [
        nn.Linear(len(FEATURE_NAMES), c.hidden),
        nn.Linear(c.hidden, c.hidden),
        nn.Linear(c.hidden, 1),
    ]
    network = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    optimizer = torch.optim.AdamW(
        network.parameters(), c.learning_rate, weight_decay=c.weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        rows = torch.randint(len(inputs), (c.batch,))
        batch = inputs[rows] + c.feature_noise * torch.randn(c.batch, len(FEATURE_NAMES))
        loss = binary_cross_entropy_with_logits(network(batch)[:, 0], held[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    weights, biases = (
        tuple(getattr(layer, part).detach().double().numpy() for layer in layers)
        for part in ('weight', 'bias')
    )
    return GraspSuccessClassifier(mean, scale, weights, biases, read_robot_config().hand.trained)


def cross_validate(
    grasps: GraspSet, steps: int, seed: int, done: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """Figures on held-out objects, by cross-validation.

    `auc` is the mean over scenes; `error` is the expected calibration error over ten bins of equal
    size.
    """
    objects = np.array(sorted(set(grasps.names)))
    fold_of = dict(
        zip(objects, np.random.default_rng(seed).permutation(len(objects)) % FOLDS, strict=True)
    )
    fold = np.array([fold_of[name] for name in grasps.names])[grasps.scene]
    predicted = np.zeros(len(grasps.held))
    for k in range(FOLDS):
        network = train_classifier(grasps.select(fold != k), steps, seed)
        predicted[fold == k] = network.probabilities(grasps.features[fold == k])
        done()
    each = [
        auc(predicted[grasps.scene == s], grasps.held[grasps.scene == s]) for s in _scenes(grasps)
    ]
    own = np.where(grasps.held, predicted, 1.0 - predicted)
    parts = np.array_split(np.argsort(predicted), 10)
    gaps = [abs(predicted[part].mean() - grasps.held[part].mean()) for part in parts]
    return {
        'auc': float(np.mean([value for value in each if value is not None])),
        'auc_of_all': float(auc(predicted, grasps.held)),
        'log_loss': float(-np.log(own).mean()),
        'error': float(np.mean(gaps)),
        'held': float(grasps.held.mean()),
    }


def _scenes(grasps: GraspSet) -> np.ndarray:
    return np.unique(grasps.scene)
