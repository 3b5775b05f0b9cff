"""Learning which closings hold: a small perceptron, judged by objects that it did not see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from sakiyomi.scene import Gaussian, HiddenProperties
from sakiyomi_evaluation.imagination.candidates import RISE_M
from sakiyomi_evaluation.imagination.ranking import auc
from sakiyomi_training.trials.scene import TrialScene
from world_model_node.model.grasp_success.classifier import (
    MAX_FEATURE_SIGMAS,
    GraspSuccessClassifier,
)
from world_model_node.model.grasp_success.features import FEATURE_NAMES, attempt_features
from world_model_node.model.grasp_success.grasp_attempt import GraspAttempt

HELD_M = 0.5 * RISE_M  # lifted by as much or more it was held
FOLDS = 5
HIDDEN = 16
BATCH, RATE, DECAY = 256, 3e-3, 0.02
JITTER = 0.1  # on normalised features: neighbouring grasps end alike


@dataclass(frozen=True)
class GraspSet:
    """Features and ends of the grasps of several scenes."""

    features: np.ndarray  # (N, F)
    held: np.ndarray  # (N,) bool
    scene: np.ndarray  # (N,) which one
    names: tuple[str, ...]  # of each scene's object

    @classmethod
    def of(cls, scenes: Sequence[TrialScene]) -> GraspSet:
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

    def only(self, chosen: np.ndarray) -> GraspSet:
        """The grasps where `chosen` (N,) is true."""
        own = (self.features[chosen], self.held[chosen], self.scene[chosen])
        return GraspSet(*own, self.names)


def grasp_features(scene: TrialScene) -> np.ndarray:
    """Of every grasp of a scene (g, F)."""
    mass, friction = (Gaussian(*map(float, row)) for row in (scene.mass_kg, scene.friction))
    properties = HiddenProperties(mass, friction, mass, np.zeros(3), np.zeros((3, 3)))
    rows = [
        attempt_features(
            GraspAttempt(scene.T_world_closing[k], scene.opening_m[k], scene.force_n[k]),
            scene.points_m,
            scene.mass_center_m,
            properties,
        )
        for k in np.flatnonzero(scene.grasps)
    ]
    return np.array(rows).reshape(-1, len(FEATURE_NAMES))


def learned(grasps: GraspSet, steps: int, seed: int) -> GraspSuccessClassifier:
    """The network after so many batches."""
    torch.manual_seed(seed)
    mean, scale = grasps.features.mean(0), grasps.features.std(0) + 1e-6
    x = np.clip((grasps.features - mean) / scale, -MAX_FEATURE_SIGMAS, MAX_FEATURE_SIGMAS)
    inputs, held = (torch.tensor(a, dtype=torch.float32) for a in (x, grasps.held))
    layers = [
        nn.Linear(len(FEATURE_NAMES), HIDDEN),
        nn.Linear(HIDDEN, HIDDEN),
        nn.Linear(HIDDEN, 1),
    ]
    network = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        rows = torch.randint(len(inputs), (BATCH,))
        batch = inputs[rows] + JITTER * torch.randn(BATCH, len(FEATURE_NAMES))
        loss = binary_cross_entropy_with_logits(network(batch)[:, 0], held[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    weights, biases = (
        tuple(getattr(layer, part).detach().double().numpy() for layer in layers)
        for part in ('weight', 'bias')
    )
    return GraspSuccessClassifier(mean, scale, weights, biases)


def cross_validated(
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
    said = np.zeros(len(grasps.held))
    for k in range(FOLDS):
        network = learned(grasps.only(fold != k), steps, seed)
        said[fold == k] = network.probabilities(grasps.features[fold == k])
        done()
    each = [auc(said[grasps.scene == s], grasps.held[grasps.scene == s]) for s in _scenes(grasps)]
    own = np.where(grasps.held, said, 1.0 - said)
    parts = np.array_split(np.argsort(said), 10)
    gaps = [abs(said[part].mean() - grasps.held[part].mean()) for part in parts]
    return {
        'auc': float(np.mean([value for value in each if value is not None])),
        'auc_of_all': float(auc(said, grasps.held)),
        'log_loss': float(-np.log(own).mean()),
        'error': float(np.mean(gaps)),
        'held': float(grasps.held.mean()),
    }


def _scenes(grasps: GraspSet) -> np.ndarray:
    return np.unique(grasps.scene)
