"""From what the network says of pairs of supervoxels to objects.

Average linkage on log-odds: of the agglomerative schemes for signed graphs the one that bears
noise best (Bailoni et al., GASP, CVPR 2022).
"""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

MAX_LOGIT = 8.0  # log-odds beyond this say no more
# chosen among 15 pairs, mostly by the training scenes
MAX_FRAGMENT_COARSE_VOXELS, LENIENCE = 60, 2.0


def average_linkage(logits: np.ndarray, threshold: float = 0.0) -> np.ndarray:
    """The object of each part, 0 upward, from log-odds (M, M) that two are of one. Shape (M,).

    Groups join while the mean of the log-odds between them is above the threshold.
    """
    m = len(logits)
    if m < 2:
        return np.zeros(m, int)
    unlike = MAX_LOGIT - np.clip(0.5 * (logits + logits.T), -MAX_LOGIT, MAX_LOGIT)
    tree = linkage(squareform(unlike.astype(float), checks=False), method='average')
    return fcluster(tree, MAX_LOGIT - threshold, criterion='distance') - 1


def merge_fragments(
    labels: np.ndarray,
    counts: np.ndarray,
    logits: np.ndarray,
    min_coarse_voxels: int = MAX_FRAGMENT_COARSE_VOXELS,
    lenience: float = LENIENCE,
) -> np.ndarray:
    """Groups of fewer than `min_coarse_voxels` cells join the one they are most alike. Shape (M,).

    They do so unless the mean of the log-odds speaks against it by more than `lenience`: a small
    piece is more often a fragment than an object.
    """
    labels = labels.copy()
    size = np.bincount(labels, counts)
    capped = np.clip(logits, -MAX_LOGIT, MAX_LOGIT)
    for small in np.flatnonzero((size > 0) & (size < min_coarse_voxels)):
        own = labels == small
        alike = np.bincount(labels, capped[own].mean(axis=0)) / np.maximum(np.bincount(labels), 1)
        alike[(np.arange(len(alike)) == small) | (np.bincount(labels) == 0)] = -np.inf
        best = int(np.argmax(alike))
        if alike[best] > -lenience:
            labels[own] = best
    return np.unique(labels, return_inverse=True)[1]


def group_supervoxels(same: np.ndarray, of_object: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The object of each supervoxel, 0 upward, or -1 for clutter. Shape (M,).

    Args:
        same: (M, M) log-odds that two supervoxels are of one object.
        of_object: (M,) log-odds that a supervoxel is of any.
        counts: (M,) coarse voxels of each supervoxel.
    """
    return remove_clutter(merge_fragments(average_linkage(same), counts, same), of_object)


def remove_clutter(labels: np.ndarray, object_logits: np.ndarray) -> np.ndarray:
    """Labels (M,) with -1 for groups that the supervoxels, on average, say are of no object."""
    mean = np.bincount(labels, object_logits) / np.bincount(labels)
    return np.where(mean[labels] > 0.0, labels, -1)
