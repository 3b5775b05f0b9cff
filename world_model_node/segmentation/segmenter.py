"""Segmenters divide fused voxels into objects, by the network or by clustering."""

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
from world_model_node.segmentation.clustering import cluster
from world_model_node.segmentation.connected_components import spatial_components
from world_model_node.segmentation.features import supervoxel_graph
from world_model_node.segmentation.grouping import group_supervoxels
from world_model_node.segmentation.segmentation_config import NetworkSegmentationConfig
from world_model_node.segmentation.segmentation_engine import SegmentationEngine
from world_model_node.segmentation.supervoxels import (
    CoarseVoxels,
    make_coarse_voxels,
    oversegment,
)
from world_model_node.segmentation.voxel_graph import UNLABELLED

NETWORK, CLUSTERING = 'network', 'clustering'
log = logging.getLogger(__name__)


class Segmenter(Protocol):
    """Divides voxels into objects."""

    name: str
    learned: bool

    def segment(
        self, voxels: PointSet, visibility: VisibilityModel, plane: SupportPlane
    ) -> np.ndarray:
        """Return a label per voxel, 0 upward, or UNLABELLED for noise. Shape (N,)."""


class ClusteringSegmenter:
    """Divides voxels at gaps, changes of colour and concave creases."""

    name, learned = CLUSTERING, False

    def __init__(self, config: ClusteringConfig) -> None:
        self.config = config

    def segment(
        self, voxels: PointSet, visibility: VisibilityModel, plane: SupportPlane
    ) -> np.ndarray:
        """Return a label per voxel, 0 upward, or UNLABELLED for noise. Shape (N,)."""
        return cluster(voxels, visibility, self.config)


class NetworkSegmenter:
    """Groups supervoxels by the network's log-odds of their pairs.

    Args:
        engine: the session of the network.
        config: the configuration that the network was trained with.
        min_coarse_voxels: the size of the smallest object.
    """

    learned = True

    def __init__(
        self, engine: SegmentationEngine, config: NetworkSegmentationConfig, min_coarse_voxels: int
    ) -> None:
        self.engine, self.config, self.min_coarse_voxels = engine, config, min_coarse_voxels
        self.name = engine.name

    def segment(
        self, voxels: PointSet, visibility: VisibilityModel, plane: SupportPlane
    ) -> np.ndarray:
        """Return a label per voxel, 0 upward, or UNLABELLED for noise. Shape (N,)."""
        labels = np.full(len(voxels), UNLABELLED)
        component = spatial_components(voxels.points_m, self.config.component_edge_m)
        for index in range(component.max(initial=-1) + 1):
            own = np.flatnonzero(component == index)
            found = self._segment_component(voxels[own], visibility, plane)
            labels[own] = np.where(found >= 0, found + labels.max() + 1, UNLABELLED)
        return labels

    def _segment_component(
        self, voxels: PointSet, visibility: VisibilityModel, plane: SupportPlane
    ) -> np.ndarray:
        config = self.config.supervoxels
        coarse_of_voxel = voxel_indices(voxels.points_m, config.coarse_voxel_m)
        if coarse_of_voxel.max(initial=0) < config.num_neighbors:
            return np.full(len(voxels), UNLABELLED)
        coarse_voxels = make_coarse_voxels(voxels, coarse_of_voxel, visibility, config)
        if self._is_airborne(coarse_voxels, plane.height_of(voxels.points_m)):
            return np.zeros(len(voxels), int)
        supervoxel = oversegment(coarse_voxels, config)
        graph = supervoxel_graph(coarse_voxels, supervoxel, visibility, plane, self.config.pairs)
        output = self.engine.infer(graph)
        labels = group_supervoxels(
            output.same_logits, output.object_logits, graph.counts, self.config.grouping
        )
        return remove_small(labels[supervoxel], self.min_coarse_voxels)[coarse_of_voxel]

    def _is_airborne(self, coarse_voxels: CoarseVoxels, heights_m: np.ndarray) -> bool:
        """Return whether a component is high above the plane, where it is one flying object."""
        large = len(coarse_voxels) >= self.config.min_airborne_coarse_voxels
        return large and bool(heights_m.min() > self.config.airborne_m)


def remove_small(labels: np.ndarray, min_coarse_voxels: int) -> np.ndarray:
    """Relabel from 0 upward without objects of too few coarse voxels. Shape (N,)."""
    size = np.bincount(labels[labels >= 0], minlength=1)
    kept = (labels >= 0) & (size[np.maximum(labels, 0)] >= min_coarse_voxels)
    out = np.full(len(labels), UNLABELLED)
    _, out[kept] = np.unique(labels[kept], return_inverse=True)
    return out


def make_segmenter(wanted: str, config: ClusteringConfig, folder: Path | None = None) -> Segmenter:
    """Make a segmenter; log a warning and use clustering if the network cannot be loaded.

    Args:
        wanted: 'network' or 'clustering'.
        config: the configuration of the clustering.
        folder: the folder of the model, or None for the shipped one.
    """
    if wanted == CLUSTERING:
        return ClusteringSegmenter(config)
    try:
        engine = SegmentationEngine(folder or share_dir('models'))
        return NetworkSegmenter(engine, NetworkSegmentationConfig(), config.min_coarse_voxels)
    except (BadInputError, ImportError) as error:
        log.warning('segmentation falls back to clustering: %s', error)
        return ClusteringSegmenter(config)
