"""Two boxes of one colour in contact."""

import numpy as np
from synthetic import on_table

TALL = on_table(0.50, 0.00, (0.05, 0.06, 0.11))
LOW = on_table(0.56, 0.01, (0.07, 0.09, 0.05))


def owners(points, boxes):
    """Return the box whose surface is nearest to each point."""
    gaps = []
    for box in boxes:
        off = np.abs(points - np.array(box.center)) - 0.5 * np.array(box.size)
        outside = np.linalg.norm(np.maximum(off, 0.0), axis=1)
        gaps.append(np.abs(outside + np.minimum(off.max(axis=1), 0.0)))
    return np.argmin(gaps, axis=0)
