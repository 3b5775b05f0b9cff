"""From what the network says of pairs of parts to objects.

Average linkage on log-odds: of the agglomerative schemes for signed graphs the one that bears
noise best (Bailoni et al., GASP, CVPR 2022).
"""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

CERTAIN = 8.0  # log-odds beyond this say no more


def group(logits: np.ndarray, threshold: float = 0.0) -> np.ndarray:
    """The object of each part, 0 upward, from log-odds (M, M) that two are of one. Shape (M,).

    Groups join while the mean of the log-odds between them is above the threshold.
    """
    m = len(logits)
    if m < 2:
        return np.zeros(m, int)
    i, j = np.triu_indices(m, 1)
    unlike = CERTAIN - np.clip(0.5 * (logits[i, j] + logits[j, i]), -CERTAIN, CERTAIN)
    tree = linkage(unlike.astype(float), method='average')
    return fcluster(tree, CERTAIN - threshold, criterion='distance') - 1


def without_clutter(labels: np.ndarray, object_logits: np.ndarray) -> np.ndarray:
    """Labels (M,) with -1 for groups that the parts, on average, say are of no object."""
    mean = np.bincount(labels, object_logits) / np.bincount(labels)
    return np.where(mean[labels] > 0.0, labels, -1)
