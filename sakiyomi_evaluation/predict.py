"""`sakiyomi evaluate predict`: how well the future of interactions is predicted.

Each round plays one seeded episode of every scenario (docs/collect.md) and compares, from 1.2 s of
watching on, where objects are predicted to be with where they are: the error of the centre, of the
rotation since t0, the coverage of the 90 % ellipsoid of the position (chi-squared, three degrees
of freedom; pooled over the three times) and the negative log-likelihood of the position. What the
model has to beat: the physics prior, constant twist, and PyBullet from the same observed state
with nominal properties (`NOMINAL`) or the true ones. These have no covariance worth the name and
get a Gaussian fitted on other objects and seeds, one for all scenarios (`--fit-noise`).
`ratio_to_nominal_1s` is the model's mean position error at 1 s over that of nominal PyBullet, for
each scenario; its `mean` averages the scenarios. `true_state_to_nominal_1s` is the same for
PyBullet that is told the true properties, places and twists too, and has only the shape as it was
seen: about what there is to gain. Objects that have no track within 5 cm at t0
cannot be judged and are counted; a round that raised counts as one such object.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi.paths import share_dir
from sakiyomi_data.episodes.collection import SPLITS, split_files
from sakiyomi_data.episodes.layout import Episode
from sakiyomi_data.episodes.shards import count_episodes
from sakiyomi_data.experiments.options import JOURNAL_HELP, add_run_arguments
from sakiyomi_data.experiments.rounds import Round, RoundResults, run_rounds
from sakiyomi_data.experiments.serialization import from_json
from sakiyomi_data.results import check_writable, write_results
from sakiyomi_data.rollouts.hull_simulator import HullSimulator
from sakiyomi_data.scenarios.registry import check_scenarios
from sakiyomi_evaluation.prediction.episode_rounds import (
    MODEL,
    EpisodeResult,
    make_worker,
    pooled,
    predictors,
)
from sakiyomi_evaluation.prediction.errors import (
    REPORTED_S,
    ErrorTally,
    PredictionErrors,
    evaluate_episode,
    figures,
    fit_noise,
)
from sakiyomi_evaluation.prediction.plot import draw_errors
from sakiyomi_evaluation.prediction.predictors import NOMINAL, TIMES_S, OracleLevel
from world_model_node.inference.dynamics import Dynamics

DEFAULT_SCENARIOS = ('push', 'slide', 'roll', 'drop', 'toss', 'collide', 'lift')
NOMINAL_NAME, ORACLE_NAME = OracleLevel.NOTHING.value, OracleLevel.STATE.value
NOISE_FILE = 'predict_baselines.json'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The public contract of this command."""
    parser.add_argument(
        '--objects', metavar='DIR[,DIR]', help='folder of URDFs or meshes, random_urdfs'
    )
    parser.add_argument('--episodes', type=Path, metavar='DIR', help='collected ones instead')
    parser.add_argument('--scenarios', default=','.join(DEFAULT_SCENARIOS))
    parser.add_argument('--rounds', type=int, default=10, help='episodes of each scenario')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--split', choices=SPLITS, default='all', help='of the objects, by name')
    parser.add_argument(
        '--fit-noise', metavar='FILE', help="fit the baselines' noise on these episodes"
    )
    parser.add_argument(
        '--json', metavar='FILE', help=f'{JOURNAL_HELP}; beside it goes FILE_errors.png'
    )
    add_run_arguments(
        parser, strips='every played episode in which the model lost an object or was 10 cm off'
    )


def run(args: argparse.Namespace) -> int:
    """Play or read the episodes, report, and return the exit status."""
    scenarios = _check(args)
    finished = _run_rounds(args, scenarios)
    episode_results = [from_json(EpisodeResult, record) for record in finished.records]
    tally = pooled(one.tally for one in episode_results)
    if args.episodes is None:
        _count_failed(tally, finished, scenarios)
    if args.fit_noise is not None:
        write_results(args.fit_noise, {'sigma_m': fitted(tally)}, args)
    noise = read_noise(
        Path(args.fit_noise) if args.fit_noise else share_dir('models') / NOISE_FILE
    )
    result = summary(tally, episode_results[0].model, noise) | {'failed_rounds': finished.failed}
    make_console().print(_table(result))
    write_results(args.json, result | {'nominal': NOMINAL, 'watched_s': 1.2}, args)
    if args.json is not None:
        draw_errors(Path(args.json).with_name(f'{Path(args.json).stem}_errors.png'), result)
    return 0


def _run_rounds(args: argparse.Namespace, scenarios: tuple[str, ...]) -> RoundResults:
    if args.episodes is not None:
        files, count = (), count_episodes(args.episodes)
    else:
        files = split_files(tuple(args.objects.split(',')), args.split)
        count = args.rounds * len(scenarios)
    return run_rounds(
        partial(make_worker, args, scenarios, files),
        [Round(index, args.seed) for index in range(count)],
        args,
        inputs=files or (args.episodes,),
        free=('rounds', 'fit_noise'),
    )


def _count_failed(tally: ErrorTally, finished: RoundResults, scenarios: Sequence[str]) -> None:
    """Each as an object of its scenario that could not be judged."""
    for entry in finished.failed:
        scenario = scenarios[entry['index'] % len(scenarios)]
        for counts in (tally.objects, tally.untracked):
            counts[scenario] = counts.get(scenario, 0) + 1


def evaluate(
    episodes: Iterable[Episode], dynamics: Dynamics, noise: dict[str, np.ndarray] | None = None
) -> dict[str, Any]:
    """The figures of a model and of what it has to beat, on episodes stored or fresh."""
    return summary(evaluated(episodes, dynamics), dynamics.name, noise or {})


def evaluated(episodes: Iterable[Episode], dynamics: Dynamics) -> ErrorTally:
    """The model and every baseline on the episodes."""
    tally, world = ErrorTally([], {}, {}), HullSimulator()
    all_predictors = predictors(dynamics, world)
    try:
        for episode in episodes:
            evaluate_episode(episode, all_predictors, tally)
    finally:
        world.close()
    return tally


def fitted(tally: ErrorTally) -> dict[str, np.ndarray]:
    """The noise (H, 2) [m] of every baseline."""
    names = dict.fromkeys(o.predictor for o in tally.outcomes if o.predictor != MODEL)
    return {name: fit_noise([o for o in tally.outcomes if o.predictor == name]) for name in names}


def read_noise(path: Path) -> dict[str, np.ndarray]:
    """What `--fit-noise` wrote; nothing where there is no such file.

    Raises:
        BadInputError: it is no such file.
    """
    if not path.exists():
        return {}
    try:
        sigma = json.loads(path.read_text(encoding='utf-8'))['sigma_m']
        noise = {name: np.array(rows, float) for name, rows in sigma.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f'noise {path}: not written by --fit-noise: {error}') from error
    wrong = [name for name, rows in noise.items() if rows.shape != (len(TIMES_S), 2)]
    if wrong:
        got = noise[wrong[0]].shape
        raise BadInputError(f'noise {path}: got shape {got}, expected {(len(TIMES_S), 2)}')
    return noise


def summary(tally: ErrorTally, model_name: str, noise: dict[str, np.ndarray]) -> dict[str, Any]:
    """All figures: per scenario and pooled.

    Raises:
        BadInputError: no object could be judged.
    """
    if not tally.outcomes:
        raise BadInputError('episodes: got none with a tracked object, expected some')
    names = list(dict.fromkeys(o.predictor for o in tally.outcomes))
    scenarios = {}
    for scenario in tally.objects:
        own = [o for o in tally.outcomes if o.scenario == scenario]
        scenarios[scenario] = {
            'objects': tally.objects[scenario],
            'untracked': tally.untracked[scenario],
            **(_rows(own, names, noise) if own else {}),
        }
    pooled = _rows(tally.outcomes, names, noise)
    return {
        'model': model_name,
        'ratio_to_nominal_1s': _ratios(scenarios, MODEL),
        'true_state_to_nominal_1s': _ratios(scenarios, ORACLE_NAME),
        'coverage_90': pooled[MODEL].get('coverage_90'),
        'nll': pooled[MODEL].get('nll'),
        'tracked_share': 1.0 - sum(tally.untracked.values()) / sum(tally.objects.values()),
        'pooled': pooled,
        'scenarios': scenarios,
        'times_s': TIMES_S.tolist(),
    }


def _ratios(scenarios: dict[str, dict], name: str) -> dict[str, float]:
    """Of a predictor's mean error at 1 s to that of nominal PyBullet, and their mean."""
    ratios = {
        scenario: row[name]['error_mm']['1'] / row[NOMINAL_NAME]['error_mm']['1']
        for scenario, row in scenarios.items()
        if name in row
    }
    return ratios | {'mean': float(np.mean(list(ratios.values())))}


def _rows(
    outcomes: Sequence[PredictionErrors], names: Sequence[str], noise: dict[str, np.ndarray]
) -> dict[str, dict]:
    rows = {}
    for name in names:
        own = [o for o in outcomes if o.predictor == name]
        if name != MODEL and name not in noise:
            own = [
                PredictionErrors(
                    o.scenario, o.predictor, o.position_error_m, o.rotation_error_rad, None
                )
                for o in own
            ]
        rows[name] = figures(own, noise.get(name))
    return rows


def _check(args: argparse.Namespace) -> tuple[str, ...]:
    scenarios = tuple(args.scenarios.split(','))
    check_scenarios(scenarios)
    if (args.objects is None) == (args.episodes is None):
        raise BadInputError('--objects, --episodes: expected one of them')
    if args.rounds < 1 or args.seed < 0:
        got = f'{args.rounds} and {args.seed}'
        raise BadInputError(f'--rounds and --seed: got {got}, expected at least 1 and 0')
    check_writable(args.json)
    check_writable(args.fit_noise)
    return scenarios


def _table(result: dict) -> Table:
    table = Table('scenario', 'objects', 'lost', 'predictor', title=f'model: {result["model"]}')
    for t in REPORTED_S:
        table.add_column(f'mm @ {t:g} s')
    for column in ('rad @ 1 s', 'coverage', 'NLL', 'ratio'):
        table.add_column(column)
    for scenario, rows in {**result['scenarios'], 'all': result['pooled']}.items():
        for name in (n for n in rows if isinstance(rows[n], dict)):
            row = rows[name]
            errors = [f'{row["error_mm"][f"{t:g}"]:.1f}' for t in REPORTED_S]
            calibration = [
                f'{row[key]:.2f}' if key in row else '-' for key in ('coverage_90', 'nll')
            ]
            key = 'mean' if scenario == 'all' else scenario
            ratio = f'{result["ratio_to_nominal_1s"][key]:.2f}' if name == MODEL else ''
            counts = (str(rows.get('objects', '')), str(rows.get('untracked', '')))
            first = (scenario, *counts) if name == MODEL else ('', '', '')
            table.add_row(
                *first, name, *errors, f'{row["error_rad"]["1"]:.2f}', *calibration, ratio
            )
    return table
