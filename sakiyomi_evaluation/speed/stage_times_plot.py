"""Plot how the time of one fusion step is spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

BUDGET_MS = 60.0
COLORS = ('#3b6ea5', '#c26a3d')


def plot_stage_times(path: Path, figures: dict[str, Any]) -> None:
    """Median and 99th percentile of each stage as bars, and the budget of the fusion."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    stages = figures['stage_ms']
    names = list(stages)
    figure, axes = plt.subplots(figsize=(7.0, 0.42 * len(names) + 1.4))
    for offset, key in enumerate(('p50', 'p99')):
        values = [stages[name][key] for name in names]
        rows = [row + 0.36 * offset for row in range(len(names))]
        axes.barh(rows, values, 0.34, color=COLORS[offset], label=key)
        for row, value in zip(rows, values, strict=True):
            axes.text(value + 0.4, row, f'{value:.1f}', va='center', fontsize=7)
    axes.axvline(BUDGET_MS, color='black', linestyle='--', linewidth=1, label='budget')
    axes.set_yticks([row + 0.18 for row in range(len(names))], names)
    axes.invert_yaxis()
    axes.set_xlabel('ms per update')
    axes.legend(frameon=False)
    axes.spines[['top', 'right']].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)
