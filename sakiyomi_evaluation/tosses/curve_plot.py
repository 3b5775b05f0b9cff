"""The curve over the number of tosses as a picture."""

from __future__ import annotations

from pathlib import Path

NOMINAL = 0.9
PANELS = {
    'mm_80': 'distance over 80 frames [mm]',
    'rad_80': 'angle over 80 frames [rad]',
    'coverage': 'share within the 90 % radius',
}
STYLES = {False: ('tab:gray', 'set by hand', 0.97), True: ('tab:blue', 'pre-trained', 1.03)}


def draw_curve(path: Path, rows: list[dict]) -> None:
    """Mean and deviation over the seeds; the two ways stand a little apart to be told apart."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(11.0, 3.4), layout='constrained')
    counts = sorted({row['n_train'] for row in rows})
    for axis, (name, label) in zip(axes, PANELS.items(), strict=True):
        for pretrained, (color, style_label, shift) in STYLES.items():
            own = [row for row in rows if row['pretrained'] == pretrained]
            axis.errorbar(
                [shift * row['n_train'] for row in own],
                [row[name]['mean'] for row in own],
                [row[name]['deviation'] for row in own],
                color=color,
                marker='o',
                capsize=3.0,
                label=style_label,
            )
        axis.set(xlabel='tosses', ylabel=label, xscale='log')
        axis.set_xticks(counts, [str(count) for count in counts])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
        if name != 'coverage':
            axis.set_ylim(0.0, None)
    axes[2].axhline(NOMINAL, color='black', ls=':', lw=1.0)
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=130)
    plt.close(figure)
