"""Examples of the segmentation network: oversegmented views with the object of each part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sakiyomi_data.segmentation.labelled_views import LabelledView, read_views
from world_model_node.fusion.points import voxel_indices
from world_model_node.segmentation.dimensions import (
    NODE_CHROMATICITY,
    NODE_NORMAL,
    NODE_VIEWPOINT,
    NODE_XY,
)
from world_model_node.segmentation.features import SupervoxelGraph, supervoxel_graph
from world_model_node.segmentation.segmentation_config import NetworkSegmentationConfig
from world_model_node.segmentation.supervoxels import make_coarse_voxels, oversegment

MIN_VOXELS = 60  # smaller views are left out
PAIR_DISSIMILARITY, PAIR_BOTH_COLORED, PAIR_LINKS, PAIR_LINK_DISSIMILARITY = 5, 6, 7, 9
PAIR_COLOR = [PAIR_DISSIMILARITY, PAIR_BOTH_COLORED, PAIR_LINK_DISSIMILARITY]
NODE_COLOR, PAIR_CLEARANCE = slice(15, 20), [10, 11]
# share of the examples without colour, and of those without visibility
DROP_PROBABILITY = 0.1
FEATURE_NOISE = 0.02
# share of the examples with recoloured objects
RECOLOR_PROBABILITY = 0.5
CHROMATICITY_UNIT, DISSIMILARITY_UNIT, MAX_DISSIMILARITY = 30.0, 10.0, 4.0  # as in features.py


@dataclass(frozen=True)
class Example:
    """One view, in half precision to save memory."""

    nodes: np.ndarray  # (M, F) float16
    pairs: np.ndarray  # (P, M, M) float16
    centers_m: np.ndarray  # (M, 3) float32
    counts: np.ndarray  # (M,) coarse voxels of each part
    labels: np.ndarray  # (M,) object index or -1
    votes_m: np.ndarray  # (M, 3) float32 centre of the visible part of the object


@dataclass(frozen=True)
class LabelledGraph:
    """A view with the data that scoring needs."""

    graph: SupervoxelGraph
    supervoxel_of_voxel: np.ndarray  # (N,)
    truth: np.ndarray  # (N,)


def label_graph(view: LabelledView) -> LabelledGraph:
    """Oversegment a view."""
    config = NetworkSegmentationConfig()
    coarse_of_voxel = voxel_indices(view.voxels.points_m, config.supervoxels.coarse_voxel_m)
    cells = make_coarse_voxels(view.voxels, coarse_of_voxel, view.visibility, config.supervoxels)
    part = oversegment(cells, config.supervoxels)
    graph = supervoxel_graph(cells, part, view.visibility, view.plane, config.pairs)
    return LabelledGraph(graph, part[coarse_of_voxel], view.labels)


def make_example(view: LabelledView) -> Example:
    """The example of a view."""
    seen = label_graph(view)
    labels = majority(seen.supervoxel_of_voxel, seen.truth, len(seen.graph))
    points = view.voxels.points_m
    votes = seen.graph.centers_m.astype(np.float32)
    for label in np.unique(labels[labels >= 0]):
        own = points[seen.truth == label]
        votes[labels == label] = 0.5 * (own.min(axis=0) + own.max(axis=0))
    return Example(
        seen.graph.nodes.astype(np.float16),
        seen.graph.pairs.astype(np.float16),
        seen.graph.centers_m.astype(np.float32),
        seen.graph.counts,
        labels,
        votes,
    )


def majority(part: np.ndarray, labels: np.ndarray, m: int) -> np.ndarray:
    """The most frequent label of the voxels (N,) of each part. Shape (M,)."""
    count = int(labels.max(initial=0)) + 2
    votes = np.bincount(part * count + labels + 1, minlength=m * count)
    return votes.reshape(m, count).argmax(axis=1) - 1


def read_examples(path: Path) -> list[Example]:
    """The examples of one file, without views of few voxels."""
    return [make_example(view) for view in read_views(path) if len(view.voxels) >= MIN_VOXELS]


def subsample_parts(item: Example, max_parts: int, rng: np.random.Generator) -> Example:
    """The view with a random subset of its parts, which is cheaper and more varied."""
    if len(item.nodes) <= max_parts:
        return item
    kept = rng.permutation(len(item.nodes))[:max_parts]
    return Example(
        item.nodes[kept],
        item.pairs[:, kept[:, None], kept],
        item.centers_m[kept],
        item.counts[kept],
        item.labels[kept],
        item.votes_m[kept],
    )


def augment(item: Example, rng: np.random.Generator) -> Example:
    """The view rotated, mirrored, recoloured, and with features left out at random."""
    nodes, pairs = item.nodes.astype(np.float32), item.pairs.astype(np.float32)
    if rng.random() < RECOLOR_PROBABILITY:
        recolor(nodes, pairs, item, rng)
    turn = _random_rotation(rng)
    for columns in (NODE_XY, NODE_NORMAL, NODE_VIEWPOINT):
        first = slice(columns.start, columns.start + 2)
        nodes[:, first] = nodes[:, first] @ turn
    hue = slice(NODE_CHROMATICITY.start, NODE_CHROMATICITY.start + 2)
    nodes[:, hue] = nodes[:, hue] @ _random_rotation(rng)
    if rng.random() < DROP_PROBABILITY:
        nodes[:, NODE_COLOR] = 0.0
        pairs[PAIR_COLOR] = 0.0
    if rng.random() < DROP_PROBABILITY:
        pairs[PAIR_CLEARANCE] = 0.0
    nodes += FEATURE_NOISE * rng.standard_normal(nodes.shape, np.float32)
    middle = item.centers_m.mean(axis=0)
    places, votes = item.centers_m - middle, item.votes_m - middle
    places[:, :2], votes[:, :2] = places[:, :2] @ turn, votes[:, :2] @ turn
    return Example(nodes, pairs, places, item.counts, item.labels, votes)


def recolor(nodes: np.ndarray, pairs: np.ndarray, item: Example, rng: np.random.Generator) -> None:
    """Recolour one side of an object, or copy another object's colour; changes both arrays."""
    objects = np.unique(item.labels[item.labels >= 0])
    if not len(objects):
        return
    chromaticity = nodes[:, NODE_CHROMATICITY].copy()
    for label in rng.permutation(objects)[: rng.integers(1, 4)]:
        own = np.flatnonzero(item.labels == label)
        if rng.random() < 0.5:
            places = item.centers_m[own] @ rng.standard_normal(3)
            side = own[places > rng.uniform(places.min(), places.max() + 1e-9)]
            chromaticity[side] += rng.normal(0.0, 0.7, 3)
        else:
            model = item.labels == rng.choice(objects)
            chromaticity[own] += chromaticity[model].mean(axis=0) - chromaticity[own].mean(axis=0)
    nodes[:, NODE_CHROMATICITY] = chromaticity
    changed = np.abs(chromaticity - item.nodes[:, NODE_CHROMATICITY]).max(axis=1) > 1e-3
    step = chromaticity[:, None] - chromaticity[None]
    dissimilarity = np.linalg.norm(step, axis=2) * CHROMATICITY_UNIT / DISSIMILARITY_UNIT
    dissimilarity = np.minimum(dissimilarity, MAX_DISSIMILARITY) * pairs[PAIR_BOTH_COLORED]
    either = changed[:, None] | changed[None]
    pairs[PAIR_DISSIMILARITY] = np.where(either, dissimilarity, pairs[PAIR_DISSIMILARITY])
    linked = either & (pairs[PAIR_LINKS] > 0.0)
    pairs[PAIR_LINK_DISSIMILARITY] = np.where(
        linked, dissimilarity, pairs[PAIR_LINK_DISSIMILARITY]
    )


def _random_rotation(rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0.0, 2.0 * np.pi)
    c, s = np.cos(angle), np.sin(angle)
    mirror = 1.0 if rng.random() < 0.5 else -1.0
    return np.array([[c, s * mirror], [-s, c * mirror]], np.float32)
