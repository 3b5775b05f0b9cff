"""Freeze what the stack computes on fixed seeds, and compare it after a change of layout.

    python test/golden_outputs.py freeze before.npz
    python test/golden_outputs.py compare before.npz

A change that keeps behaviour gives the same tracked scenes, predictions, properties, grasps and
outcomes but for rounding. The arrays depend on the machine, so that no file of them is kept here.
"""

from __future__ import annotations

import sys

import numpy as np

from planner_node.config import PlannerConfig
from sakiyomi.scene import Gaussian, Prediction, Scene
from sakiyomi_data.closed_loop.closed_loop import ClosedLoop
from simulation_node.cell import SimulatedCell
from simulation_node.config import SimulationConfig
from world_model_node.config import WorldModelConfig

SEEDS = (7,)
PICKS = 1
STATE = ('T_world_object', 'pose_covariance', 'twist', 'twist_covariance')
FUTURE = (*STATE, 'held_probability', 'slip_probability')
TOLERANCE = 1e-6


def record(seed: int) -> dict[str, np.ndarray]:
    """Picks of one seed: each scene, each prediction, each plan and each outcome."""
    cell = SimulatedCell(SimulationConfig(seed=seed))
    found: dict[str, np.ndarray] = {}
    try:
        loop = ClosedLoop(cell, PlannerConfig(), WorldModelConfig(), clock='wait', predicts=True)
        loop.reset(seed)
        loop.masked_model.on_scene = lambda scene: found.update(
            _scene(f'{seed}/scene{scene.stamp_s:.3f}', scene)
            | _futures(f'{seed}/future{scene.stamp_s:.3f}', loop.model.predict())
        )
        loop.run(1.0)
        for pick in range(PICKS):
            job, at = loop.pick(), f'{seed}/pick{pick}'
            found[f'{at}/outcome'] = np.array([job.outcome, job.reason])
            if job.plan is not None:
                grasp = job.plan.grasp
                found[f'{at}/grasp'] = grasp.T_world_grasp
                found[f'{at}/predicted_success'] = np.array(grasp.predicted_success)
                found[f'{at}/reach'], found[f'{at}/carry'] = (
                    job.plan['reach'].q,
                    job.plan['carry'].q,
                )
    finally:
        cell.close()
    return found


def _scene(at: str, scene: Scene) -> dict[str, np.ndarray]:
    found = {f'{at}/cloud': np.asarray(scene.cloud_m)}
    for state in scene.objects:
        own = f'{at}/object{state.id}'
        found |= {f'{own}/{name}': getattr(state, name) for name in STATE}
        found[f'{own}/points'] = state.points_m
        for name, value in vars(state.properties).items():
            pair = [value.mean, value.variance] if isinstance(value, Gaussian) else value
            found[f'{own}/properties/{name}'] = np.asarray(pair)
    return found


def _futures(at: str, predictions: tuple[Prediction, ...]) -> dict[str, np.ndarray]:
    return {
        f'{at}/object{p.object_id}/{name}': getattr(p, name)
        for p in predictions
        for name in FUTURE
    }


def differences(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> list[str]:
    """One line for each array that is missing, new or off by more than rounding."""
    found = [f'{name}: only before' for name in before if name not in after]
    found += [f'{name}: only after' for name in after if name not in before]
    for name in before.keys() & after.keys():
        b, a = before[name], after[name]
        if b.dtype.kind in 'US' or b.shape != a.shape:
            if not np.array_equal(b, a):
                found.append(f'{name}: {b} became {a}' if b.size < 5 else f'{name}: another shape')
        elif not np.allclose(b, a, TOLERANCE, TOLERANCE, equal_nan=True):
            found.append(f'{name}: off by up to {np.nanmax(np.abs(a - b)):.2g}')
    return sorted(found)


def main(command: str, path: str) -> int:
    """Exit status 0 where nothing differs."""
    found = {name: np.asarray(x) for seed in SEEDS for name, x in record(seed).items()}
    if command == 'freeze':
        np.savez_compressed(path, **found)
        print(f'{len(found)} arrays')
        return 0
    with np.load(path) as file:
        before = dict(file)
    differing = differences(before, found)
    print(*differing[:40], sep='\n')
    print(f'{len(differing)} of {len(before)} arrays differ by more than {TOLERANCE:g}')
    return int(bool(differing))


if __name__ == '__main__':
    if len(sys.argv) != 3 or sys.argv[1] not in ('freeze', 'compare'):
        sys.exit(f'usage: {sys.argv[0]} freeze|compare FILE.npz')
    sys.exit(main(*sys.argv[1:]))
