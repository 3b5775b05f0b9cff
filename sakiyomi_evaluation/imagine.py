"""`sakiyomi evaluate imagine`: what if? Candidate actions, imagined and then carried out.

In each scene an object lies on the table, drawn as for `evaluate predict`; the world model watches
a free hand nudge it and go away. Then it imagines candidate pushes (closed hand; any direction,
height, speed, length; some go past) and candidate grasps (from above; some askew, beside the
object, too high or too weak), and the simulator carries each of them out from that very instant.
Candidates are drawn around what was seen, as a planner would. After 1 s are compared: for pushes
the length of the level displacement (Spearman) and its direction (where it is 1 cm or more); for
grasps the imagined probability of being held against the height lifted (Spearman) and against
success, which is half of the hand's rise (AUC), and the imagined against the simulated height.
Lengths are compared in whole millimetres. Grasps mostly lift all the way or not at all, and such
ties bound what a probability can reach (`spearman_bound`). A rank correlation is 0 where all that
is imagined is alike, and left out where all that is simulated is. `nominal` is what one would use
instead: PyBullet with the hull of what was tracked, and nominal properties. A scene that raised
counts as `untracked`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi_data.closed_loop.observed_cell import ObservedCell
from sakiyomi_data.counterfactual.candidate_motions import LIFT_HEIGHT_M
from sakiyomi_data.counterfactual.ranking import (
    auc,
    direction_error_rad,
    max_rank_correlation,
    rank_correlation,
    round_to_millimetres,
)
from sakiyomi_data.episodes.collection import SPLITS, split_files
from sakiyomi_data.experiments.options import JOURNAL_HELP, add_run_arguments
from sakiyomi_data.experiments.rounds import Round, run_rounds
from sakiyomi_data.experiments.serialization import from_json, to_json
from sakiyomi_data.experiments.strips import Strip
from sakiyomi_data.results import check_writable, write_results
from sakiyomi_data.rollouts.hull_simulator import HullSimulator
from sakiyomi_evaluation.counterfactual.plot import draw_outcomes
from sakiyomi_evaluation.counterfactual.scene_outcomes import (
    Outcomes,
    SceneOutcomes,
    evaluate_scene,
)
from world_model_node.inference.dynamics import Dynamics

MOVED_M = 0.01  # less has no direction worth comparing
KINDS = ('pushes', 'grasps')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The public contract of this command."""
    parser.add_argument(
        '--objects', required=True, metavar='DIR[,DIR]', help='URDFs, meshes or random_urdfs'
    )
    parser.add_argument('--scenes', type=int, default=10)
    parser.add_argument('--candidates', type=int, default=64, help='of each kind, in each scene')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--split', choices=SPLITS, default='all', help='of the objects, by name')
    parser.add_argument(
        '--json', metavar='FILE', help=f'{JOURNAL_HELP}; beside it goes FILE_outcomes.png'
    )
    add_run_arguments(parser, strips='every scene whose object was not tracked')


def run(args: argparse.Namespace) -> int:
    """Ask what if, report, and return the exit status."""
    if args.scenes < 1 or args.candidates < 2 or args.seed < 0:
        got = f'{args.scenes}, {args.candidates} and {args.seed}'
        raise BadInputError(
            f'--scenes, --candidates, --seed: got {got}, expected at least 1, 2 and 0'
        )
    check_writable(args.json)
    files = split_files(tuple(args.objects.split(',')), args.split)
    finished = run_rounds(
        partial(make_worker, args, files),
        [Round(index, args.seed) for index in range(args.scenes)],
        args,
        inputs=files,
        free=('scenes',),
    )
    scenes = [from_json(SceneOutcomes, record['scene']) for record in finished.records]
    result = {'model': finished.records[0]['model'], **summary(scenes, len(finished.failed))}
    result |= {'failed_rounds': finished.failed}
    make_console().print(_table(result))
    write_results(args.json, result, args)
    if args.json is not None:
        draw_outcomes(Path(args.json).with_name(f'{Path(args.json).stem}_outcomes.png'), result)
    return 0


def make_worker(
    args: argparse.Namespace, files: tuple[Path, ...]
) -> Callable[[Round], dict[str, Any]]:
    """What asks what if, all in one cell."""
    cell, hulls = ObservedCell(), HullSimulator()

    def work(one: Round) -> dict[str, Any]:
        scene = evaluate_scene(cell, hulls, files, one.seed, one.index, args.candidates)
        if scene.pushes is None:
            strip = Strip(args.strips, f'round{one.index:03d}')
            strip.frame(cell.cell)
            strip.write('untracked', scene.name)
        return {'model': cell.model.model_name, 'scene': to_json(scene)}

    return work


def evaluate(
    files: tuple[Path, ...],
    scenes: int,
    candidates: int,
    seed: int,
    dynamics: Dynamics | None = None,
    cell: ObservedCell | None = None,
) -> dict[str, Any]:
    """The figures of any dynamics, or of the configured ones."""
    cell, hulls = cell or ObservedCell(dynamics), HullSimulator()
    try:
        outcomes = [
            evaluate_scene(cell, hulls, files, seed, index, candidates) for index in range(scenes)
        ]
    finally:
        hulls.close()
    return {'model': cell.model.model_name, **summary(outcomes)}


def summary(scenes: Sequence[SceneOutcomes], failed: int = 0) -> dict[str, Any]:
    """Means over the scenes, and each scene with all of its outcomes; `failed` more raised.

    Raises:
        BadInputError: no scene had a tracked object.
    """
    rows = [_row(scene) for scene in scenes if scene.pushes is not None]
    if not rows:
        raise BadInputError(f'scenes: got {len(scenes)} without a tracked object, expected some')
    result: dict[str, Any] = {'untracked': len(scenes) - len(rows) + failed}
    for kind in KINDS:
        keys = [key for key, value in rows[0][kind].items() if key != 'outcomes']
        result[kind] = {key: _mean([row[kind][key] for row in rows]) for key in keys}
    return result | {'scenes': rows}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _row(scene: SceneOutcomes) -> dict[str, Any]:
    return {
        'name': scene.name,
        'pushes': _pushes(scene.pushes),
        'grasps': _grasps(scene.grasps),
    }


def _pushes(outcomes: Outcomes) -> dict[str, Any]:
    simulated = outcomes.simulated_m[:, :2]
    far = round_to_millimetres(np.linalg.norm(simulated, axis=1))
    predicted = {'': outcomes.imagined_m, '_nominal': outcomes.nominal_m}
    own = {
        key: round_to_millimetres(np.linalg.norm(m[:, :2], axis=1)) for key, m in predicted.items()
    }
    figures: dict[str, Any] = {}
    for key, moved in predicted.items():
        figures[f'spearman{key}'] = rank_correlation(own[key], far)
        figures[f'direction_error_rad{key}'] = direction_error_rad(
            moved[:, :2], simulated, MOVED_M
        )
        figures[f'position_error_mm{key}'] = _error_mm(moved, outcomes)
    shown = {'imagined_m': own[''], 'nominal_m': own['_nominal'], 'simulated_m': far}
    return {**figures, **_times(outcomes), 'outcomes': shown}


def _grasps(outcomes: Outcomes) -> dict[str, Any]:
    imagined, nominal, height = (
        round_to_millimetres(np.maximum(moved[:, 2], 0.0))
        for moved in (outcomes.imagined_m, outcomes.nominal_m, outcomes.simulated_m)
    )
    success = height > 0.5 * LIFT_HEIGHT_M
    return {
        'spearman': rank_correlation(outcomes.held, height),
        'spearman_bound': max_rank_correlation(height),
        'spearman_height': rank_correlation(imagined, height),
        'spearman_height_nominal': rank_correlation(nominal, height),
        'auc': auc(outcomes.held, success),
        'auc_nominal': auc(nominal, success),
        'success_rate': float(success.mean()),
        'position_error_mm': _error_mm(outcomes.imagined_m, outcomes),
        'position_error_mm_nominal': _error_mm(outcomes.nominal_m, outcomes),
        **_times(outcomes),
        'outcomes': {
            'held_probability': outcomes.held,
            'imagined_m': imagined,
            'nominal_m': nominal,
            'simulated_m': height,
        },
    }


def _error_mm(told_m: np.ndarray, outcomes: Outcomes) -> float:
    return float(1e3 * np.linalg.norm(told_m - outcomes.simulated_m, axis=1).mean())


def _times(outcomes: Outcomes) -> dict[str, float]:
    return {'imagine_ms': 1e3 * outcomes.imagine_s, 'simulate_ms': 1e3 * outcomes.simulate_s}


def _table(result: dict[str, Any]) -> Table:
    table = Table('scene', 'pushes', 'nominal', 'direction [rad]', 'grasps', 'height', 'nominal')
    for column in ('AUC', 'nominal', 'success', 'ms'):
        table.add_column(column)
    table.title = f'model: {result["model"]} (rank correlations; beside them nominal PyBullet)'
    for name, row in [*((r['name'], r) for r in result['scenes']), ('mean', result)]:
        pushes, grasps = row['pushes'], row['grasps']
        shown = [pushes[k] for k in ('spearman', 'spearman_nominal', 'direction_error_rad')]
        shown += [grasps[k] for k in ('spearman', 'spearman_height', 'spearman_height_nominal')]
        shown += [grasps[k] for k in ('auc', 'auc_nominal', 'success_rate')]
        cells = ['-' if value is None else f'{value:.2f}' for value in shown]
        table.add_row(name, *cells, f'{pushes["imagine_ms"]:.0f}')
    return table
