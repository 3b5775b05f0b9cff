"""`sakiyomi evaluate properties`: what is known of an object after one lift and tilt.

Each round draws an object with hidden properties (docs/collect.md). A free hand grasps it from
above across its narrowest side with 5 to 30 N, lifts it by 10 cm and tilts it about both level
axes; then what the world model believes is compared with the truth: mass and friction by relative
error, the centre of mass by its distance in the world, the tracked pose's error included. Coverage
is of the stated 90 % intervals (the 90 % ellipsoid for the centre of mass). At the end of the tilt
the grip loosens until the wrist feels the object slide (`FrictionProbe`): a grip that
holds tells no more of friction than that it is enough. Friction is judged by the last belief
after that, while the track of what may have fallen lasts; `before_loosening` has it at the end of
the tilt, and `before` is everything from the last look before the hand came down. Mass and centre
of mass are judged by the last belief while the object was held; objects that slipped out before
the end are judged too, and counted (`dropped`, what falls as the grip loosens included); those
that the world model never knew to be held are not (`missed`, with every round that raised).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from scipy.spatial.transform import Rotation

from planner_node.friction_probe import FrictionProbe
from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi.scene import Gaussian, GripperCommand, ObjectState, Scene
from sakiyomi_data.closed_loop.observed_cell import ObservedCell
from sakiyomi_data.episodes.collection import SPLITS, split_files
from sakiyomi_data.experiments.options import JOURNAL_HELP, add_run_arguments
from sakiyomi_data.experiments.rounds import Round, run_rounds
from sakiyomi_data.experiments.strips import Strip
from sakiyomi_data.results import check_writable, write_results
from sakiyomi_data.scenarios.interaction import HISTORY_S, HandScript, Interaction, ScenarioPlayer
from sakiyomi_data.scenarios.manipulation import OPENING_CLEARANCE_M, sample_top_grasp
from sakiyomi_data.scenarios.scene_builder import SceneBuilder, workspace_center
from sakiyomi_evaluation.perception.state_errors import CHI2_90_3DOF
from simulation_node.bodies.physical_properties import PhysicalProperties
from simulation_node.config import HAND_LINK
from world_model_node.inference.dynamics import Dynamics

GRIP_RANGE_N = (5.0, 30.0)
HOVER_M, RISE_M = 0.14, 0.10
TILT_RAD = 0.8
SIGMAS_90 = 1.6449
DESCENT_START_S = -HISTORY_S + 0.5
TOUCH_HZ, SETTLE_AFTER_PROBE_S = 60, 0.4
# seconds from one pose to the next, and the turns (2,) about the hand's x and y at each
TILTS = (
    (0.5, (0.0, 0.0)),
    (0.4, (1.0, 0.0)),
    (0.4, (1.0, 0.0)),
    (0.6, (0.0, 1.0)),
    (0.4, (0.0, 1.0)),
    (0.5, (0.0, 0.0)),
    (0.3, (0.0, 0.0)),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The public contract of this command."""
    parser.add_argument(
        '--objects', required=True, metavar='DIR[,DIR]', help='URDFs, meshes or random_urdfs'
    )
    parser.add_argument('--rounds', type=int, default=10, help='objects lifted and tilted')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--split', choices=SPLITS, default='all', help='of the objects, by name')
    parser.add_argument('--json', metavar='FILE', help=JOURNAL_HELP)
    add_run_arguments(parser, strips='every object that was missed or dropped')


def run(args: argparse.Namespace) -> int:
    """Lift and tilt, report, and return the exit status."""
    if args.rounds < 1 or args.seed < 0:
        got = f'{args.rounds} and {args.seed}'
        raise BadInputError(f'--rounds and --seed: got {got}, expected at least 1 and 0')
    check_writable(args.json)
    files = split_files(tuple(args.objects.split(',')), args.split)
    finished = run_rounds(
        partial(make_worker, args, files),
        [Round(index, args.seed) for index in range(args.rounds)],
        args,
        inputs=files,
        free=('rounds',),
    )
    rows = [record['row'] for record in finished.records]
    result = {'model': finished.records[0]['model'], **summary(rows, len(finished.failed))}
    result |= {'failed_rounds': finished.failed, 'objects': rows}
    make_console().print(_table(result))
    write_results(args.json, result, args)
    return 0


def make_worker(
    args: argparse.Namespace, files: tuple[Path, ...]
) -> Callable[[Round], dict[str, Any]]:
    """What lifts and tilts, all in one cell."""
    cell = ObservedCell()

    def work(one: Round) -> dict[str, Any]:
        strip = Strip(args.strips, f'round{one.index:03d}')
        row = lift_and_tilt(cell, files, one.seed, one.index, strip)
        if row['tilted'] is None or row['dropped']:
            strip.write('missed' if row['tilted'] is None else 'dropped', row['name'])
        return {'model': cell.model.model_name, 'row': row}

    return work


def evaluate(
    files: tuple[Path, ...],
    rounds: int,
    seed: int,
    dynamics: Dynamics | None = None,
    cell: ObservedCell | None = None,
) -> dict[str, Any]:
    """The figures of any dynamics' belief, or of the configured ones."""
    cell = cell or ObservedCell(dynamics)
    rows = [lift_and_tilt(cell, files, seed, index) for index in range(rounds)]
    return {'model': cell.model.model_name, **summary(rows), 'objects': rows}


def lift_and_tilt(
    cell: ObservedCell, files: tuple[Path, ...], seed: int, index: int, strip: Strip | None = None
) -> dict[str, Any]:
    """One object's row: what was drawn, what was believed before and after, and how wrong."""
    strip = strip or Strip(None, '')
    builder, interaction = cell.build_scene(
        files, np.random.default_rng([seed, index]), _sample_interaction
    )
    name = interaction.actors[0]
    true_properties, player = builder.properties[name], ScenarioPlayer(cell.cell, interaction)
    cell.observe(player, DESCENT_START_S)
    before = _belief_errors(cell, name, true_properties, cell.track_of(name))
    held: list[tuple[int, dict[str, Any] | None]] = []

    def record_held(scene: Scene) -> None:
        strip.frame(cell.cell)
        states = (state for state in scene.objects if state.held)
        held.extend(
            (state.id, _belief_errors(cell, name, true_properties, state)) for state in states
        )

    force_n = interaction.hand.gripper_commands[0][1].force_n
    cell.observe(player, interaction.hand.times_s[-1], record_held)
    after_probe = None
    if held:
        held_id, after = held[-1]
        after_probe = after['friction']

        def record_friction(scene: Scene) -> None:
            nonlocal after_probe
            state = scene.object_by_id(held_id)
            if state is not None:
                after_probe = _friction(state, true_properties)

        _loosen(cell, player, force_n, record_friction)
    strip.frame(cell.cell)
    gone_m = np.linalg.norm(cell.center_m(name) - cell.cell.grasp_pose()[:3, 3])
    return {
        'name': name,
        'grip_n': force_n,
        'mass_kg': true_properties.mass_kg,
        'friction': true_properties.friction,
        'dropped': bool(gone_m > 0.5 * builder.footprint_m(name) + 0.05),
        'before': before,
        'tilted': held[-1][1] if held else None,
        'loosened': after_probe,
    }


def _loosen(
    cell: ObservedCell,
    player: ScenarioPlayer,
    force_n: float,
    record_held: Callable[[Scene], None],
) -> None:
    """Loosen the grip until the wrist feels the object slide, and hold on again for a moment."""
    probe = FrictionProbe(force_n)
    while not probe.done:
        force = cell.cell.world.robot.link_pose(HAND_LINK)[:3, :3] @ cell.cell.wrench().force_n
        cell.cell.command_gripper(GripperCommand(0.0, probe.force_n(-float(force[2]))))
        cell.observe(player, player.time_s + 1.0 / TOUCH_HZ, record_held)
    cell.observe(player, player.time_s + SETTLE_AFTER_PROBE_S, record_held)


def _sample_interaction(builder: SceneBuilder) -> Interaction:
    """The object, and the hand's way: down, closed, up, and tilted about both level axes."""
    rng = builder.rng
    name = builder.place(
        builder.sample_object(0.2), workspace_center() + rng.uniform(-0.06, 0.06, 2)
    )
    T, width_m = sample_top_grasp(builder, name)
    above, up = T.copy(), T.copy()
    above[2, 3] += HOVER_M
    up[2, 3] += RISE_M
    close_s = DESCENT_START_S + 0.4
    times, poses = [-HISTORY_S, DESCENT_START_S, close_s, close_s + 0.5], [above, above, T, T]
    signs = rng.choice([-1.0, 1.0], 2)
    for duration_s, turns in TILTS:
        turn = Rotation.from_rotvec([*(TILT_RAD * signs * turns), 0.0]).as_matrix()
        tilted = up.copy()
        tilted[:3, :3] = up[:3, :3] @ turn
        times.append(times[-1] + duration_s)
        poses.append(tilted)
    force_n = float(np.exp(rng.uniform(*np.log(GRIP_RANGE_N))))
    grip = ((close_s, GripperCommand(0.0, force_n)),)
    opening_m = min(0.08, width_m + OPENING_CLEARANCE_M)
    hand = HandScript(np.array(times), np.array(poses), grip, opening_m)
    return Interaction('lift and tilt', (name,), hand=hand)


def _belief_errors(
    cell: ObservedCell, name: str, true_properties: PhysicalProperties, state: ObjectState | None
) -> dict[str, Any] | None:
    """A belief against the truth at this instant; None where there is no belief."""
    if state is None:
        return None
    belief = state.properties
    T = cell.cell.world.objects.pose(name)
    true_m = T[:3, :3] @ true_properties.center_of_mass_m + T[:3, 3]
    T_told, R = state.T_world_object, state.T_world_object[:3, :3]
    gap = T_told[:3, :3] @ belief.center_of_mass_m + T_told[:3, 3] - true_m
    spread = R @ belief.center_of_mass_covariance @ R.T + state.pose_covariance[:3, :3]
    return {
        'mass': scalar_error(belief.mass_kg, true_properties.mass_kg),
        'friction': _friction(state, true_properties),
        'com': {
            'error_mm': float(1e3 * np.linalg.norm(gap)),
            'inside_90': bool(gap @ np.linalg.solve(spread, gap) < CHI2_90_3DOF),
        },
    }


def _friction(state: ObjectState, true_properties: PhysicalProperties) -> dict[str, Any]:
    return scalar_error(state.properties.friction, true_properties.friction)


def scalar_error(belief: Gaussian, true: float) -> dict[str, Any]:
    """One belief against the truth."""
    return {
        'told': belief.mean,
        'sigma': float(np.sqrt(belief.variance)),
        'relative_error': abs(belief.mean - true) / true,
        'inside_90': bool(abs(belief.mean - true) <= SIGMAS_90 * np.sqrt(belief.variance)),
    }


def summary(rows: list[dict[str, Any]], failed: int = 0) -> dict[str, Any]:
    """Medians and coverage after the lift and tilt, and before it; `failed` more rounds raised.

    Raises:
        BadInputError: the hand held nothing.
    """
    tilted = [row['tilted'] for row in rows if row['tilted'] is not None]
    if not tilted:
        raise BadInputError(f'objects: got {len(rows)}, none of which was held, expected some')
    felt = [
        {**row['tilted'], 'friction': row['loosened']}
        for row in rows
        if row['loosened'] is not None
    ]
    before = [row['before'] for row in rows if row['before'] is not None]
    return {
        **_medians(felt),
        'before': _medians(before) if before else None,
        'before_friction_probe': _medians(tilted),
        'judged': len(tilted),
        'missed': len(rows) - len(tilted) + failed,
        'dropped': sum(row['dropped'] for row in rows),
    }


def _medians(judged: list[dict[str, Any]]) -> dict[str, Any]:
    def median(what: str, key: str) -> float:
        return float(np.median([one[what][key] for one in judged]))

    return {
        'mass_relative_error': median('mass', 'relative_error'),
        'friction_relative_error': median('friction', 'relative_error'),
        'com_error_mm': median('com', 'error_mm'),
        'coverage_90': {
            what: float(np.mean([one[what]['inside_90'] for one in judged]))
            for what in ('mass', 'friction', 'com')
        },
    }


def _table(result: dict[str, Any]) -> Table:
    table = Table('', 'before', 'after', 'coverage', title=f'model: {result["model"]}')
    before = result['before'] or {}
    rows = (
        ('mass', 'mass_relative_error', 'mass'),
        ('friction', 'friction_relative_error', 'friction'),
        ('centre of mass [mm]', 'com_error_mm', 'com'),
    )
    for title, key, what in rows:
        first = f'{before[key]:.3g}' if before else '-'
        coverage = f'{result["coverage_90"][what]:.2f}'
        table.add_row(title, first, f'{result[key]:.3g}', coverage)
    counts = (result[key] for key in ('judged', 'missed', 'dropped'))
    table.caption = '{} judged, {} missed, {} dropped'.format(*counts)
    return table
