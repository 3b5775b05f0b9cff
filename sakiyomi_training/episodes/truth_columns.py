"""The truth of an episode, kept apart from what was observed."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from sakiyomi_training.episodes.layout import BEFORE, FINE_BEFORE, OBJECTS, Episode, empty_episode
from sakiyomi_training.episodes.scene_columns import NO_TRACK
from simulation_node.cell import SimulatedCell
from simulation_node.interactions.interaction import Interaction
from simulation_node.interactions.stage import Stage
from simulation_node.objects.object_files import volume_and_center

REACH_M = 0.05  # a track farther from an object is not its own


class TruthNotes:
    """Poses and twists of all objects, actors first."""

    def __init__(self, cell: SimulatedCell, stage: Stage, interaction: Interaction) -> None:
        self._cell, self._hidden, self._interaction = cell, stage.hidden, interaction
        others = [name for name in cell.names if name not in interaction.actors]
        self._names = [*interaction.actors, *others][:OBJECTS]
        self._rows: list[tuple[float, np.ndarray, np.ndarray]] = []
        self._belt: list[np.ndarray] = []

    def note(self) -> None:
        """This instant."""
        found = {item.name: item for item in self._cell.ground_truth()}
        items = [found[name] for name in self._names]
        poses = np.array([item.T_world_object for item in items])
        self._rows.append((self._cell.time_s, poses, np.array([item.twist for item in items])))
        self._belt.append(self._cell.world.conveyor.velocity)

    def columns(self, observed: Episode) -> Episode:
        """The `truth` columns; `slot` is the track that is each object's own at t0."""
        columns = {n: c for n, c in empty_episode().items() if n.startswith('truth/')}
        n = len(self._names)
        names = [*self._names, *[''] * (OBJECTS - n)]
        columns['truth/name'] = np.array(names)
        columns['truth/present'][:n] = True
        columns['truth/actor'][: len(self._interaction.actors)] = True
        stamps = np.array([row[0] for row in self._rows])
        columns['truth/stamp_s'][:] = stamps - stamps[FINE_BEFORE]
        columns['truth/T_world_object'][:, :n] = np.array([row[1] for row in self._rows])
        columns['truth/belt_mps'][:] = self._belt
        columns['truth/undisturbed_s'] = np.float32(self._interaction.undisturbed_s)
        columns['truth/twist'][:, :n] = np.array([row[2] for row in self._rows])
        for row, name in enumerate(self._names):
            self._note_properties(columns, row, name)
        columns['truth/slot'][:] = _own_tracks(columns, observed)
        return columns

    def _note_properties(self, columns: Episode, row: int, name: str) -> None:
        hidden, shape = self._hidden[name], self._cell.shape(name)
        values = {
            'center_m': volume_and_center(shape)[1],
            'mass_kg': hidden.mass_kg,
            'friction': hidden.friction,
            'rolling_friction_m': hidden.rolling_friction_m,
            'spinning_friction_m': hidden.spinning_friction_m,
            'restitution': hidden.restitution,
            'center_of_mass_m': hidden.center_of_mass_m,
            'inertia_kgm2': self._cell.world.objects.inertia(name),
            'extent_m': np.ptp(shape.vertices_m, axis=0),
        }
        for key, value in values.items():
            columns[f'truth/{key}'][row] = value


def true_centers(episode: Episode) -> np.ndarray:
    """Centroids of the objects' volumes, (FINE, OBJECTS, 3) m in the world frame."""
    T, center = episode['truth/T_world_object'], episode['truth/center_m']
    return np.einsum('toij,oj->toi', T[..., :3, :3], center) + T[..., :3, 3]


def _own_tracks(truth: Episode, observed: Episode) -> np.ndarray:
    """For each object the slot of the nearest track at t0, none farther than 5 cm. (OBJECTS,)."""
    centers = true_centers(truth)[FINE_BEFORE]
    tracked = observed['frames/T_world_object'][BEFORE, :, :3, 3]
    gap = np.linalg.norm(centers[:, None] - tracked[None], axis=2)
    gap[:, ~observed['frames/present'][BEFORE]] = np.inf
    gap[~truth['truth/present']] = np.inf
    rows, slots = linear_sum_assignment(np.minimum(gap, 10.0 * REACH_M))
    own = np.full(OBJECTS, NO_TRACK, np.int32)
    for row, slot in zip(rows, slots, strict=True):
        if gap[row, slot] < REACH_M:
            own[row] = slot
    return own
