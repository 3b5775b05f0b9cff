"""`sakiyomi evaluate segmentation`: the network against plain clustering, on rendered scenes.

The scenes are those of `sakiyomi collect segmentation` whose objects were held out by name. The
first view of each is of the work cell as it is, the others are by displaced sensors with more or
less noise, with one sensor or few scans, of objects in any colours or all of one. A file that
cannot be used is counted under `failed_rounds`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from rich.table import Table

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi_data.experiments.options import JOURNAL_HELP, add_run_arguments
from sakiyomi_data.experiments.rounds import Round, run_rounds
from sakiyomi_data.experiments.serialization import from_json
from sakiyomi_data.results import check_writable, write_results
from sakiyomi_data.segmentation.labelled_views import LabelledView, read_views
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
    parser.add_argument('--json', metavar='FILE', help=JOURNAL_HELP)
    add_run_arguments(parser)


@dataclass(frozen=True)
class SegmentedView:
    """One view, divided by one segmenter."""

    key: tuple[str, str, str]  # kind of scene, how the view was taken, segmenter
    score: InstanceScore
    ms: float


def run(args: argparse.Namespace) -> int:
    """Measure both segmenters, report, and return the exit status."""
    check_writable(args.json)
    files = sorted(args.data.glob(f'*/{args.part}_*.npz'))
    if not files:
        raise BadInputError(f'--data {args.data}: expected */{args.part}_*.npz, found none')
    finished = run_rounds(
        partial(make_worker, args, files),
        [Round(index, 0) for index in range(len(files))],
        args,
        inputs=files,
    )
    views = [one for record in finished.records for one in from_json(list[SegmentedView], record)]
    rows = [
        dict(zip(('scene', 'views', 'segmenter'), key, strict=True))
        | _figures([one for one in views if one.key == key])
        for key in sorted({one.key for one in views})
    ]
    make_console().print(_table(rows))
    counts = {'part': args.part, 'scenes': len(files), 'failed_rounds': finished.failed}
    write_results(args.json, counts | {'rows': rows}, args)
    return 0


def make_worker(
    args: argparse.Namespace, files: list[Path]
) -> Callable[[Round], list[SegmentedView]]:
    """What divides the views of a file with each segmenter."""
    config = WorldModelConfig().clustering
    segmenters = [make_segmenter(name, config, args.model) for name in ('network', 'clustering')]
    return lambda one: [
        segment_view((files[one.index].parent.name, condition, segmenter.name), segmenter, view)
        for condition, view in usable_views(files[one.index])
        for segmenter in segmenters
    ]


def usable_views(path: Path) -> Iterator[tuple[str, LabelledView]]:
    """The views of one scene that show anything, with how they were taken."""
    for index, view in enumerate(read_views(path)):
        if len(view.voxels) >= MIN_VOXELS:
            yield VIEWS[min(index, 1)], view


def segment_view(
    key: tuple[str, str, str], segmenter: Segmenter, view: LabelledView
) -> SegmentedView:
    """Divide one view, and take the time."""
    start = time.perf_counter()
    labels = segmenter.segment(view.voxels, view.visibility, view.plane)
    ms = 1e3 * (time.perf_counter() - start)
    return SegmentedView(key, score(labels, view.labels), ms)


def _figures(views: list[SegmentedView]) -> dict:
    """Precision, recall, mean IoU, and the time of one division."""
    p50, p99 = np.percentile([one.ms for one in views], [50, 99])
    times = {'ms_p50': float(p50), 'ms_p99': float(p99), 'views_measured': len(views)}
    return sum((one.score for one in views), InstanceScore()).figures() | times


def _table(rows: list[dict]) -> Table:
    table = Table('scene', 'views', 'segmenter', *COLUMNS, 'objects', 'ms p50', 'ms p99')
    for row in rows:
        figures = ['-' if row[c] is None else f'{row[c]:.3f}' for c in COLUMNS]
        times = [f'{row["ms_p50"]:.1f}', f'{row["ms_p99"]:.1f}']
        table.add_row(
            row['scene'], row['views'], row['segmenter'], *figures, str(row['objects']), *times
        )
    return table
