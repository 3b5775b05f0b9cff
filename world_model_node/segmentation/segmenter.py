"""Divide fused voxels into objects: by the network, or by clustering where there is none."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.paths import share_dir
from world_model_node.config import ClusteringConfig
from world_model_node.fusion.points import PointSet, voxel_indices
from world_model_node.fusion.support_plane import SupportPlane
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.segmentation.clustering import NOT_AN_OBJECT, cluster
from world_model_node.segmentation.connected_components import spatial_components
from world_model_node.segmentation.features import supervoxel_graph
from world_model_node.segmentation.grouping import group_supervoxels
from world_model_node.segmentation.segmentation_engine import SegmentationEngine
from world_model_node.segmentation.supervoxels import (
    COARSE_VOXEL_M,
    NUM_NEIGHBORS,
    make_coarse_voxels,
    oversegment,
)

NETWORK, CLUSTERING = 'network', 'clustering'
AIRBORNE_M, MIN_AIRBORNE_COARSE_VOXELS = 0.12, 25  # what is so high and alone flies: one object
log = logging.getLogger(__name__)


class Segmenter(Protocol):
    """Gives each voxel its object."""

    name: str
    learned: bool

    def segment(
        self, voxels: PointSet, visibility: VisibilityModel, plane: SupportPlane
    ) -> np.ndarray:
        """A label per voxel, 0 upward, or NOT_AN_OBJECT. Shape (N,)."""


class ClusteringSegmenter:
    """Connected, of one colour, parted at creases."""

    name, learned = CLUSTERING, False

    def __init__(self, config: ClusteringConfig) -> None:
        self.config = config

    def segment(
        self, voxels: PointSet, visibility: VisibilityModel, plane: SupportPlane
    ) -> np.ndarray:
        """A label per voxel, 0 upward, or NOT_AN_OBJECT. Shape (N,)."""
        return cluster(voxels, visibility, self.config)


class NetworkSegmenter:
    """Supervoxels of the cloud, judged in pairs by the network and joined."""

    learned = True

    def __init__(self, engine: SegmentationEngine, config: ClusteringConfig) -> None:
        self.engine, self.config = engine, config
        self.name = engine.name

    def segment(
        self, voxels: PointSet, visibility: VisibilityModel, plane: SupportPlane
    ) -> np.ndarray:
        """A label per voxel, 0 upward, or NOT_AN_OBJECT. Shape (N,)."""
        labels = np.full(len(voxels), NOT_AN_OBJECT)
        component = spatial_components(voxels.points_m)
        for index in range(component.max(initial=-1) + 1):
            own = np.flatnonzero(component == index)
            found = self._segment_component(voxels[own], visibility, plane)
            labels[own] = np.where(found >= 0, found + labels.max() + 1, NOT_AN_OBJECT)
        return labels

    def _segment_component(
        self, voxels: PointSet, visibility: VisibilityModel, plane: SupportPlane
    ) -> np.ndarray:
        coarse_of_voxel = voxel_indices(voxels.points_m, COARSE_VOXEL_M)
        if coarse_of_voxel.max(initial=0) < NUM_NEIGHBORS:
            return np.full(len(voxels), NOT_AN_OBJECT)
        coarse_voxels = make_coarse_voxels(voxels, coarse_of_voxel, visibility)
        supervoxel = oversegment(coarse_voxels)
        if (
            plane.height_of(voxels.points_m).min() > AIRBORNE_M
            and len(coarse_voxels) >= MIN_AIRBORNE_COARSE_VOXELS
        ):
            return np.zeros(len(voxels), int)
        graph = supervoxel_graph(coarse_voxels, supervoxel, visibility, plane)
        output = self.engine.infer(graph)
        labels = group_supervoxels(output.same_logits, output.object_logits, graph.counts)[
            supervoxel
        ]
        return remove_small(labels, self.config.min_coarse_voxels)[coarse_of_voxel]


def remove_small(labels: np.ndarray, min_coarse_voxels: int) -> np.ndarray:
    """Labels (N,) from 0 upward; objects of too few coarse voxels are none."""
    size = np.bincount(labels[labels >= 0], minlength=1)
    kept = (labels >= 0) & (size[np.maximum(labels, 0)] >= min_coarse_voxels)
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
        return NetworkSegmenter(SegmentationEngine(folder or share_dir('models')), config)
    except (BadInputError, ImportError) as error:
        log.warning('segmentation falls back to clustering: %s', error)
        return ClusteringSegmenter(config)
