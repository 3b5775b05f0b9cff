"""`sakiyomi evaluate clutter`: clear tables of unseen objects, hundreds of picks in minutes.

Protocol of VGN (Breyer et al., Volumetric Grasping Network, CoRL 2020, section V): a round lays
`count` objects and ends when the table is clear, when no grasp is found, or after two failures
in a row. GSR is the share of attempts that bring an object into the bin, DR the share of objects
that end there. The arm, its collisions and all sensors are in the loop, and simulated time goes on
while the planner thinks (`--clock run`). A round that raised counts as one failed attempt, and
none of its objects as cleared.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from planner_node.config import PlannerConfig
from planner_node.errors import PlanError
from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi_data.closed_loop.closed_loop import CLOCKS
from sakiyomi_data.experiments.options import JOURNAL_HELP, add_run_arguments
from sakiyomi_data.experiments.rounds import Round, RoundResults, run_rounds
from sakiyomi_data.experiments.strips import Strip
from sakiyomi_data.object_split import add_held_out_argument, measured_objects
from sakiyomi_data.results import check_writable, write_results
from sakiyomi_evaluation.closed_loop.arm_cell import ArmCell
from sakiyomi_evaluation.closed_loop.hand_cell import HandCell
from sakiyomi_evaluation.closed_loop.pick_record import PickRecord
from simulation_node.cell import SimulatedCell
from simulation_node.config import SimulationConfig
from simulation_node.objects.object_files import object_files
from world_model_node.config import WorldModelConfig

MAX_FAILURES_IN_A_ROW = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The public contract of this command."""
    parser.add_argument('--objects', required=True, help='folder of URDFs or meshes, random_urdfs')
    parser.add_argument('--scene', choices=('packed', 'pile'), default='packed')
    parser.add_argument('--rounds', type=int, default=20, help='tables to clear')
    parser.add_argument('--count', type=int, default=5, help='objects on each table')
    parser.add_argument('--seed', type=int, default=0)
    add_held_out_argument(parser)
    parser.add_argument('--hand-only', action='store_true', help='a free hand without the arm')
    add_clock_arguments(parser)
    parser.add_argument('--json', metavar='FILE', help=JOURNAL_HELP)
    add_run_arguments(parser, strips='how each failed attempt went')


def add_clock_arguments(parser: argparse.ArgumentParser) -> None:
    """`--clock` and `--think`, of every command with an arm."""
    parser.add_argument(
        '--clock',
        choices=CLOCKS,
        default=CLOCKS[0],
        help='run: the world goes on while the planner thinks; wait: it stands still',
    )
    parser.add_argument(
        '--think',
        type=float,
        metavar='SECONDS',
        help='with --clock run: each plan takes so long, so that a seed repeats;'
        ' as long as it really takes if not given',
    )


def planner_config(args: argparse.Namespace) -> PlannerConfig:
    """With the time that a plan takes where it is fixed.

    Raises:
        BadInputError: a time that no plan takes, or one for a world that waits.
    """
    if args.think is None:
        return PlannerConfig()
    if args.clock == 'wait' or not 0.0 < args.think <= 60.0:
        raise BadInputError(
            f'--think: got {args.think} with --clock {args.clock},'
            ' expected above 0 and at most 60 s with --clock run'
        )
    return PlannerConfig(fixed_planning_s=args.think)


def run(args: argparse.Namespace) -> int:
    """Run all rounds, report, and return the exit status."""
    if args.rounds < 1 or args.count < 1:
        raise BadInputError(
            f'--rounds and --count: got {args.rounds} and {args.count}, expected at least 1'
        )
    planner_config(args)
    check_writable(args.json)
    with measured_objects(args.objects, args.held_out) as (objects, split):
        return _measure(args, objects, split)


def _measure(args: argparse.Namespace, objects: str, split: dict[str, int] | None) -> int:
    rounds = [Round(index, round_seed(args.seed, index)) for index in range(args.rounds)]
    finished = run_rounds(
        partial(make_worker, args, objects),
        rounds,
        args,
        inputs=object_files(args.objects),
        free=('rounds',),
        show=lambda so_far: _line(summarise(so_far, args.count)),
    )
    figures = {'clock': _clock(args), 'held_out': split} | summarise(finished, args.count)
    make_console().print_json(data=figures)
    write_results(args.json, figures | {'rounds': finished.records}, args)
    return 0


def make_worker(args: argparse.Namespace, objects: str) -> Callable[[Round], dict[str, Any]]:
    """What plays rounds, all in one cell."""
    cell = make_cell(args, objects)
    return lambda one: clear_table(cell, one.seed, args.strips, f'round{one.index:03d}')


def _clock(args: argparse.Namespace) -> str:
    if args.hand_only or args.clock == 'wait':
        return 'wait'
    return 'run, thinking as long as it takes' if args.think is None else f'run, {args.think} s'


def make_cell(args: argparse.Namespace, objects: str) -> ArmCell | HandCell:
    """The cell that the arguments ask for."""
    config = SimulationConfig(
        objects=objects,
        scene=args.scene,
        count=args.count,
        seed=args.seed,
        hand_only=args.hand_only,
    )
    cell, model = SimulatedCell(config), WorldModelConfig()
    if args.hand_only:
        return HandCell(cell, PlannerConfig(), model)
    return ArmCell(cell, planner_config(args), model, args.clock)


def round_seed(seed: int, index: int) -> int:
    """A seed for each round, different for every (seed, index)."""
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0] >> 1)


def clear_table(
    cell: ArmCell | HandCell, seed: int, strips: Path | None = None, name: str = 'round'
) -> dict[str, Any]:
    """One round; its attempts, why it ended and what was left.

    Args:
        cell: in which nothing is left of the round before once it is reset.
        seed: of the scene and of everything that is random in the round.
        strips: folder for pictures of failed attempts.
        name: of the round, for these.
    """
    cell.reset(seed)
    started_s = cell.cell.time_s
    total = len(cell.cell.names)
    attempts: list[PickRecord] = []
    failures, ended = 0, 'clear'
    while len(cell.cleared) < total:
        try:
            record = attempt(cell, Strip(strips, f'{name}_attempt{len(attempts) + 1}'))
        except PlanError as error:
            ended = str(error)
            break
        attempts.append(record)
        failures = 0 if record.in_bin else failures + 1
        if failures >= MAX_FAILURES_IN_A_ROW:
            ended = 'two failures in a row'
            break
    return {
        'seed': seed,
        'attempts': [asdict(a) for a in attempts],
        'cleared': len(cell.cleared),
        'objects': total,
        'ended': ended,
        'time_s': cell.cell.time_s - started_s,
    }


def attempt(cell: ArmCell | HandCell, strip: Strip) -> PickRecord:
    """One pick; the strip is drawn where nothing came into the bin.

    Raises:
        PlanError: nothing could be planned.
    """
    strip.frame(cell.cell)
    cell.on_phase = strip.frame
    try:
        record = cell.pick()
    except PlanError:
        raise
    except Exception as error:
        strip.frame(cell.cell)
        strip.write('raised', f'{type(error).__name__}: {error}')
        raise
    strip.frame(cell.cell)
    if not record.in_bin:
        strip.write(record.outcome, record.reason)
    return record


def summarise(finished: RoundResults, count: int) -> dict[str, Any]:
    """The figures of the contract; `count` objects were laid in a round that failed."""
    rounds, failed = finished.records, len(finished.failed)
    attempts = [a for r in rounds for a in r['attempts']]
    won = np.array([bool(a['in_bin']) for a in attempts])
    predicted = np.array([a['predicted_success'] for a in attempts])
    plan_s = np.array([a['plan_s'] for a in attempts])
    failures = Counter(a['outcome'] for a in attempts if not a['in_bin'])
    ended = Counter(r['ended'].split(':')[0] for r in rounds)
    raised = {'raised': failed} if failed else {}
    return {
        'gsr': _mean(np.append(won, [False] * failed)),
        'dr': sum(r['cleared'] for r in rounds)
        / (sum(r['objects'] for r in rounds) + count * failed),
        'attempts': len(attempts) + failed,
        'failures': dict(failures) | raised,
        'ended': dict(ended) | raised,
        'predicted_success_mean': _mean(predicted),
        'brier': _mean((predicted - won) ** 2),
        'plan_s': {'p50': _percentile(plan_s, 50), 'p99': _percentile(plan_s, 99)},
        'announced_success_not_in_bin': sum(
            a['outcome'] == 'success' and not a['in_bin'] for a in attempts
        ),
        'in_bin_not_announced': sum(
            a['outcome'] != 'success' and bool(a['in_bin']) for a in attempts
        ),
        'picks_per_hour': 3600.0 * len(attempts) / max(sum(r['time_s'] for r in rounds), 1e-9),
        'execution_s_mean': _mean(np.array([a['execution_s'] for a in attempts])),
        'failed_rounds': finished.failed,
    }


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _percentile(values: np.ndarray, percent: float) -> float | None:
    return float(np.percentile(values, percent)) if len(values) else None


def _line(figures: dict) -> str:
    gsr = figures['gsr']
    return f'GSR {"-" if gsr is None else f"{gsr:.3f}"}  DR {figures["dr"]:.3f}'
