"""`sakiyomi evaluate perceive`: how well the world model sees, by ground truth.

Each round lays a seeded scene. At rest, after half a second: instances of the fused cloud
(precision, recall and mean IoU, matched at IoU 0.5), the centroid's error against the centre of
the hull's volume, and the Chamfer distances of the remembered surface. Then ten seconds of pushes
and of the arm passing in front of the camera: HOTA, identity switches, position, rotation and
twist errors and the coverage of the 90 % position ellipsoid, of what moves and of what rests.
Every fourth round (`--ablation-every`) also tracks with fewer sensors, with lost messages and with
each segmenter, and carries one object in the hand, with touch and without. Objects that no sensor
sees do not count. Of a round that raised every object counts as missed, and its HOTA as 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.table import Table

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi_data.closed_loop.free_hand_cell import CAMERA_HZ
from sakiyomi_data.experiments.options import JOURNAL_HELP, add_run_arguments
from sakiyomi_data.experiments.rounds import Round, RoundResults, run_rounds
from sakiyomi_data.experiments.serialization import from_json
from sakiyomi_data.object_split import add_held_out_argument, measured_objects
from sakiyomi_data.results import check_writable, write_results
from sakiyomi_evaluation.clutter import round_seed
from sakiyomi_evaluation.perception.figures import PerceptionTally
from sakiyomi_evaluation.perception.perception_cell import PerceptionCell, PerceptionResult
from sakiyomi_evaluation.perception.scene_pictures import draw_failure, draw_scene, keep_worst
from sakiyomi_evaluation.speed.stage_times_plot import plot_stage_times
from simulation_node.config import CameraConfig, SimulationConfig
from simulation_node.objects.object_files import object_files
from world_model_node.config import WorldModelConfig

MAX_SECONDS = 600.0
ABLATION_PERIOD = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The public contract of this command."""
    parser.add_argument('--objects', required=True, help='folder of URDFs or meshes, random_urdfs')
    parser.add_argument('--scene', choices=('packed', 'pile'), default='packed')
    parser.add_argument('--rounds', type=int, default=20, help='scenes to look at')
    parser.add_argument('--count', type=int, default=5, help='objects in each scene')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--seconds', type=float, default=10.0, help='length of the tracking sequence; 0: none'
    )
    parser.add_argument(
        '--ablation-every',
        type=int,
        default=ABLATION_PERIOD,
        metavar='K',
        help='track with fewer sensors, and carry an object, in every K-th round; 0: never',
    )
    add_held_out_argument(parser)
    parser.add_argument('--frames', metavar='DIR', help='draw the ten worst scenes there')
    parser.add_argument(
        '--json', metavar='FILE', help=f'{JOURNAL_HELP}; beside it goes FILE_stages.png'
    )
    add_run_arguments(parser, strips='every scene with an object missed, or one too many')


def run(args: argparse.Namespace) -> int:
    """Run all rounds, report, and return the exit status."""
    _check(args)
    with measured_objects(args.objects, args.held_out) as (objects, split):
        return _measure(args, objects, split)


def _measure(args: argparse.Namespace, objects: str, split: dict[str, int] | None) -> int:
    finished = run_rounds(
        partial(make_worker, args, objects),
        [Round(index, round_seed(args.seed, index)) for index in range(args.rounds)],
        args,
        inputs=object_files(args.objects),
        free=('rounds', 'frames'),
        show=ProgressLine(),
    )
    results = [from_json(PerceptionResult, record) for record in finished.records]
    tally = PerceptionTally()
    for result in results:
        tally.add(result)
    for _ in finished.failed:
        tally.add_failed(args.count, tracked=args.seconds > 0.0)
    if args.frames is not None:
        failed = {entry['index'] for entry in finished.failed}
        indices = (index for index in range(args.rounds) if index not in failed)
        keep_worst(Path(args.frames), dict(zip(indices, results, strict=True)))
    figures = tally.figures() | {'failed_rounds': finished.failed, 'held_out': split}
    make_console().print(_table(figures))
    write_results(args.json, figures | {'rounds': tally.rounds}, args)
    if args.json is not None:
        plot_stage_times(Path(args.json).with_name(f'{Path(args.json).stem}_stages.png'), figures)
    return 0


def make_worker(args: argparse.Namespace, objects: str) -> Callable[[Round], PerceptionResult]:
    """What looks at scenes, all in one cell."""
    scene = {'objects': objects, 'scene': args.scene, 'count': args.count, 'seed': args.seed}
    config = SimulationConfig(camera=CameraConfig(rate_hz=CAMERA_HZ), **scene)
    cell = PerceptionCell(config, WorldModelConfig(), args.seconds)
    return lambda one: evaluate_round(cell, args, one)


def evaluate_round(cell: PerceptionCell, args: argparse.Namespace, one: Round) -> PerceptionResult:
    """Look at one scene and draw it where that is asked for; what is kept of it."""
    cell.cell.restart_clock()
    ablate = args.ablation_every > 0 and one.index % args.ablation_every == 0
    result = cell.round(one.seed, ablate)
    if args.frames is not None:
        draw_scene(Path(args.frames), one.index, result)
    if args.strips is not None:
        draw_failure(args.strips, one.index, result)
    return _without_pictures(result)


def _without_pictures(result: PerceptionResult) -> PerceptionResult:
    """What the figures are made of."""
    views = dict(result.views)
    for name, view in views.items():
        if view.sequence is not None:
            views[name] = replace(view, sequence=replace(view.sequence, rotation_tracker=None))
    return replace(result, views=views, picture=None)


class ProgressLine:
    """The line of the progress bar, from the rounds that have ended."""

    def __init__(self) -> None:
        self._tally, self._seconds = PerceptionTally(), 0.0

    def __call__(self, finished: RoundResults) -> str:
        """Add those that are new."""
        for record in finished.records[len(self._tally.rounds) :]:
            result = from_json(PerceptionResult, record)
            self._tally.add(result)
            self._seconds = result.wall_s
        pooled = self._tally.figures(brief=True)
        shown = (f'{key} {_number(pooled[key])}' for key in ('precision', 'recall', 'hota'))
        return '  '.join([*shown, f'{self._seconds:.0f} s'])


def _check(args: argparse.Namespace) -> None:
    if args.rounds < 1 or args.count < 1:
        raise BadInputError(
            f'--rounds and --count: got {args.rounds} and {args.count}, expected at least 1'
        )
    if args.seed < 0 or args.ablation_every < 0:
        raise BadInputError(
            f'--seed and --ablation-every: got {args.seed} and {args.ablation_every},'
            ' expected 0 or more'
        )
    if not 0.0 <= args.seconds <= MAX_SECONDS:
        raise BadInputError(f'--seconds: got {args.seconds}, expected 0 to {MAX_SECONDS:g}')
    check_writable(args.json)
    if args.frames is None:
        return
    if Path(args.frames).exists() and not Path(args.frames).is_dir():
        raise BadInputError(f'--frames {args.frames}: got a file, expected a folder')
    Path(args.frames).mkdir(parents=True, exist_ok=True)


def _table(figures: dict) -> Table:
    columns = ('precision', 'recall', 'mean_iou', 'centroid_mm', 'chamfer_mm', 'hota')
    table = Table('sensors', *columns, 'id_switches', 'p99_ms', title='perception')
    for name, row in figures['ablations'].items():
        cells = [_number(row.get(column)) for column in (*columns, 'id_switches', 'p99_ms')]
        table.add_row(name, *cells)
    for name, row in figures['carrying'].items():
        table.caption = f'{table.caption or "carried:"} {name} {_number(row["center_mm"])} mm;'
    return table


def _number(value: float | None) -> str:
    return '-' if value is None else f'{value:.3g}'
