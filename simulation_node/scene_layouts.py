"""Scene layouts: the two protocols of VGN (Breyer et al., 2020)."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import make_transform
from simulation_node.config import PHYSICS_HZ, WORKSPACE_CENTER_M, WORKSPACE_SIDE_M
from simulation_node.objects.object_files import load_object, object_files
from simulation_node.world import World

SCALES = {'packed': (0.7, 0.9), 'pile': (0.8, 1.0)}  # range of the objects' scale, as in VGN
PLACEMENT_SIDES_M = {
    'packed': 0.20,
    'pile': 0.10,
}  # side of the square that positions are drawn from
DROP_HEIGHT_M = 0.20
MAX_TRIES_PER_OBJECT = 12
REST_SPEED_MPS = 0.01
SETTLE_S, PILE_SETTLE_S = 2.0, 1.0


def settle(world: World, limit_s: float) -> None:
    """Step until nothing moves, but no longer than `limit_s` of simulated time."""
    still = 0
    for _ in range(int(limit_s * PHYSICS_HZ)):
        world.step()
        moving = any(world.objects.speed(name) > REST_SPEED_MPS for name in world.objects.bodies)
        still = 0 if moving else still + 1
        if still >= 10:
            return


def populate_scene(
    world: World, objects: str, scene: str, count: int, rng: np.random.Generator
) -> list[str]:
    """Fill the workspace with `count` settled objects; fewer where no room is found.

    Raises:
        BadInputError: the folder is missing, empty or unreadable.
    """
    files = object_files(objects)
    if scene == 'empty' or not count:
        return []
    for _ in range(MAX_TRIES_PER_OBJECT):
        missing = count - len(world.objects.bodies)
        if missing <= 0:
            break
        LAYOUTS[scene](world, [files[i] for i in _sample_indices(len(files), missing, rng)], rng)
        for name in [n for n in world.objects.bodies if not in_workspace(world, n)]:
            world.objects.remove(name)
    return list(world.objects.bodies)


def in_workspace(world: World, name: str) -> bool:
    """Whether the object's origin lies over the workspace and on the table."""
    at = world.objects.pose(name)[:3, 3]
    inside = np.abs(at[:2] - WORKSPACE_CENTER_M) <= WORKSPACE_SIDE_M / 2
    return bool(inside.all() and -0.02 < at[2] < 0.40)


def _sample_indices(available: int, count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(available, size=count, replace=count > available)


def _pack(world: World, files: list, rng: np.random.Generator) -> None:
    """Upright, at random places, none touching another; then all settle."""
    for path in files:
        model, scale = load_object(path), rng.uniform(*SCALES['packed'])
        name = world.objects.add(model, make_transform(translation=[0, 0, 2.0]), scale)
        low = float(world.objects.bodies[name].shape.vertices_m[:, 2].min())
        for _ in range(MAX_TRIES_PER_OBJECT):
            yaw = Rotation.from_rotvec([0, 0, rng.uniform(0, 2 * np.pi)]).as_matrix()
            at = [*_sample_position(PLACEMENT_SIDES_M['packed'], rng), 0.002 - low]
            world.objects.set_state(name, make_transform(yaw, at))
            if world.objects.penetration_m(name) == 0.0:
                break
        else:
            world.objects.remove(name)
    settle(world, SETTLE_S)


def _pile(world: World, files: list, rng: np.random.Generator) -> None:
    """Dropped one after another into an open box, which is then taken away."""
    walls = world.add_walls(WORKSPACE_CENTER_M, WORKSPACE_SIDE_M, 0.30)
    for path in files:
        model, scale = load_object(path), rng.uniform(*SCALES['pile'])
        R = Rotation.random(random_state=rng).as_matrix()
        at = [*_sample_position(PLACEMENT_SIDES_M['pile'], rng), DROP_HEIGHT_M]
        world.objects.add(model, make_transform(R, at), scale)
        settle(world, PILE_SETTLE_S)
    world.remove_walls(walls)
    settle(world, SETTLE_S)


def _sample_position(side_m: float, rng: np.random.Generator) -> np.ndarray:
    return np.array(WORKSPACE_CENTER_M) + rng.uniform(-side_m / 2, side_m / 2, 2)


LAYOUTS = {'packed': _pack, 'pile': _pile}
