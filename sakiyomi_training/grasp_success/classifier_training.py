"""Learning which closings hold: a small perceptron, judged by objects that it did not see."""

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
    MAX_FEATURE_SIGMAS,
    GraspSuccessClassifier,
)
from world_model_node.model.grasp_success.features import FEATURE_NAMES, attempt_features
from world_model_node.model.grasp_success.grasp_attempt import GraspAttempt

HELD_M = 0.5 * LIFT_HEIGHT_M  # lifted by as much or more it was held
FOLDS = 5
NUM_HIDDEN = 16
BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY = 256, 3e-3, 0.02
FEATURE_NOISE = 0.1  # on normalised features: neighbouring grasps end alike


@dataclass(frozen=True)
class GraspSet:
    """Features and ends of the grasps of several scenes."""

    features: np.ndarray  # (N, F)
    held: np.ndarray  # (N,) bool
    scene: np.ndarray  # (N,) which one
    names: tuple[str, ...]  # of each scene's object

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
    """Of every grasp of a scene (g, F)."""
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
        )
        for k in np.flatnonzero(scene.grasps)
    ]
    return np.array(rows).reshape(-1, len(FEATURE_NAMES))


def train_classifier(grasps: GraspSet, steps: int, seed: int) -> GraspSuccessClassifier:
    """The network after so many batches."""
    torch.manual_seed(seed)
    mean, scale = grasps.features.mean(0), grasps.features.std(0) + 1e-6
    x = np.clip((grasps.features - mean) / scale, -MAX_FEATURE_SIGMAS, MAX_FEATURE_SIGMAS)
    inputs, held = (torch.tensor(a, dtype=torch.float32) for a in (x, grasps.held))
    layers = [
        nn.Linear(len(FEATURE_NAMES), NUM_HIDDEN),
        nn.Linear(NUM_HIDDEN, NUM_HIDDEN),
        nn.Linear(NUM_HIDDEN, 1),
    ]
    network = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        rows = torch.randint(len(inputs), (BATCH_SIZE,))
        batch = inputs[rows] + FEATURE_NOISE * torch.randn(BATCH_SIZE, len(FEATURE_NAMES))
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
    """Figures of grasps on objects that were not learned from, each fold in turn.

    `auc` is the mean of the scenes' own; `error` is |said - happened| over ten equal parts of what
    was said (expected calibration error).
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
