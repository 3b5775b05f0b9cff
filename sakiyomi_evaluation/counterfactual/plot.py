"""Plot imagined outcomes against what then happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def draw_outcomes(path: Path, result: dict[str, Any]) -> None:
    """A dot for every candidate: pushes on the left, grasps on the right."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 4.2))
    for scene in result['scenes']:
        pushes, grasps = scene['pushes']['outcomes'], scene['grasps']['outcomes']
        one, other = (1e3 * np.asarray(pushes[k]) for k in ('simulated_m', 'imagined_m'))
        left.plot(one, other, '.', ms=4, alpha=0.6, label=scene['name'])
        lifted = 1e3 * np.asarray(grasps['simulated_m'])
        right.plot(lifted, grasps['held_probability'], '.', ms=4, alpha=0.6)
    most = max(left.get_xlim()[1], left.get_ylim()[1])
    left.plot([0.0, most], [0.0, most], color='#999999', lw=0.8)
    left.set(xlabel='pushed, simulated [mm]', ylabel='imagined [mm]')
    right.set(xlabel='lifted, simulated [mm]', ylabel='imagined probability of being held')
    for axes, kind in ((left, 'pushes'), (right, 'grasps')):
        rho = result[kind]['spearman']
        title = 'no ranking' if rho is None else f'mean rank correlation {rho:.2f}'
        axes.set_title(f'{kind}: {title}', fontsize=9)
        axes.spines[['top', 'right']].set_visible(False)
    figure.suptitle(result['model'], fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)
