"""Plot how prediction errors grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sakiyomi_evaluation.prediction.predictors import ConstantTwist

COLUMNS = 4
HEADROOM = 1.15  # above the highest curve
COLORS = ('#c23b3b', '#8a6fb0', '#999999', '#3b6ea5', '#4b9a5b', '#c9a227')


def draw_errors(path: Path, result: dict[str, Any]) -> None:
    """The mean position error over time, a panel for each scenario."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    panels = {s: r for s, r in result['scenarios'].items() if 'model' in r}
    rows = -(-len(panels) // COLUMNS)
    figure, grid = plt.subplots(rows, COLUMNS, figsize=(12.0, 2.8 * rows), squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes, (scenario, predictors) in zip(grid.flat, panels.items(), strict=False):
        curves = ((name, row) for name, row in predictors.items() if isinstance(row, dict))
        for color, (name, row) in zip(COLORS, curves, strict=True):
            label = f'model ({result["model"]})' if name == 'model' else name
            style = '-' if name == 'model' else '--'
            axes.plot(result['times_s'], row['curve_mm'], style, color=color, label=label)
        axes.set_title(scenario, fontsize=9)
        axes.set_xlabel('s after t0', fontsize=8)
        axes.set_ylabel('mm', fontsize=8)
        # what flies straight on leaves the picture, and would hide the others otherwise
        others = (row for name, row in predictors.items() if name != ConstantTwist.name)
        highest = max(max(row['curve_mm']) for row in others if isinstance(row, dict))
        axes.set_ylim(0.0, HEADROOM * highest)
        axes.spines[['top', 'right']].set_visible(False)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc='lower center', ncols=len(labels), frameon=False, fontsize=8
    )
    figure.tight_layout(rect=(0, 0.1 / rows, 1, 1))
    figure.savefig(path, dpi=130)
    plt.close(figure)
