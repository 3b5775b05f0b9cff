"""The truth of an episode, kept apart from what was observed."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from sakiyomi_data.episodes.layout import NUM_OBJECTS, T0_FRAME, T0_SAMPLE, Episode, empty_episode
from sakiyomi_data.episodes.scene_columns import NO_TRACK
from sakiyomi_data.scenarios.interaction import Interaction
from sakiyomi_data.scenarios.scene_builder import SceneBuilder
from simulation_node.cell import SimulatedCell
from simulation_node.objects.object_files import volume_and_center

MAX_MATCH_DISTANCE_M = 0.05  # a track farther from an object is not its own


class TruthRecorder:
    """Poses and twists of all objects, actors first."""

    def __init__(
        self, cell: SimulatedCell, builder: SceneBuilder, interaction: Interaction
    ) -> None:
        self._cell, self._properties, self._interaction = cell, builder.properties, interaction
        others = [name for name in cell.names if name not in interaction.actors]
        self._names = [*interaction.actors, *others][:NUM_OBJECTS]
        self._rows: list[tuple[float, np.ndarray, np.ndarray]] = []
        self._belt: list[np.ndarray] = []

    def record(self) -> None:
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
        names = [*self._names, *[''] * (NUM_OBJECTS - n)]
        columns['truth/name'] = np.array(names)
        columns['truth/present'][:n] = True
        columns['truth/actor'][: len(self._interaction.actors)] = True
        stamps = np.array([row[0] for row in self._rows])
        columns['truth/stamp_s'][:] = stamps - stamps[T0_SAMPLE]
        columns['truth/T_world_object'][:, :n] = np.array([row[1] for row in self._rows])
        columns['truth/belt_mps'][:] = self._belt
        columns['truth/undisturbed_s'] = np.float32(self._interaction.undisturbed_s)
        columns['truth/twist'][:, :n] = np.array([row[2] for row in self._rows])
        for row, name in enumerate(self._names):
            self._write_properties(columns, row, name)
        columns['truth/slot'][:] = _match_tracks(columns, observed)
        return columns

    def _write_properties(self, columns: Episode, row: int, name: str) -> None:
        properties, shape = self._properties[name], self._cell.shape(name)
        values = {
            'center_m': volume_and_center(shape)[1],
            'mass_kg': properties.mass_kg,
            'friction': properties.friction,
            'rolling_friction_m': properties.rolling_friction_m,
            'spinning_friction_m': properties.spinning_friction_m,
            'restitution': properties.restitution,
            'center_of_mass_m': properties.center_of_mass_m,
            'inertia_kgm2': self._cell.world.objects.inertia(name),
            'extent_m': np.ptp(shape.vertices_m, axis=0),
        }
        for key, value in values.items():
            columns[f'truth/{key}'][row] = value


def true_centers(episode: Episode) -> np.ndarray:
    """Volume centroids of the objects, (NUM_SAMPLES, NUM_OBJECTS, 3) m in the world frame."""
    T, center = episode['truth/T_world_object'], episode['truth/center_m']
    return np.einsum('toij,oj->toi', T[..., :3, :3], center) + T[..., :3, 3]


def _match_tracks(truth: Episode, observed: Episode) -> np.ndarray:
    """Slot of the track nearest to each object at t0, within 5 cm. (NUM_OBJECTS,)."""
    centers = true_centers(truth)[T0_SAMPLE]
    tracked = observed['frames/T_world_object'][T0_FRAME, :, :3, 3]
    gap = np.linalg.norm(centers[:, None] - tracked[None], axis=2)
    gap[:, ~observed['frames/present'][T0_FRAME]] = np.inf
    gap[~truth['truth/present']] = np.inf
    rows, slots = linear_sum_assignment(np.minimum(gap, 10.0 * MAX_MATCH_DISTANCE_M))
    own = np.full(NUM_OBJECTS, NO_TRACK, np.int32)
    for row, slot in zip(rows, slots, strict=True):
        if gap[row, slot] < MAX_MATCH_DISTANCE_M:
            own[row] = slot
    return own
