"""Precision, recall and IoU of instances: sets of points of the fused cloud."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from sakiyomi_evaluation.closed_loop.ground_truth import NO_OBJECT
from world_model_node.core import WorldModel

MATCH_IOU = 0.5
MIN_POINTS = 5  # of a proposed instance


@dataclass(frozen=True)
class InstanceScore:
    """Counts of one scene."""

    found: int  # true objects matched at IoU 0.5
    proposed: int  # instances proposed
    actual: int  # true objects that could be found
    ious: tuple[float, ...]  # of every true object; 0 where nothing is assigned to it


def fused_instances(model: WorldModel) -> tuple[np.ndarray, np.ndarray]:
    """Points (M, 3) of the newest fused cloud and the instance of each, -1 for none. (M,)."""
    voxels, labels = model.voxels, model.labels
    if voxels is None or not len(voxels):
        return np.zeros((0, 3), np.float32), np.zeros(0, int)
    labels = labels.copy()
    heights = voxels.points_m[:, 2] - model.scene.table_height_m
    for label in range(labels.max(initial=-1) + 1):
        own = labels == label
        if heights[own].max(initial=0.0) <= model.config.clustering.min_height_m:
            labels[own] = -1  # the world model drops these too
    return voxels.points_m, labels


def instance_score(labels: np.ndarray, truth: np.ndarray, counted: np.ndarray) -> InstanceScore:
    """Compare two labellings of the same points.

    Args:
        labels: (M,) proposed instances, 0 upward; negative: none.
        truth: (M,) index of the true object, NO_OBJECT for none.
        counted: (N,) which true objects could be found. The others neither count as missed, nor
            does an instance that mostly shows one of them count as wrong.
    """
    iou, ids = iou_table(labels, truth, len(counted))
    proposed = [k for k, label in enumerate(ids) if _counts(truth[labels == label], counted)]
    iou = iou[counted][:, proposed]
    rows, columns = linear_sum_assignment(-iou)
    best = np.zeros(len(iou))
    best[rows] = iou[rows, columns]
    return InstanceScore(
        int((best > MATCH_IOU).sum()), len(proposed), len(best), tuple(best.tolist())
    )


def iou_table(labels: np.ndarray, truth: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """IoU of each true object with each proposed instance (count, K), and the K labels."""
    ids, sizes = np.unique(labels[labels >= 0], return_counts=True)
    ids = ids[sizes >= MIN_POINTS]
    table = np.zeros((count, len(ids)))
    for column, label in enumerate(ids):
        own = labels == label
        for row in np.unique(truth[own & (truth != NO_OBJECT)]):
            other = truth == row
            table[row, column] = (own & other).sum() / (own | other).sum()
    return table, ids


def _counts(owners: np.ndarray, counted: np.ndarray) -> bool:
    """Whether an instance whose points belong to `owners` can be right or wrong."""
    known = owners[owners != NO_OBJECT]
    if 2 * len(known) < len(owners):
        return True
    return bool(counted[np.bincount(known).argmax()])


def pooled(scores: list[InstanceScore]) -> dict[str, float | None]:
    """Precision, recall and mean IoU over all scenes; None where nothing was there."""
    found, proposed = sum(s.found for s in scores), sum(s.proposed for s in scores)
    ious = [iou for s in scores for iou in s.ious]
    return {
        'precision': found / proposed if proposed else None,
        'recall': found / len(ious) if ious else None,
        'mean_iou': float(np.mean(ious)) if ious else None,
    }
