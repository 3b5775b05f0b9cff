"""Scores of a segmentation against the truth, on voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MATCH_IOU = 0.5
MIN_VOXELS = 40  # objects with fewer visible voxels are ignored


@dataclass(frozen=True)
class InstanceScore:
    """Counts that add up over scenes."""

    found: int = 0  # predicted objects
    true: int = 0  # visible true objects
    matched: int = 0  # with an intersection over union of at least a half
    iou_sum: float = 0.0  # of each true object with its best match, 0 without

    def __add__(self, other: InstanceScore) -> InstanceScore:
        return InstanceScore(
            self.found + other.found,
            self.true + other.true,
            self.matched + other.matched,
            self.iou_sum + other.iou_sum,
        )

    def figures(self) -> dict[str, float | int | None]:
        """Precision, recall and mean IoU over the true objects."""
        return {
            'precision': self.matched / self.found if self.found else None,
            'recall': self.matched / self.true if self.true else None,
            'mean_iou': self.iou_sum / self.true if self.true else None,
            'objects': self.true,
        }


def score(labels: np.ndarray, truth: np.ndarray) -> InstanceScore:
    """Compare labels (N,) with the truth (N,); negative is no object.

    True objects with fewer than MIN_VOXELS voxels, and predictions on their voxels, are ignored.
    """
    seen = np.bincount(truth[truth >= 0], minlength=1)
    hidden = (truth >= 0) & (seen[np.maximum(truth, 0)] < MIN_VOXELS)
    labels, truth = labels[~hidden], truth[~hidden]
    wanted = np.unique(truth[truth >= 0])
    found = np.unique(labels[labels >= 0])
    if not len(wanted) or not len(found):
        return InstanceScore(len(found), len(wanted))
    both = np.array([[np.sum((labels == f) & (truth == w)) for f in found] for w in wanted])
    size_w = np.array([np.sum(truth == w) for w in wanted])
    size_f = np.array([np.sum(labels == f) for f in found])
    iou = both / (size_w[:, None] + size_f[None] - both)
    best = iou.max(axis=1)
    matched = int((best > MATCH_IOU).sum())  # above a half, so each is matched once
    return InstanceScore(len(found), len(wanted), matched, float(best[best > MATCH_IOU].sum()))
