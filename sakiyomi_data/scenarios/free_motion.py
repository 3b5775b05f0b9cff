"""What objects do that no hand touches: slide, roll, drop, toss, collide, ride a belt."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import make_transform
from sakiyomi_data.scenarios.interaction import HISTORY_S, DrivenPath, Event, Interaction
from sakiyomi_data.scenarios.scene_builder import ObjectSample, SceneBuilder, workspace_center
from simulation_node.cell import SimulatedCell

DISTRACTOR_PROBABILITY = 0.3
ACCELERATION_S = 0.25  # a toss gathers its speed over so long
NUM_ROUND_CANDIDATES, MIN_LENGTH_DIAMETERS = 8, 0.7  # a roller is at least so long, in diameters


def slide(builder: SceneBuilder) -> Interaction:
    """A first small shove, then one that it slides on from."""
    rng, along = builder.rng, builder.random_heading()
    name = builder.place(
        builder.sample_object(), workspace_center() - 0.08 * along + rng.uniform(-0.03, 0.03, 2)
    )
    builder.add_distractor(DISTRACTOR_PROBABILITY)
    back = _rotated(-along, rng.uniform(-0.6, 0.6))
    first = _velocity_event(name, rng.uniform(-1.15, -0.85), back * rng.uniform(0.2, 0.5), rng)
    second = _velocity_event(name, -rng.uniform(0.05, 0.22), along * rng.uniform(0.5, 1.6), rng)
    return Interaction('slide', (name,), (first, second))


def roll(builder: SceneBuilder) -> Interaction:
    """The roundest of a handful, on its side and rolling, sometimes sped up again."""
    rng, along = builder.rng, builder.random_heading()
    sample = builder.sample_best(NUM_ROUND_CANDIDATES, lambda vertices: roundness(vertices)[0])
    axis = roundness(sample.shape.vertices_m.astype(float))[1]
    sideways = np.array([-along[1], along[0], 0.0])
    R = Rotation.align_vectors([sideways], [axis])[0].as_matrix()
    name = builder.place(sample, workspace_center() - 0.10 * along, R)
    builder.add_distractor(DISTRACTOR_PROBABILITY)
    radius = 0.5 * np.ptp(builder.vertices_world(name)[:, 2])
    if rng.random() < 0.5:
        starts = [(-rng.uniform(0.15, 0.6), rng.uniform(0.25, 0.6))]
    else:
        starts = [(-rng.uniform(0.8, 1.1), rng.uniform(0.08, 0.2))]
        starts.append((-rng.uniform(0.08, 0.3), rng.uniform(0.3, 0.7)))
    events = tuple(_rolling_event(name, t, speed * along, radius) for t, speed in starts)
    return Interaction('roll', (name,), events)


def drop(builder: SceneBuilder) -> Interaction:
    """Let go above the table; sometimes early enough for its first bounce to be watched."""
    rng = builder.rng
    bounce_observed = rng.random() < 0.7
    release_s = -rng.uniform(0.02, 0.2) if bounce_observed else -rng.uniform(0.25, 0.4)
    sample = builder.sample_object()
    start = _pose_above_table(
        sample, workspace_center() + rng.uniform(-0.08, 0.08, 2), rng.uniform(0.06, 0.25), rng
    )
    drift = rng.uniform(-0.05, 0.05, 3) * [1.0, 1.0, 0.3]
    builder.add_distractor(DISTRACTOR_PROBABILITY)
    name = builder.suspend(sample, start)

    def at(t: float) -> tuple[np.ndarray, np.ndarray]:
        T = start.copy()
        T[:3, 3] += drift * (t + HISTORY_S)
        return T, np.concatenate([drift, np.zeros(3)])

    return Interaction('drop', (name,), path=DrivenPath(name, release_s, at))


def toss(builder: SceneBuilder) -> Interaction:
    """Swung and thrown with a twist, over the middle of the table."""
    rng, along = builder.rng, builder.random_heading()
    release_s = -rng.uniform(0.03, 0.25) if rng.random() < 0.75 else -rng.uniform(0.3, 0.45)
    sample, level = builder.sample_object(), rng.uniform(0.3, 1.2)
    velocity = np.array([*(level * along), rng.uniform(0.0, 1.2)])
    spin = rng.normal(0.0, 4.0, 3)
    start = _pose_above_table(
        sample, workspace_center() - (0.12 + 0.1 * level) * along, rng.uniform(0.08, 0.18), rng
    )
    builder.add_distractor(DISTRACTOR_PROBABILITY)
    name = builder.suspend(sample, start)

    def at(t: float) -> tuple[np.ndarray, np.ndarray]:
        s = max(0.0, t - release_s + ACCELERATION_S)
        turn = Rotation.from_rotvec(spin * s**2 / (2 * ACCELERATION_S)).as_matrix()
        T = make_transform(
            turn @ start[:3, :3], start[:3, 3] + velocity * s**2 / (2 * ACCELERATION_S)
        )
        return T, np.concatenate([velocity, spin]) * s / ACCELERATION_S

    return Interaction('toss', (name,), path=DrivenPath(name, release_s, at))


def collide(builder: SceneBuilder) -> Interaction:
    """One object slides into another; both were shoved a little before."""
    rng, along = builder.rng, builder.random_heading()
    struck = builder.place(builder.sample_object(0.16), workspace_center() + 0.07 * along)
    across = np.array([-along[1], along[0]])
    aside = 0.35 * builder.footprint_m(struck) * rng.uniform(-1.0, 1.0)
    runner_chosen = builder.sample_object(0.16)
    reach = 0.5 * (
        builder.footprint_m(struck) + np.ptp(runner_chosen.shape.vertices_m, axis=0).max()
    )
    start = (
        builder.box_center(struck)[:2] - (reach + rng.uniform(0.03, 0.07)) * along + aside * across
    )
    runner = builder.place(runner_chosen, start)
    events = [
        _velocity_event(
            n, rng.uniform(-1.15, -0.85), across * rng.choice([-1, 1]) * rng.uniform(0.1, 0.3), rng
        )
        for n in (runner, struck)
    ]
    events.append(
        _aimed_impulse(runner, struck, -rng.uniform(0.05, 0.15), rng.uniform(0.7, 1.6), aside)
    )
    return Interaction('collide', (runner, struck), tuple(events))


def conveyor(builder: SceneBuilder) -> Interaction:
    """The table's surface starts to run under it, and sometimes stops again before t0."""
    rng, along = builder.rng, builder.random_heading()
    name = builder.place(builder.sample_object(), workspace_center() - 0.08 * along)
    builder.add_distractor(DISTRACTOR_PROBABILITY)
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
    best = max(
        ((_outline_roundness(vertices, axis), axis) for axis in axes), key=lambda pair: pair[0]
    )
    return best


def _outline_roundness(vertices: np.ndarray, axis: np.ndarray) -> float:
    across = np.linalg.svd(axis[None])[2][1:]  # (2, 3)
    flat = vertices @ across.T
    middle = 0.5 * (flat.min(0) + flat.max(0))
    radius = float(np.linalg.norm(flat - middle, axis=1).max())
    share = ConvexHull(flat, qhull_options='QJ').volume / (np.pi * radius**2)
    return share if np.ptp(vertices @ axis) > MIN_LENGTH_DIAMETERS * 2 * radius else 0.5 * share


def _rotated(direction: np.ndarray, angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]]) @ direction


def _velocity_event(name: str, t: float, velocity: np.ndarray, rng: np.random.Generator) -> Event:
    spin = np.array([0.0, 0.0, rng.normal(0.0, 2.0)])
    return t, lambda cell: cell.set_velocity(name, np.array([*velocity, 0.0]), spin)


def _rolling_event(name: str, t: float, velocity: np.ndarray, radius: float) -> Event:
    v = np.array([*velocity, 0.0])
    return t, lambda cell: cell.set_velocity(name, v, np.cross([0.0, 0.0, 1.0], v) / radius)


def _aimed_impulse(runner: str, struck: str, t: float, speed: float, aside: float) -> Event:
    """A shove towards where the other object is by then, `aside` [m] of its middle."""

    def act(cell: SimulatedCell) -> None:
        poses = {item.name: item.T_world_object[:2, 3] for item in cell.ground_truth()}
        gap = poses[struck] - poses[runner]
        along = gap / max(float(np.linalg.norm(gap)), 1e-6)
        goal = gap + aside * np.array([-along[1], along[0]])
        cell.set_velocity(
            runner, np.array([*(speed * goal / np.linalg.norm(goal)), 0.0]), np.zeros(3)
        )

    return t, act


def _pose_above_table(
    sample: ObjectSample, xy: np.ndarray, clearance_m: float, rng: np.random.Generator
) -> np.ndarray:
    R = Rotation.random(random_state=rng).as_matrix()
    vertices = sample.shape.vertices_m.astype(float) @ R.T
    middle = 0.5 * (vertices.min(0) + vertices.max(0))
    return make_transform(R, [*(xy - middle[:2]), clearance_m - vertices[:, 2].min()])


FREE_MOTION_SCENARIOS: dict[str, Callable[[SceneBuilder], Interaction]] = {
    'slide': slide,
    'roll': roll,
    'drop': drop,
    'toss': toss,
    'collide': collide,
    'conveyor': conveyor,
}
