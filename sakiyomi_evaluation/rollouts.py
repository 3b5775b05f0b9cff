"""`sakiyomi evaluate rollouts`: how many futures of one scene an engine computes in a second.

A rollout is one second of all objects with one set of hidden properties: for the physics engines
one run, for the learned model one sample under one action. Its graph holds as many samples as the
model's card says; a batch of fewer counts only what was asked for. PyBullet and MuJoCo step at
240 Hz, boxes on a plane and nothing else, one run after the other. Every engine gets the same
number of threads, of which the physics engines use one. `belief` is a whole update and
prediction of the scene under one action.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.progress import track
from rich.table import Table

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi.paths import share_dir
from sakiyomi_data.results import check_writable, write_results
from sakiyomi_data.rollouts.boxes_on_plane import BoxesOnPlane
from sakiyomi_evaluation.speed import rollout_scene
from simulation_node.config import PHYSICS_HZ
from world_model_node.inference.engine import WorldModelEngine
from world_model_node.inference.onnx_engine import OnnxEngine
from world_model_node.model.card import read_card
from world_model_node.model.dimensions import MAX_OBJECTS, NUM_STEPS, STEP_S
from world_model_node.model.features.hand_features import encode_action
from world_model_node.model.features.input_window import InputWindow, build_window
from world_model_node.model.physics.active_contacts import ActiveContacts, active_contacts

OBJECTS = (1, MAX_OBJECTS)
BATCHES = (1, 64, 512)
HORIZON_S = NUM_STEPS * STEP_S
SPEEDUP_GOALS = {64: 5.0, 512: 20.0}  # times PyBullet
PARTS = {
    'alone': ActiveContacts(False, False),
    'with hand': ActiveContacts(True, False),
    'with pairs': ActiveContacts(False, True),
    'with both': ActiveContacts(True, True),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The public contract of this command."""
    parser.add_argument('--model', type=Path, help='folder of the model; the shipped one if none')
    parser.add_argument('--batches', type=int, nargs='+', default=list(BATCHES))
    parser.add_argument('--repeats', type=int, default=20, help='of a belief; fewer of batches')
    parser.add_argument('--seconds', type=float, default=3.0, help='at most, of each batch')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--json', metavar='FILE')


def run(args: argparse.Namespace) -> int:
    """Measure, report, and return the exit status."""
    least = min(*args.batches, args.repeats, args.threads)
    if least < 1 or args.seconds <= 0.0:
        raise BadInputError(f'rollouts: got a count of {least}, expected at least 1, and time')
    check_writable(args.json)
    folder = args.model or share_dir('models')
    samples = read_card(folder).config.samples
    engines = {name: _loaded(make, folder, args.threads) for name, make in MAKERS.items()}
    rows, beliefs = [], []
    for count in track(OBJECTS, 'scenes', console=make_console(stderr=True)):
        physics = _physics(count, args)
        for name, (engine, _) in engines.items():
            beliefs += _beliefs(name, engine, count, args.repeats)
            for batch in args.batches:
                rate = _learned(engine, count, batch, samples, args.seconds)
                rows.append(_row(name, count, batch, rate, physics))
        rows += [_row(name, count, None, rate, physics) for name, rate in physics.items()]
    result = {
        'model': read_card(folder).short_hash,
        'threads': args.threads,
        'samples': samples,
        'goal_times_pybullet': SPEEDUP_GOALS,
        'rollouts': rows,
        'belief': beliefs,
        'loading': {name: figures for name, (_, figures) in engines.items()},
        'memory_mib': round(psutil.Process().memory_info().rss / 2**20),
    }
    for title, part in (('rollouts a second', rows), ('one belief', beliefs)):
        make_console().print(_table(title, part))
    write_results(args.json, result, args)
    return 0


def _torch_engine(folder: Path, threads: int) -> WorldModelEngine:
    import torch

    from world_model_node.inference.torch_engine import TorchEngine

    engine = TorchEngine(folder)
    torch.set_num_threads(threads)
    return engine


MAKERS: dict[str, Callable[[Path, int], WorldModelEngine]] = {
    'onnxruntime': OnnxEngine,
    'torch': _torch_engine,
}


def _loaded(make: Callable[[Path, int], WorldModelEngine], folder: Path, threads: int) -> tuple:
    """The engine; how long it took to load and what memory that took."""
    process = psutil.Process()
    before, start = process.memory_info().rss, time.perf_counter()
    engine = make(folder, threads)
    spent, grown = time.perf_counter() - start, process.memory_info().rss - before
    return engine, {'seconds': round(spent, 2), 'memory_mib': round(grown / 2**20, 1)}


def _window(count: int) -> tuple[InputWindow, np.ndarray]:
    framed = build_window(rollout_scene.instants(rollout_scene.states(count)), count)
    return framed.window, encode_action(None, None, framed.T_world_frame)


def _learned(
    engine: WorldModelEngine, count: int, batch: int, samples: int, seconds: float
) -> float:
    """Rollouts a second, no hand about."""
    window, action = _window(count)
    actions = np.repeat(action[None], math.ceil(batch / samples), axis=0)
    belief, parts = engine.update(window), active_contacts(window, actions, False)
    return batch * _per_second(lambda: engine.imagine(belief, window, actions, parts), seconds)


def _per_second(work: Callable[[], Any], seconds: float) -> float:
    """How often in a second, by the median of what fits into so many, after a first one."""
    work()
    spent: list[float] = []
    while not spent or sum(spent) < seconds:
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return 1.0 / float(np.median(spent))


def _beliefs(
    name: str, engine: WorldModelEngine, count: int, repeats: int
) -> list[dict[str, Any]]:
    """Times of a whole update and prediction, with every part of the physics."""
    window, action = _window(count)
    rows = []
    for label, parts in PARTS.items():
        if parts.pairs and count == 1:
            continue
        spent, cpu = [], []
        for _ in range(repeats + 1):
            start, used = time.perf_counter(), time.process_time()
            engine.imagine(engine.update(window), window, action[None], parts)
            spent.append(1e3 * (time.perf_counter() - start))
            cpu.append(1e3 * (time.process_time() - used))
        p50, p99 = np.percentile(spent[1:], [50, 99])
        figures = {'p50_ms': p50, 'p99_ms': p99, 'cpu_p50_ms': float(np.median(cpu[1:]))}
        figures = {key: round(float(value), 2) for key, value in figures.items()}
        rows.append({'engine': name, 'objects': count, 'physics': label, **figures})
    return rows


def _physics(count: int, args: argparse.Namespace) -> dict[str, float]:
    """Rollouts a second of the physics engines that are there."""
    rates = {'pybullet': _pybullet(count, args.seconds)}
    if importlib.util.find_spec('mujoco'):
        rates['mujoco'] = _mujoco(count, args.seconds)
    return rates


def _pybullet(count: int, seconds: float) -> float:
    places, velocities = rollout_scene.places_and_velocities(rollout_scene.states(count))
    world = BoxesOnPlane(
        count, rollout_scene.HALF_M, rollout_scene.MASS_KG, rollout_scene.FRICTION
    )
    try:
        return _per_second(lambda: world.roll_out(places, velocities, HORIZON_S), seconds)
    finally:
        world.close()


def _mujoco(count: int, seconds: float) -> float:
    mujoco = importlib.import_module('mujoco')
    objects = rollout_scene.states(count)
    model, places, velocities = rollout_scene.mujoco_scene(mujoco, objects, 1.0 / PHYSICS_HZ)
    data = mujoco.MjData(model)

    def work() -> None:
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:] = places, velocities
        for _ in range(round(HORIZON_S * PHYSICS_HZ)):
            mujoco.mj_step(model, data)

    return _per_second(work, seconds)


def _row(
    name: str, count: int, batch: int | None, rate: float, physics: dict[str, float]
) -> dict[str, Any]:
    times = {f'times_{other}': round(rate / own, 2) for other, own in physics.items()}
    return {'engine': name, 'objects': count, 'batch': batch, 'per_s': round(rate, 1), **times}


def _table(title: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(*rows[0], title=title)
    for row in rows:
        table.add_row(*('' if value is None else str(value) for value in row.values()))
    return table
