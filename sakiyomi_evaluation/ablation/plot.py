"""What each part of the world model is worth, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

COLORS = ('#c23b3b', '#3b6ea5', '#8a6fb0', '#4b9a5b', '#d9923b', '#999999')


def draw_ablations(path: Path, variants: dict[str, dict[str, Any]]) -> None:
    """Bars of the mean position error of every variant, by scenario and over all of them."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    scenarios = list(next(iter(variants.values()))['error_mm'])
    places, width = np.arange(len(scenarios)), 0.84 / len(variants)
    figure, axes = plt.subplots(figsize=(11.0, 3.8), layout='constrained')
    for index, (name, row) in enumerate(variants.items()):
        shift = (index - 0.5 * (len(variants) - 1)) * width
        heights = [row['error_mm'][scenario] for scenario in scenarios]
        color = COLORS[index % len(COLORS)]
        axes.bar(places + shift, heights, 0.9 * width, color=color, label=name)
    axes.axvline(len(scenarios) - 1.5, color='#bbbbbb', lw=0.8)
    axes.set_xticks(places, [*scenarios[:-1], 'mean over scenarios'])
    axes.set_ylabel('position error at 1 s [mm]')
    axes.spines[['top', 'right']].set_visible(False)
    figure.legend(loc='outside upper center', ncols=len(variants), frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)
    plt.close(figure)
