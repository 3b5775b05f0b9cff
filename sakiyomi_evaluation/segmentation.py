"""`sakiyomi evaluate segmentation`: the network against plain clustering, on rendered scenes.

The scenes are those of `sakiyomi collect segmentation` whose objects were held out by name. The
first view of each is of the work cell as it is, the others are by displaced sensors with more or
less noise, with one sensor or few scans, of objects in any colours or all of one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.progress import track
from rich.table import Table

from sakiyomi.cli.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi_evaluation.results import check_writable, write_results
from sakiyomi_training.segmentation.dataset import LabelledView, read_views
from sakiyomi_training.segmentation.scoring import InstanceScore, score
from world_model_node.config import WorldModelConfig
from world_model_node.segmentation.segmenter import Segmenter, make_segmenter

VIEWS = ('nominal', 'varied')
MIN_VOXELS = 60  # a view of fewer shows nothing
COLUMNS = ('precision', 'recall', 'mean_iou')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The public contract of this command."""
    parser.add_argument(
        '--data', type=Path, required=True, help='folder with a folder per kind of scene'
    )
    parser.add_argument('--model', type=Path, help='folder of the model; the shipped one if none')
    parser.add_argument('--part', choices=('held_out', 'train'), default='held_out')
    parser.add_argument('--json', metavar='FILE', help='write the figures here')


def run(args: argparse.Namespace) -> int:
    """Measure both segmenters, report, and return the exit status."""
    check_writable(args.json)
    files = sorted(args.data.glob(f'*/{args.part}_*.npz'))
    if not files:
        raise BadInputError(f'--data {args.data}: expected */{args.part}_*.npz, found none')
    config = WorldModelConfig().clustering
    segmenters = [make_segmenter(name, config, args.model) for name in ('network', 'clustering')]
    tallies: dict[tuple[str, str, str], Tally] = {}
    for path in track(files, 'scenes', console=make_console(stderr=True)):
        for condition, view in usable_views(path):
            for segmenter in segmenters:
                key = (path.parent.name, condition, segmenter.name)
                tallies.setdefault(key, Tally()).add(segmenter, view)
    rows = [
        dict(zip(('scene', 'views', 'segmenter'), key, strict=True)) | tallies[key].figures()
        for key in sorted(tallies)
    ]
    make_console().print(_table(rows))
    write_results(args.json, {'part': args.part, 'scenes': len(files), 'rows': rows}, args)
    return 0


def usable_views(path: Path) -> Iterator[tuple[str, LabelledView]]:
    """The views of one scene that show anything, with how they were taken."""
    for index, view in enumerate(read_views(path)):
        if len(view.voxels) >= MIN_VOXELS:
            yield VIEWS[min(index, 1)], view


class Tally:
    """Scores and times of one segmenter on one kind of view."""

    def __init__(self) -> None:
        self.score = InstanceScore()
        self.ms: list[float] = []

    def add(self, segmenter: Segmenter, view: LabelledView) -> None:
        """Divide one view."""
        start = time.perf_counter()
        labels = segmenter.divide(view.voxels, view.sight, view.plane)
        self.ms.append(1e3 * (time.perf_counter() - start))
        self.score = self.score + score(labels, view.labels)

    def figures(self) -> dict:
        """Precision, recall, mean IoU, and the time of one division."""
        p50, p99 = np.percentile(self.ms, [50, 99])
        times = {'ms_p50': float(p50), 'ms_p99': float(p99), 'views_measured': len(self.ms)}
        return self.score.figures() | times


def _table(rows: list[dict]) -> Table:
    table = Table('scene', 'views', 'segmenter', *COLUMNS, 'objects', 'ms p50', 'ms p99')
    for row in rows:
        figures = ['-' if row[c] is None else f'{row[c]:.3f}' for c in COLUMNS]
        times = [f'{row["ms_p50"]:.1f}', f'{row["ms_p99"]:.1f}']
        table.add_row(
            row['scene'], row['views'], row['segmenter'], *figures, str(row['objects']), *times
        )
    return table
