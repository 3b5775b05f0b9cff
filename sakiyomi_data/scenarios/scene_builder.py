"""The table before an interaction: seeded objects with drawn properties, settled."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.errors import BadInputError, WorkFailedError
from sakiyomi.geometry import make_transform, transform_points
from simulation_node.bodies.physical_properties import PhysicalProperties, sample_properties
from simulation_node.cell import SimulatedCell
from simulation_node.config import WORKSPACE_CENTER_M
from simulation_node.objects.meshes import Shape
from simulation_node.objects.object_files import ObjectModel, load_object
from simulation_node.scene_layouts import settle

SCALES = (0.7, 1.0)
MAX_EXTENT_M = 0.24  # of an object that fits on the watched part of the table
TUMBLED_PROBABILITY = 0.5  # share of objects that were dropped rather than stood up
MAX_TRIES = 12
SETTLE_S = 1.5
log = logging.getLogger(__name__)


class SceneRejectedError(WorkFailedError):
    """The draw led to a scene that the scenario cannot use; another draw may."""


@dataclass(frozen=True)
class ObjectSample:
    """An object as it is going to be: file, size and hidden properties."""

    model: ObjectModel
    scale: float
    shape: Shape  # scaled
    properties: PhysicalProperties


class SceneBuilder:
    """Puts objects on an empty table.

    Args:
        cell: with a free hand, just reset to an empty scene.
        files: of the objects to choose from.
        rng: everything is drawn from it.
    """

    def __init__(self, cell: SimulatedCell, files: tuple[Path, ...], rng: np.random.Generator):
        self.cell, self.files, self.rng = cell, files, rng
        self.properties: dict[str, PhysicalProperties] = {}
        self.samples: dict[str, ObjectSample] = {}

    def sample_object(self, max_extent_m: float = MAX_EXTENT_M) -> ObjectSample:
        """Draw an object that is not larger than that.

        Raises:
            SceneRejectedError: none of a dozen is, files that cannot be read among them.
        """
        for _ in range(MAX_TRIES):
            path = self.files[int(self.rng.integers(len(self.files)))]
            try:
                model, scale = load_object(path), float(self.rng.uniform(*SCALES))
            except BadInputError as error:
                log.warning('%s; another object is drawn', error)
                continue
            shape = Shape(model.shape.vertices_m * np.float32(scale), model.shape.triangles, None)
            if np.ptp(shape.vertices_m, axis=0).max() < max_extent_m:
                return ObjectSample(model, scale, shape, sample_properties(shape, self.rng))
        raise SceneRejectedError(
            f'objects: got {MAX_TRIES} larger than {max_extent_m} m, expected a smaller'
        )

    def sample_best(self, count: int, score: Callable[[np.ndarray], float]) -> ObjectSample:
        """Of `count` draws the one whose (V, 3) vertices score highest."""
        draws = [self.sample_object() for _ in range(count)]
        return max(draws, key=lambda sample: score(sample.shape.vertices_m.astype(float)))

    def place(
        self,
        sample: ObjectSample,
        xy: np.ndarray,
        R: np.ndarray | None = None,
        settled: bool = True,
    ) -> str:
        """Put the object on the table, upright or as it falls, or in the orientation given.

        Raises:
            SceneRejectedError: it does not stay where it was put.
        """
        if R is None:
            R = Rotation.from_rotvec([0, 0, self.rng.uniform(0, 2 * np.pi)]).as_matrix()
            if self.rng.random() < TUMBLED_PROBABILITY:
                R = Rotation.random(random_state=self.rng).as_matrix()
        vertices = sample.shape.vertices_m.astype(float) @ R.T
        middle = 0.5 * (vertices.min(0) + vertices.max(0))
        at = [*(xy - middle[:2]), 0.002 - vertices[:, 2].min()]
        name = self._add(sample, make_transform(R, at))
        if settled:
            settle(self.cell.world, SETTLE_S)
            if np.linalg.norm(self.box_center(name)[:2] - xy) > 0.06:
                raise SceneRejectedError(f'object {name}: rolled away, expected it to lie still')
        return name

    def suspend(self, sample: ObjectSample, T_world_object: np.ndarray) -> str:
        """Put the object into the air."""
        return self._add(sample, T_world_object)

    def add_distractor(self, chance: float) -> None:
        """Now and then another object, which just lies there."""
        if self.rng.random() >= chance:
            return
        xy = workspace_center() + self.rng.uniform(-1.0, 1.0, 2) * [0.16, 0.20]
        others = list(self.cell.names)
        name = None
        with contextlib.suppress(SceneRejectedError):
            name = self.place(self.sample_object(0.15), xy)
        crowded = name is None or any(
            np.linalg.norm(self.box_center(n)[:2] - xy)
            < 0.5 * (self.footprint_m(n) + self.footprint_m(name)) + 0.03
            for n in others
        )
        if crowded:
            self._remove(set(self.cell.names) - set(others))

    def vertices_world(self, name: str) -> np.ndarray:
        """The object's vertices (V, 3) in the world frame."""
        vertices = self.cell.shape(name).vertices_m.astype(float)
        return transform_points(self.cell.world.objects.pose(name), vertices)

    def box_center(self, name: str) -> np.ndarray:
        """The middle (3,) of the object's box in the world frame."""
        points = self.vertices_world(name)
        return 0.5 * (points.min(0) + points.max(0))

    def footprint_m(self, name: str) -> float:
        """The longer side of the object's footprint [m]."""
        return float(np.ptp(self.vertices_world(name)[:, :2], axis=0).max())

    def random_heading(self) -> np.ndarray:
        """Any level direction (2,)."""
        angle = self.rng.uniform(0, 2 * np.pi)
        return np.array([np.cos(angle), np.sin(angle)])

    def _add(self, sample: ObjectSample, T_world_object: np.ndarray) -> str:
        name = self.cell.add(sample.model, T_world_object, sample.scale, sample.properties)
        self.properties[name], self.samples[name] = sample.properties, sample
        return name

    def _remove(self, names: set[str]) -> None:
        for name in names:
            self.cell.remove(name)
            self.properties.pop(name), self.samples.pop(name)


def workspace_center() -> np.ndarray:
    """The middle (2,) of the watched part of the table."""
    return np.array(WORKSPACE_CENTER_M)
