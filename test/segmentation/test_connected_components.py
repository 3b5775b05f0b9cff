import numpy as np
import pytest
from synthetic import on_table

from world_model_node.segmentation.connected_components import spatial_components
from world_model_node.segmentation.segmentation_config import NetworkSegmentationConfig

EDGE_M = NetworkSegmentationConfig().component_edge_m

BOX = on_table(0.34, -0.18, (0.05, 0.06, 0.05))
WALL = on_table(0.66, 0.1, (0.10, 0.25, 0.30), (90, 90, 90))


def grid(x_m):
    y, z = np.mgrid[0:0.06:0.005, 0:0.06:0.005]
    return np.stack([np.full(y.size, x_m), y.ravel(), z.ravel()], axis=1)


@pytest.mark.parametrize(('gap_m', 'count'), [(0.02, 1), (0.045, 1), (0.11, 2), (0.5, 2)])
def test_near_points_share_a_component_and_far_ones_do_not(gap_m, count):
    for start in np.linspace(0.0, 0.05, 7):
        found = spatial_components(np.concatenate([grid(start), grid(start + gap_m)]), EDGE_M)
        assert found.max() + 1 == count


def test_an_empty_cloud_has_no_component():
    assert spatial_components(np.zeros((0, 3)), EDGE_M).shape == (0,)


def test_distant_points_do_not_change_the_segmentation(network, fuse_boxes):
    voxels, visibility, plane = fuse_boxes((BOX, WALL))
    near = voxels.points_m[:, 0] < 0.5
    assert 300 < near.sum() < 0.5 * len(voxels)
    labels, alone = (
        network.segment(voxels, visibility, plane),
        network.segment(voxels[near], visibility, plane),
    )
    assert len(np.unique(labels[near])) == len(np.unique(alone)) == 1
    assert alone.max() == 0
