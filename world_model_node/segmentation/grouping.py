"""Supervoxels are grouped into objects by the network's log-odds.

Average linkage on log-odds is the most robust to noise of the agglomerative schemes for signed
graphs (Bailoni et al., GASP, CVPR 2022).
"""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from world_model_node.segmentation.segmentation_config import GroupingConfig


def average_linkage(logits: np.ndarray, max_logit: float) -> np.ndarray:
    """Return the object of each supervoxel, 0 upward. Shape (M,).

    Groups merge while the mean of the log-odds between them is positive.

    Args:
        logits: log-odds (M, M) that two supervoxels belong to one object.
        max_logit: the bound of the log-odds.
    """
    m = len(logits)
    if m < 2:
        return np.zeros(m, int)
    distance = max_logit - np.clip(0.5 * (logits + logits.T), -max_logit, max_logit)
    tree = linkage(squareform(distance.astype(float), checks=False), method='average')
    return fcluster(tree, max_logit, criterion='distance') - 1


def merge_fragments(
    labels: np.ndarray, counts: np.ndarray, logits: np.ndarray, config: GroupingConfig
) -> np.ndarray:
    """Merge small groups with the groups of the largest mean log-odds. Shape (M,).

    A small group is more often a fragment than an object, so that it merges even if the mean of
    the log-odds is slightly negative.

    Args:
        labels: the group of each supervoxel (M,).
        counts: the coarse voxels of each supervoxel (M,).
        logits: log-odds (M, M) that two supervoxels belong to one object.
        config: the size of a small group, and the bounds of the log-odds.
    """
    labels = labels.copy()
    size = np.bincount(labels, counts)
    capped = np.clip(logits, -config.max_logit, config.max_logit)
    for small in np.flatnonzero((size > 0) & (size < config.max_fragment_coarse_voxels)):
        own = labels == small
        members = np.bincount(labels)
        mean = np.bincount(labels, capped[own].mean(axis=0)) / np.maximum(members, 1)
        mean[(np.arange(len(mean)) == small) | (members == 0)] = -np.inf
        best = int(np.argmax(mean))
        if mean[best] > -config.lenience:
            labels[own] = best
    return np.unique(labels, return_inverse=True)[1]


def group_supervoxels(
    same_logits: np.ndarray, object_logits: np.ndarray, counts: np.ndarray, config: GroupingConfig
) -> np.ndarray:
    """Return the object of each supervoxel, 0 upward, or -1 for clutter. Shape (M,).

    Args:
        same_logits: log-odds (M, M) that two supervoxels belong to one object.
        object_logits: log-odds (M,) that a supervoxel belongs to any object.
        counts: the coarse voxels of each supervoxel (M,).
        config: the rules of the grouping.
    """
    groups = average_linkage(same_logits, config.max_logit)
    return remove_clutter(merge_fragments(groups, counts, same_logits, config), object_logits)


def remove_clutter(labels: np.ndarray, object_logits: np.ndarray) -> np.ndarray:
    """Replace the labels (M,) of groups with negative mean log-odds by -1."""
    mean = np.bincount(labels, object_logits) / np.bincount(labels)
    return np.where(mean[labels] > 0.0, labels, -1)
