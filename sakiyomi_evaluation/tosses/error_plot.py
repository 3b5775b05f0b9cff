"""Errors over time as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sakiyomi_data.tosses.errors import EARLY_FRAMES, PathErrors


def draw_errors(path: Path, errors: dict[str, PathErrors], rate_hz: float) -> None:
    """Median and 90th percentile over tosses of distance and angle, for every model."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.4), layout='constrained')
    for color, (name, error) in zip(('tab:blue', 'tab:orange'), errors.items(), strict=False):
        series = (1e3 * error.position_m, error.rotation_rad)
        for axis, values in zip(axes, series, strict=True):
            values = np.reshape(values, error.recorded.shape)[:, :EARLY_FRAMES]
            t = np.arange(values.shape[1]) / rate_hz
            axis.plot(t, np.median(values, 0), color=color, label=f'{name}, median')
            axis.plot(t, np.quantile(values, 0.9, 0), color=color, ls=':', label='90 %')
    for axis, label in zip(axes, ('distance [mm]', 'angle [rad]'), strict=True):
        axis.set(xlabel='time from the first frame [s]', ylabel=label, ylim=(0.0, None))
        axis.grid(alpha=0.3)
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=130)
    plt.close(figure)
