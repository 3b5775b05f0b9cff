"""Divide fused voxels into objects: by the network, or by clustering where there is none."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.paths import share_dir
from world_model_node.config import ClusteringConfig
from world_model_node.fusion.points import PointSet, voxel_of
from world_model_node.fusion.support import SupportPlane
from world_model_node.fusion.visibility import Sight
from world_model_node.segmentation.clustering import NOT_AN_OBJECT, cluster
from world_model_node.segmentation.engine import Engine
from world_model_node.segmentation.features import part_graph
from world_model_node.segmentation.grouping import objects
from world_model_node.segmentation.islands import islands
from world_model_node.segmentation.parts import CELL_M, NEIGHBOURS, cut, make_cells

NETWORK, CLUSTERING = 'network', 'clustering'
ALOFT_M, ALOFT_CELLS = 0.12, 25  # what is so high and alone flies: one object
log = logging.getLogger(__name__)


class Segmenter(Protocol):
    """Gives each voxel its object."""

    name: str
    learned: bool

    def divide(self, voxels: PointSet, sight: Sight, plane: SupportPlane) -> np.ndarray:
        """A label per voxel, 0 upward, or NOT_AN_OBJECT. Shape (N,)."""


class ClusteringSegmenter:
    """Connected, of one paint, parted at creases."""

    name, learned = CLUSTERING, False

    def __init__(self, config: ClusteringConfig) -> None:
        self.config = config

    def divide(self, voxels: PointSet, sight: Sight, plane: SupportPlane) -> np.ndarray:
        """A label per voxel, 0 upward, or NOT_AN_OBJECT. Shape (N,)."""
        return cluster(voxels, sight, self.config)


class NetworkSegmenter:
    """Parts of the cloud, judged in pairs by the network and joined."""

    learned = True

    def __init__(self, engine: Engine, config: ClusteringConfig) -> None:
        self.engine, self.config = engine, config
        self.name = engine.name

    def divide(self, voxels: PointSet, sight: Sight, plane: SupportPlane) -> np.ndarray:
        """A label per voxel, 0 upward, or NOT_AN_OBJECT. Shape (N,)."""
        labels = np.full(len(voxels), NOT_AN_OBJECT)
        island = islands(voxels.points_m)
        for index in range(island.max(initial=-1) + 1):
            own = np.flatnonzero(island == index)
            found = self._divide(voxels[own], sight, plane)
            labels[own] = np.where(found >= 0, found + labels.max() + 1, NOT_AN_OBJECT)
        return labels

    def _divide(self, voxels: PointSet, sight: Sight, plane: SupportPlane) -> np.ndarray:
        cell_of_voxel = voxel_of(voxels.points_m, CELL_M)
        if cell_of_voxel.max(initial=0) < NEIGHBOURS:
            return np.full(len(voxels), NOT_AN_OBJECT)
        cells = make_cells(voxels, cell_of_voxel, sight)
        part = cut(cells)
        if plane.height_of(voxels.points_m).min() > ALOFT_M and len(cells) >= ALOFT_CELLS:
            return np.zeros(len(voxels), int)
        graph = part_graph(cells, part, sight, plane)
        judgement = self.engine.judge(graph)
        labels = objects(judgement.same, judgement.object, graph.counts)[part]
        return without_small(labels, self.config.min_cells)[cell_of_voxel]


def without_small(labels: np.ndarray, least: int) -> np.ndarray:
    """Labels (N,) from 0 upward; objects of too few cells are none."""
    size = np.bincount(labels[labels >= 0], minlength=1)
    kept = (labels >= 0) & (size[np.maximum(labels, 0)] >= least)
    out = np.full(len(labels), NOT_AN_OBJECT)
    _, out[kept] = np.unique(labels[kept], return_inverse=True)
    return out


def make_segmenter(wanted: str, config: ClusteringConfig, folder: Path | None = None) -> Segmenter:
    """The segmenter of that name; clustering, and a warning, where the network cannot be used.

    Args:
        wanted: 'network' or 'clustering'.
        config: of the clustering.
        folder: of the model; the shipped one where None.
    """
    if wanted == CLUSTERING:
        return ClusteringSegmenter(config)
    try:
        return NetworkSegmenter(Engine(folder or share_dir('models')), config)
    except (BadInputError, ImportError) as error:
        log.warning('segmentation falls back to clustering: %s', error)
        return ClusteringSegmenter(config)
