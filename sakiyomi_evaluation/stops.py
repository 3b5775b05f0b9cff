"""`sakiyomi evaluate stops`: what the arm does when a source is lost or a goal is cancelled.

Picks are planned once in each scene with everything in the loop. Each trial plays the same scene
and plan again up to an instant of its own, then one thing happens: joint states fall silent,
scenes stop coming, the goal is cancelled, the planner dies. Measured are the last command after
that instant, when the arm is at rest, and the largest force at the wrist. In a trial named
`block`, 3 kg are put into the way of an arm that moves and looks.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from planner_node.config import PlannerConfig
from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi_data.experiments.options import JOURNAL_HELP, add_run_arguments
from sakiyomi_data.experiments.rounds import Round, RoundResults, run_rounds
from sakiyomi_data.results import check_writable, write_results
from sakiyomi_evaluation.clutter import round_seed
from sakiyomi_evaluation.stopping.block_trial import PHASES, BlockTrial
from sakiyomi_evaluation.stopping.planned_scene import PlannedScene
from sakiyomi_evaluation.stopping.stop_trial import EVENTS, StopTrial
from simulation_node.cell import SimulatedCell
from simulation_node.config import SimulationConfig
from simulation_node.objects.object_files import object_files
from world_model_node.config import WorldModelConfig

TRIALS_PER_SCENE = 20
BLOCK = 'block'  # its trials see the scene anew each time: one of each phase in a scene


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which events, how often, in which scenes."""
    parser.add_argument('--objects', default='random_urdfs', help='as for clutter')
    parser.add_argument('--scene', choices=('packed', 'pile'), default='packed')
    parser.add_argument('--count', type=int, default=5, help='objects on each table')
    parser.add_argument('--trials', type=int, default=200, help='of each event')
    parser.add_argument(
        '--events', default=','.join(EVENTS), help='some of the default, by commas'
    )
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--json', metavar='FILE', help=JOURNAL_HELP)
    add_run_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run all trials, report, and return the exit status."""
    events = args.events.split(',')
    if args.trials < 1 or not set(events) <= {*EVENTS, BLOCK}:
        raise BadInputError(
            f'--trials and --events: got {args.trials} and {args.events},'
            f' expected at least 1 and some of {", ".join((*EVENTS, BLOCK))}'
        )
    check_writable(args.json)
    scenes = -(-args.trials // TRIALS_PER_SCENE)
    rounds = [Round(index, round_seed(args.seed, index)) for index in range(scenes)]
    finished = run_rounds(
        partial(make_worker, args),
        rounds,
        args,
        inputs=object_files(args.objects),
        free=('trials',),
    )
    figures = summarise(finished, events, args.trials)
    make_console().print_json(data=figures)
    write_results(args.json, figures | {'rounds': finished.records}, args)
    return 0


def make_worker(args: argparse.Namespace) -> Callable[[Round], dict[str, Any]]:
    """What plays the trials of one scene."""
    config = SimulationConfig(objects=args.objects, scene=args.scene, count=args.count)
    planned = PlannedScene(SimulatedCell(config), PlannerConfig(), WorldModelConfig())
    return partial(_scene_trials, planned, args.events.split(','))


def _scene_trials(planned: PlannedScene, events: list[str], one: Round) -> dict[str, Any]:
    """Every event in one scene, each at instants of its own."""
    rng = np.random.default_rng([one.seed, 41])
    if not planned.plan(one.seed):
        return {'seed': one.seed, 'trials': [], 'planned': False}
    trials = [t for event in events for t in _trials(planned, event, one.seed, rng)]
    return {'seed': one.seed, 'trials': trials, 'planned': True}


def _trials(
    planned: PlannedScene, event: str, seed: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    if event == BLOCK:
        shares = rng.uniform(0.0, 1.0, len(PHASES))
        tried = zip(PHASES, shares, strict=True)
        return [BlockTrial(planned.loop, seed, phase, float(at)).run() for phase, at in tried]
    shares = rng.uniform(0.0, 1.0, TRIALS_PER_SCENE)
    return [StopTrial(planned, event, float(at)).run() for at in shares]


def summarise(finished: RoundResults, events: list[str], trials: int) -> dict[str, Any]:
    """By event: last command, rest and force, each with its largest."""
    records = [t for r in finished.records for t in r['trials']]
    figures: dict[str, Any] = {'failed_rounds': finished.failed}
    for event in events:
        own = [t for t in records if t['event'] == event and t.get('put', True)][:trials]
        figures[event] = {
            'trials': len(own),
            'above_40_n': sum(t['peak_n'] > 40.0 for t in own),
            'outcomes': dict(Counter(t['outcome'] for t in own)),
        }
        for name in ('last_command_s', 'rest_s', 'way_rad', 'peak_n'):
            figures[event][name] = _spread([t[name] for t in own if name in t])
        if event != BLOCK:
            figures[event]['at_rest'] = sum(t['at_rest'] for t in own)
    return figures


def _spread(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    median, p99, largest = np.percentile(values, [50, 99, 100])
    return {'p50': float(median), 'p99': float(p99), 'max': float(largest)}
