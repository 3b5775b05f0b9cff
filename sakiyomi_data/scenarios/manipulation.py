"""What a free hand does to objects: push, topple, lift, tilt and shake."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import make_transform
from sakiyomi.scene import GripperCommand
from sakiyomi_data.scenarios.free_motion import DISTRACTOR_PROBABILITY
from sakiyomi_data.scenarios.interaction import HISTORY_S, HORIZON_S, HandScript, Interaction
from sakiyomi_data.scenarios.scene_builder import (
    SceneBuilder,
    SceneRejectedError,
    workspace_center,
)

FINGER_HALF_WIDTH_M = (
    0.012  # of a closed hand's fingers, and the gap that is left before the first touch
)
APPROACH_GAP_M = 0.02
MIN_GRASP_HEIGHT_M = 0.014  # of the grasp frame, so that the finger tips clear the table
MAX_GRASP_WIDTH_M, OPENING_CLEARANCE_M = 0.066, 0.014
HOVER_M, DESCENT_INTERVAL_S = (
    0.14,
    (-1.15, -0.85),
)  # the hand comes down, so that what it grasps is seen
NUM_TALL_CANDIDATES = 6
DOWN = np.diag([1.0, -1.0, -1.0])
PUSH_FORCE_N = 20.0


def push(builder: SceneBuilder) -> Interaction:
    """The closed hand nudges an object, backs off, and pushes it along another line."""
    rng = builder.rng
    name = builder.place(
        builder.sample_object(0.18), workspace_center() + rng.uniform(-0.05, 0.05, 2)
    )
    builder.add_distractor(DISTRACTOR_PROBABILITY)
    height = float(builder.vertices_world(name)[:, 2].max())
    z = max(MIN_GRASP_HEIGHT_M, rng.uniform(0.1, 0.7) * height)
    hand = _push_strokes(
        builder,
        name,
        z,
        nudge_m=rng.uniform(0.015, 0.04),
        length_m=rng.uniform(0.06, 0.16),
        speed_mps=rng.uniform(0.08, 0.4),
        start_s=rng.uniform(-0.3, 0.15),
    )
    return Interaction('push', (name,), hand=hand)


def topple(builder: SceneBuilder) -> Interaction:
    """The hand pushes the tallest of a handful near its top."""
    rng = builder.rng
    sample = builder.sample_best(NUM_TALL_CANDIDATES, _slenderness)
    vertices = sample.shape.vertices_m.astype(float)
    long = np.eye(3)[int(np.argmax(np.ptp(vertices, axis=0)))]
    yaw = Rotation.from_rotvec([0, 0, rng.uniform(0, 2 * np.pi)])
    R = (yaw * Rotation.align_vectors([[0, 0, 1.0]], [long])[0]).as_matrix()
    name = builder.place(sample, workspace_center() + rng.uniform(-0.04, 0.04, 2), R)
    height = float(builder.vertices_world(name)[:, 2].max())
    hand = _push_strokes(
        builder,
        name,
        max(MIN_GRASP_HEIGHT_M, rng.uniform(0.75, 0.95) * height),
        nudge_m=rng.uniform(0.002, 0.010),
        length_m=rng.uniform(0.05, 0.12),
        speed_mps=rng.uniform(0.1, 0.4),
        start_s=rng.uniform(-0.35, 0.05),
    )
    return Interaction('topple', (name,), hand=hand)


def lift(builder: SceneBuilder) -> Interaction:
    """The hand comes down, closes with some force and lifts, about when predictions start."""
    return _lift_interaction(builder, 'lift', builder.rng.uniform(-0.5, 0.05))


def shake(builder: SceneBuilder) -> Interaction:
    """Lifted while it is watched, then tilted and shaken."""
    return _lift_interaction(builder, 'shake', builder.rng.uniform(-0.65, -0.55))


def _slenderness(vertices: np.ndarray) -> float:
    extent = np.sort(np.ptp(vertices, axis=0))
    return float(extent[2] / extent[1])


def _push_strokes(
    builder: SceneBuilder,
    name: str,
    z: float,
    nudge_m: float,
    length_m: float,
    speed_mps: float,
    start_s: float,
) -> HandScript:
    """Two strokes: one while it is watched, and the one that counts from `start_s` on."""
    rng, vertices_world, box_center = (
        builder.rng,
        builder.vertices_world(name),
        builder.box_center(name),
    )
    along = np.array([*builder.random_heading(), 0.0])
    across = np.array([-along[1], along[0], 0.0])
    half = 0.5 * np.ptp(vertices_world @ across)
    asides = rng.uniform(-0.6, 0.6, 2) * half
    near = np.abs((vertices_world - box_center) @ across - asides[0]) < max(
        FINGER_HALF_WIDTH_M, 0.3 * half
    )
    face = ((vertices_world - box_center)[near if near.any() else slice(None)] @ along).min()
    R = Rotation.from_rotvec([0, 0, rng.uniform(0, 2 * np.pi)]).as_matrix() @ DOWN
    first = face - FINGER_HALF_WIDTH_M - APPROACH_GAP_M
    touch_speed = rng.uniform(0.10, 0.22)
    base = np.array([box_center[0], box_center[1], z])
    knots = [(-HISTORY_S, first, asides[0])]
    knots.append((-HISTORY_S + 0.05, first, asides[0]))
    reach = first + APPROACH_GAP_M + nudge_m
    knots.append((knots[-1][0] + (reach - first) / touch_speed, reach, asides[0]))
    back = reach - 0.02
    knots.append((knots[-1][0] + 0.12, back, asides[0]))
    knots.append((knots[-1][0] + 0.15, back, asides[1]))
    start_s = max(start_s, knots[-1][0] + 0.02)
    knots.append((start_s, back, asides[1]))
    end = back + 0.02 + length_m
    knots.append((start_s + (end - back) / speed_mps, end, asides[1]))
    poses = [make_transform(R, base + a * along + b * across) for _, a, b in knots]
    times = np.array([t for t, _, _ in knots])
    return HandScript(
        times, np.array(poses), ((-HISTORY_S, GripperCommand(0.0, PUSH_FORCE_N)),), 0.0
    )


def _lift_interaction(builder: SceneBuilder, scenario: str, lift_s: float) -> Interaction:
    rng = builder.rng
    name = builder.place(
        builder.sample_object(0.2), workspace_center() + rng.uniform(-0.06, 0.06, 2)
    )
    T, width_m = sample_top_grasp(builder, name)
    builder.add_distractor(DISTRACTOR_PROBABILITY)
    force_n = float(np.exp(rng.uniform(np.log(1.5), np.log(30.0))))
    start_m = min(0.08, width_m + OPENING_CLEARANCE_M)
    rise_m, speed = rng.uniform(0.05, 0.14), rng.uniform(0.12, 0.35)
    above = T.copy()
    above[2, 3] += HOVER_M
    times, poses = (
        [-HISTORY_S, DESCENT_INTERVAL_S[0], DESCENT_INTERVAL_S[1], lift_s],
        [above, above, T, T],
    )
    up = T.copy()
    up[2, 3] += rise_m
    times.append(lift_s + rise_m / speed)
    poses.append(up)
    _append_shaking(times, poses, rng)
    grip = ((DESCENT_INTERVAL_S[1], GripperCommand(0.0, force_n)),)
    return Interaction(
        scenario, (name,), hand=HandScript(np.array(times), np.array(poses), grip, start_m)
    )


def _append_shaking(times: list[float], poses: list[np.ndarray], rng: np.random.Generator) -> None:
    """Tilt and shake what was lifted until the end, by turns."""
    rest = poses[-1]
    while times[-1] < HORIZON_S + 0.1:
        T = rest.copy()
        if rng.random() < 0.5:
            axis = rng.normal(size=3) * [1.0, 1.0, 0.3]
            angle = rng.uniform(-1.0, 1.0)
            T[:3, :3] = (
                Rotation.from_rotvec(angle * axis / np.linalg.norm(axis)).as_matrix() @ T[:3, :3]
            )
            times.append(times[-1] + max(0.1, abs(angle) / rng.uniform(1.5, 4.0)))
        else:
            shift = rng.uniform(-0.05, 0.05, 3) * [1.0, 1.0, 0.4]
            T[:3, 3] += shift
            times.append(times[-1] + max(0.06, np.linalg.norm(shift) / rng.uniform(0.2, 0.6)))
        poses.append(T)


def sample_top_grasp(builder: SceneBuilder, name: str) -> tuple[np.ndarray, float]:
    """A grasp from above across the narrowest side, a little off the middle, and the width there.

    Raises:
        SceneRejectedError: no side fits between the fingers.
    """
    rng, vertices_world = builder.rng, builder.vertices_world(name)
    box_center, top = builder.box_center(name), float(vertices_world[:, 2].max())
    z = max(MIN_GRASP_HEIGHT_M, top - rng.uniform(0.012, 0.035))
    best = None
    for yaw in rng.uniform(0, np.pi) + np.arange(12) * np.pi / 12:
        closing = np.array([-np.sin(yaw), np.cos(yaw), 0.0])
        along = np.array([np.cos(yaw), np.sin(yaw), 0.0])
        span = (vertices_world - box_center) @ closing
        if best is None or np.ptp(span) < best[0]:
            best = (np.ptp(span), yaw, closing * 0.5 * (span.min() + span.max()), along)
    width_m, yaw, shift, along = best
    if width_m > MAX_GRASP_WIDTH_M:
        raise SceneRejectedError(
            f'object {name}: {width_m:.3f} m wide, expected {MAX_GRASP_WIDTH_M} m'
        )
    reach = min(0.02, 0.25 * float(np.ptp((vertices_world - box_center) @ along)))
    at = box_center + shift + along * rng.uniform(-reach, reach)
    R = Rotation.from_rotvec([0, 0, yaw]).as_matrix() @ DOWN
    return make_transform(R, [at[0], at[1], z]), float(width_m)


MANIPULATION_SCENARIOS: dict[str, Callable[[SceneBuilder], Interaction]] = {
    'push': push,
    'topple': topple,
    'lift': lift,
    'shake': shake,
}
