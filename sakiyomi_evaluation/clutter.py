"""`sakiyomi evaluate clutter`: clear tables of unseen objects, hundreds of picks in minutes.

Protocol of VGN (Breyer et al., Volumetric Grasping Network, CoRL 2020, section V): a round lays
`count` objects and ends when the table is clear, when no grasp is found, or after two failures
in a row. GSR is the share of attempts that bring an object into the bin, DR the share of objects
that end there. The arm, its collisions and all sensors are in the loop.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from planner_node.config import PlannerConfig
from planner_node.errors import PlanError
from sakiyomi.cli.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi_evaluation.cells.hand_cell import HandCell
from sakiyomi_evaluation.cells.pick_cell import PickCell, PickRecord
from sakiyomi_evaluation.results import check_writable, write_results
from simulation_node.cell import SimulatedCell
from simulation_node.config import SimulationConfig
from world_model_node.config import WorldModelConfig

MAX_FAILURES_IN_A_ROW = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The public contract of this command."""
    parser.add_argument('--objects', required=True, help='folder of URDFs or meshes, random_urdfs')
    parser.add_argument('--scene', choices=('packed', 'pile'), default='packed')
    parser.add_argument('--rounds', type=int, default=20, help='tables to clear')
    parser.add_argument('--count', type=int, default=5, help='objects on each table')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--hand-only', action='store_true', help='a free hand without the arm')
    parser.add_argument('--json', metavar='FILE', help='write the figures here')


def run(args: argparse.Namespace) -> int:
    """Run all rounds, report, and return the exit status."""
    if args.rounds < 1 or args.count < 1:
        raise BadInputError(
            f'--rounds and --count: got {args.rounds} and {args.count}, expected at least 1'
        )
    check_writable(args.json)
    config = SimulationConfig(
        objects=args.objects,
        scene=args.scene,
        count=args.count,
        seed=args.seed,
        hand_only=args.hand_only,
    )
    kind = HandCell if args.hand_only else PickCell
    cell = kind(SimulatedCell(config), PlannerConfig(), WorldModelConfig())
    rounds = []
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn()) as progress:
        task = progress.add_task('rounds', total=args.rounds)
        for index in range(args.rounds):
            rounds.append(clear_table(cell, round_seed(args.seed, index)))
            figures = summarise(rounds)
            progress.update(task, advance=1, description=_line(figures))
    make_console().print_json(data=figures)
    write_results(args.json, figures | {'rounds': rounds}, args)
    return 0


def round_seed(seed: int, index: int) -> int:
    """A seed for each round, different for every (seed, index)."""
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0] >> 1)


def clear_table(cell: PickCell, seed: int) -> dict:
    """One round; its attempts, why it ended and what was left."""
    cell.reset(seed)
    total = len(cell.cell.names)
    attempts: list[PickRecord] = []
    failures, ended = 0, 'clear'
    while len(cell.cleared) < total:
        try:
            record = cell.pick()
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
    }


def summarise(rounds: list[dict]) -> dict:
    """The figures of the contract from the rounds' records."""
    attempts = [a for r in rounds for a in r['attempts']]
    won = np.array([bool(a['in_bin']) for a in attempts])
    predicted = np.array([a['predicted_success'] for a in attempts])
    plan_s = np.array([a['plan_s'] for a in attempts])
    return {
        'gsr': _mean(won),
        'dr': sum(r['cleared'] for r in rounds) / sum(r['objects'] for r in rounds),
        'attempts': len(attempts),
        'failures': dict(Counter(a['outcome'] for a in attempts if not a['in_bin'])),
        'ended': dict(Counter(r['ended'].split(':')[0] for r in rounds)),
        'predicted_success_mean': _mean(predicted),
        'brier': _mean((predicted - won) ** 2),
        'plan_s': {'p50': _percentile(plan_s, 50), 'p99': _percentile(plan_s, 99)},
        'execution_s_mean': _mean(np.array([a['execution_s'] for a in attempts])),
    }


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _percentile(values: np.ndarray, percent: float) -> float | None:
    return float(np.percentile(values, percent)) if len(values) else None


def _line(figures: dict) -> str:
    gsr = figures['gsr']
    return f'GSR {"-" if gsr is None else f"{gsr:.3f}"}  DR {figures["dr"]:.3f}'
