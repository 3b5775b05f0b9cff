"""Where a moving object was at the instants at which sensors saw it since the last look.

Its known surface is laid on what each sensor saw last. Earlier frames of the same camera show the
same side of it, so that they are compared with each other, which is surer: errors of the surface
are the same in all of them.
"""

from __future__ import annotations

import numpy as np

from world_model_node.between_looks.course import Seen
from world_model_node.between_looks.glance import Glance, place_in, shift_to, shown
from world_model_node.surface.registration import ShapeView, rotation_by, rotation_vector
from world_model_node.tracking.look import Look

AT_ONCE_S = 0.02  # of the last look's stamp
SHIFT_M = 0.001  # standard deviation of a shift between two frames
EDGE_SHARE = 0.15  # of its size, by how many of its points are at an edge, which waver
TURNED_SHARE = 0.08  # of its size, and by how far it has turned


class Way:
    """Evenly from one pose (4, 4) to another, `dt_s` later; before, at a velocity (3,)."""

    def __init__(
        self, T_from: np.ndarray, velocity_mps: np.ndarray, T_to: np.ndarray, dt_s: float
    ) -> None:
        self.start_m, self.velocity_mps = T_from[:3, 3], velocity_mps
        self.here_m, self.R = T_to[:3, 3], T_to[:3, :3]
        self.step_m = T_from[:3, 3] - self.here_m
        self._turn, self._dt_s = rotation_vector(T_to[:3, :3] @ T_from[:3, :3].T), dt_s

    def turn(self, age_s: float) -> np.ndarray:
        """From how it is turned at the end to how it was before (3, 3)."""
        return rotation_by(-self._share(age_s) * self._turn)

    def turned_rad(self, age_s: float) -> float:
        """The angle of that."""
        return self._share(age_s) * float(np.linalg.norm(self._turn))

    def steps(self, age_s: float) -> list[np.ndarray]:
        """Guesses (3,) [m] at the way back: a part of it, none, all of it."""
        return [self._share(age_s) * self.step_m, 0.0 * self.step_m, self.step_m]

    def _share(self, age_s: float) -> float:
        return min(1.0, age_s / max(self._dt_s, 1e-6))


def places(view: ShapeView, way: Way, own_m: np.ndarray, look: Look) -> list[Seen]:
    """What each sensor tells of it.

    Args:
        view: its known surface.
        way: from where it was at the last look to where the surface fits now.
        own_m: its points (N, 3) of this look, world frame.
        look: with what was seen since the last one.
    """
    frames = [g for g in look.glances if g.stream == 'camera']
    newest = min(frames, key=lambda g: g.age_s, default=None)
    laid = {g: _laid(view, way, g, look) for g in look.glances if g is newest or g not in frames}
    found = [seen for seen in laid.values() if seen is not None]
    if newest is None or not len(own_m):
        return found
    base_m = way.here_m if laid[newest] is None else laid[newest].position_m
    same_m = shown(newest, own_m)
    shifts = _shifts(sorted(frames, key=lambda g: g.age_s), way, same_m, base_m)
    first = max(shifts, key=lambda g: g.age_s)
    ahead_s = look.dt_s - first.age_s
    if ahead_s > AT_ONCE_S or first is newest:
        return found
    # the last look's frame is among them: it was then where it was known to be
    start_m = way.start_m + ahead_s * way.velocity_mps - shifts.pop(first)
    size_m = float(np.linalg.norm(np.ptp(view.points_m, axis=0)))
    edges_m = EDGE_SHARE * size_m / np.sqrt(len(same_m))
    for glance, shift in shifts.items():
        if glance.age_s > look.dt_s:
            continue  # the last look knows better
        turned_rad = way.turned_rad(first.age_s) - way.turned_rad(glance.age_s)
        turned_m = TURNED_SHARE * size_m * turned_rad
        noise = (SHIFT_M**2 + edges_m**2 + turned_m**2) * np.eye(3)
        found.append(Seen(look.dt_s - glance.age_s, start_m + shift, noise))
    return found


def _shifts(
    frames: list[Glance], way: Way, own_m: np.ndarray, base_m: np.ndarray
) -> dict[Glance, np.ndarray]:
    """How far (3,) [m] from where the newest frame shows it the others do; newest first."""
    newest = frames[0]
    shifts, last, before = {newest: np.zeros(3)}, np.zeros(3), np.zeros(3)
    for glance in frames[1:]:
        age_s = glance.age_s - newest.age_s
        starts = [*way.steps(age_s), 2.0 * last - before]
        shift = shift_to(glance, (own_m - base_m) @ way.turn(age_s).T + base_m, starts)
        if shift is not None:
            shifts[glance], last, before = shift, shift, last
    return shifts


def _laid(view: ShapeView, way: Way, glance: Glance, look: Look) -> Seen | None:
    starts = [way.here_m + step for step in way.steps(glance.age_s)]
    place = place_in(glance, view, way.turn(glance.age_s) @ way.R, starts)
    return None if place is None else Seen(look.dt_s - glance.age_s, *place)
