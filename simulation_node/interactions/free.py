"""What objects do that no hand touches: slide, roll, drop, toss, collide, ride a belt."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import make_transform
from simulation_node.cell import SimulatedCell
from simulation_node.interactions.interaction import WATCH_S, Event, Interaction, Path
from simulation_node.interactions.stage import Chosen, Stage, place

LITTER = 0.3
SWING_S = 0.25  # a toss gathers its speed over so long
ROUND_DRAWS, LONG = 8, 0.7  # a roller is at least so long, in diameters


def slide(stage: Stage) -> Interaction:
    """A first small shove, then one that it slides on from."""
    rng, along = stage.rng, stage.heading()
    name = stage.lay(stage.choose(), place() - 0.08 * along + rng.uniform(-0.03, 0.03, 2))
    stage.litter(LITTER)
    back = _turned(-along, rng.uniform(-0.6, 0.6))
    first = _shove(name, rng.uniform(-1.15, -0.85), back * rng.uniform(0.2, 0.5), rng)
    second = _shove(name, -rng.uniform(0.05, 0.22), along * rng.uniform(0.5, 1.6), rng)
    return Interaction('slide', (name,), (first, second))


def roll(stage: Stage) -> Interaction:
    """The roundest of a handful, on its side and rolling, sometimes sped up again."""
    rng, along = stage.rng, stage.heading()
    chosen = stage.best(ROUND_DRAWS, lambda vertices: roundness(vertices)[0])
    axis = roundness(chosen.shape.vertices_m.astype(float))[1]
    sideways = np.array([-along[1], along[0], 0.0])
    R = Rotation.align_vectors([sideways], [axis])[0].as_matrix()
    name = stage.lay(chosen, place() - 0.10 * along, R)
    stage.litter(LITTER)
    radius = 0.5 * np.ptp(stage.points(name)[:, 2])
    if rng.random() < 0.5:
        starts = [(-rng.uniform(0.15, 0.6), rng.uniform(0.25, 0.6))]
    else:
        starts = [(-rng.uniform(0.8, 1.1), rng.uniform(0.08, 0.2))]
        starts.append((-rng.uniform(0.08, 0.3), rng.uniform(0.3, 0.7)))
    events = tuple(_rolling(name, t, speed * along, radius) for t, speed in starts)
    return Interaction('roll', (name,), events)


def drop(stage: Stage) -> Interaction:
    """Let go above the table; sometimes early enough for its first bounce to be watched."""
    rng = stage.rng
    seen_falling = rng.random() < 0.7
    until_s = -rng.uniform(0.02, 0.2) if seen_falling else -rng.uniform(0.25, 0.4)
    chosen = stage.choose()
    start = _hung(chosen, place() + rng.uniform(-0.08, 0.08, 2), rng.uniform(0.06, 0.25), rng)
    drift = rng.uniform(-0.05, 0.05, 3) * [1.0, 1.0, 0.3]
    stage.litter(LITTER)
    name = stage.hang(chosen, start)

    def at(t: float) -> tuple[np.ndarray, np.ndarray]:
        T = start.copy()
        T[:3, 3] += drift * (t + WATCH_S)
        return T, np.concatenate([drift, np.zeros(3)])

    return Interaction('drop', (name,), path=Path(name, until_s, at))


def toss(stage: Stage) -> Interaction:
    """Swung and thrown with a twist, over the middle of the table."""
    rng, along = stage.rng, stage.heading()
    until_s = -rng.uniform(0.03, 0.25) if rng.random() < 0.75 else -rng.uniform(0.3, 0.45)
    chosen, level = stage.choose(), rng.uniform(0.3, 1.2)
    velocity = np.array([*(level * along), rng.uniform(0.0, 1.2)])
    spin = rng.normal(0.0, 4.0, 3)
    start = _hung(chosen, place() - (0.12 + 0.1 * level) * along, rng.uniform(0.08, 0.18), rng)
    stage.litter(LITTER)
    name = stage.hang(chosen, start)

    def at(t: float) -> tuple[np.ndarray, np.ndarray]:
        s = max(0.0, t - until_s + SWING_S)
        turn = Rotation.from_rotvec(spin * s**2 / (2 * SWING_S)).as_matrix()
        T = make_transform(turn @ start[:3, :3], start[:3, 3] + velocity * s**2 / (2 * SWING_S))
        return T, np.concatenate([velocity, spin]) * s / SWING_S

    return Interaction('toss', (name,), path=Path(name, until_s, at))


def collide(stage: Stage) -> Interaction:
    """One object slides into another; both were shoved a little before."""
    rng, along = stage.rng, stage.heading()
    struck = stage.lay(stage.choose(0.16), place() + 0.07 * along)
    across = np.array([-along[1], along[0]])
    aside = 0.35 * stage.size(struck) * rng.uniform(-1.0, 1.0)
    runner_chosen = stage.choose(0.16)
    reach = 0.5 * (stage.size(struck) + np.ptp(runner_chosen.shape.vertices_m, axis=0).max())
    start = stage.middle(struck)[:2] - (reach + rng.uniform(0.03, 0.07)) * along + aside * across
    runner = stage.lay(runner_chosen, start)
    events = [
        _shove(
            n, rng.uniform(-1.15, -0.85), across * rng.choice([-1, 1]) * rng.uniform(0.1, 0.3), rng
        )
        for n in (runner, struck)
    ]
    events.append(_aimed(runner, struck, -rng.uniform(0.05, 0.15), rng.uniform(0.7, 1.6), aside))
    return Interaction('collide', (runner, struck), tuple(events))


def conveyor(stage: Stage) -> Interaction:
    """The table's surface starts to run under it, and sometimes stops again before t0."""
    rng, along = stage.rng, stage.heading()
    name = stage.lay(stage.choose(), place() - 0.08 * along)
    stage.litter(LITTER)
    velocity = np.array([*(along * rng.uniform(0.05, 0.35)), 0.0])
    start_s = -rng.uniform(0.3, 1.0)
    events: list[Event] = [(start_s, lambda cell: cell.set_conveyor(velocity))]
    if rng.random() < 0.3:
        events.append((-rng.uniform(0.02, 0.15), lambda cell: cell.set_conveyor(np.zeros(3))))
    return Interaction('conveyor', (name,), tuple(events))


def roundness(vertices: np.ndarray) -> tuple[float, np.ndarray]:
    """How circular (V, 3) vertices look along their roundest axis, in [0, 1], and that axis (3,).

    The area of the outline over that of the smallest circle about its middle; one that is too
    short along the axis to roll on its side counts half.
    """
    axes = np.linalg.svd(vertices - vertices.mean(0), full_matrices=False)[2]
    best = max(((_outline(vertices, axis), axis) for axis in axes), key=lambda pair: pair[0])
    return best


def _outline(vertices: np.ndarray, axis: np.ndarray) -> float:
    across = np.linalg.svd(axis[None])[2][1:]  # (2, 3)
    flat = vertices @ across.T
    middle = 0.5 * (flat.min(0) + flat.max(0))
    radius = float(np.linalg.norm(flat - middle, axis=1).max())
    share = ConvexHull(flat, qhull_options='QJ').volume / (np.pi * radius**2)
    return share if np.ptp(vertices @ axis) > LONG * 2 * radius else 0.5 * share


def _turned(direction: np.ndarray, angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]]) @ direction


def _shove(name: str, t: float, velocity: np.ndarray, rng: np.random.Generator) -> Event:
    spin = np.array([0.0, 0.0, rng.normal(0.0, 2.0)])
    return t, lambda cell: cell.launch(name, np.array([*velocity, 0.0]), spin)


def _rolling(name: str, t: float, velocity: np.ndarray, radius: float) -> Event:
    v = np.array([*velocity, 0.0])
    return t, lambda cell: cell.launch(name, v, np.cross([0.0, 0.0, 1.0], v) / radius)


def _aimed(runner: str, struck: str, t: float, speed: float, aside: float) -> Event:
    """A shove towards where the other object is by then, `aside` [m] of its middle."""

    def act(cell: SimulatedCell) -> None:
        poses = {item.name: item.T_world_object[:2, 3] for item in cell.ground_truth()}
        gap = poses[struck] - poses[runner]
        along = gap / max(float(np.linalg.norm(gap)), 1e-6)
        goal = gap + aside * np.array([-along[1], along[0]])
        cell.launch(runner, np.array([*(speed * goal / np.linalg.norm(goal)), 0.0]), np.zeros(3))

    return t, act


def _hung(
    chosen: Chosen, xy: np.ndarray, clearance_m: float, rng: np.random.Generator
) -> np.ndarray:
    R = Rotation.random(random_state=rng).as_matrix()
    vertices = chosen.shape.vertices_m.astype(float) @ R.T
    middle = 0.5 * (vertices.min(0) + vertices.max(0))
    return make_transform(R, [*(xy - middle[:2]), clearance_m - vertices[:, 2].min()])


FREE: dict[str, Callable[[Stage], Interaction]] = {
    'slide': slide,
    'roll': roll,
    'drop': drop,
    'toss': toss,
    'collide': collide,
    'conveyor': conveyor,
}
