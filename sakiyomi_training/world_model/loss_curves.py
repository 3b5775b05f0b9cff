"""A plot of the loss curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def plot_loss_curves(path: Path, rows: Sequence[dict[str, float]]) -> None:
    """Plot the smoothed terms of the loss over the steps."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    names = [name for name in rows[0] if name != 'step']
    figure, grid = plt.subplots(2, -(-len(names) // 2), figsize=(12.0, 5.0), squeeze=False)
    steps = np.array([row['step'] for row in rows])
    width = max(1, len(rows) // 50)
    for axes, name in zip(grid.flat, names, strict=False):
        values = np.array([row[name] for row in rows])
        kernel = np.ones(width) / width
        axes.plot(steps[width - 1 :], np.convolve(values, kernel, 'valid'), color='#3b6ea5')
        axes.set_title(name, fontsize=9)
        axes.set_xlabel('step', fontsize=8)
        axes.spines[['top', 'right']].set_visible(False)
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
