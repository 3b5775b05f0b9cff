import logging
import shutil
import subprocess
import sys

import numpy as np
import pytest
from synthetic import on_table
from touching_boxes import LOW, TALL, owners

from sakiyomi.errors import BadInputError
from world_model_node.config import WorldModelConfig
from world_model_node.core import WorldModel
from world_model_node.fusion.points import empty_points
from world_model_node.segmentation.segmentation_engine import GRAPH, NAME, SegmentationEngine
from world_model_node.segmentation.segmenter import make_segmenter

CONFIG = WorldModelConfig().clustering


def iou(labels, own):
    sets = [labels == label for label in np.unique(labels[labels >= 0])]
    return max((s & own).sum() / (s | own).sum() for s in sets)


def test_touching_boxes_of_one_colour_are_two_to_the_network(network, touching):
    labels = network.segment(*touching)
    truth = owners(touching[0].points_m, (TALL, LOW))
    assert labels.max() + 1 == 2
    assert min(iou(labels, truth == k) for k in (0, 1)) > 0.85


def test_a_box_alone_is_one(network, fuse_boxes):
    for size in ((0.05, 0.06, 0.11), (0.10, 0.06, 0.04), (0.04, 0.04, 0.04)):
        assert network.segment(*fuse_boxes((on_table(0.5, 0.0, size),))).max() == 0


def test_separate_boxes_are_divided_as_by_clustering(network, clustering, fuse_boxes):
    boxes = [on_table(x, y, (0.05, 0.05, 0.06)) for x in (0.42, 0.58) for y in (-0.08, 0.08)]
    view = fuse_boxes(tuple(boxes))
    ours, theirs = network.segment(*view), clustering.segment(*view)
    both = (ours >= 0) & (theirs >= 0)
    assert len(np.unique(np.stack([ours, theirs])[:, both], axis=1).T) == 4


def test_the_order_of_voxels_changes_nothing(network, touching):
    voxels, visibility, plane = touching
    order = np.random.default_rng(0).permutation(len(voxels))
    shuffled = network.segment(voxels[order], visibility, plane)
    assert np.array_equal(shuffled, network.segment(*touching)[order])


def test_the_same_view_is_divided_the_same_way_twice(network, touching):
    assert np.array_equal(network.segment(*touching), network.segment(*touching))


@pytest.mark.parametrize('count', [0, 1, 5, 40])
def test_few_voxels_give_no_object_and_no_error(network, touching, count):
    voxels, visibility, plane = touching
    few = voxels[:count] if count else empty_points()
    labels = network.segment(few, visibility, plane)
    assert labels.shape == (count,)
    assert labels.max(initial=-1) <= 0


def test_coincident_voxels_give_no_error(network, touching):
    voxels, visibility, plane = touching
    same = voxels[np.zeros(500, int)]
    assert network.segment(same, visibility, plane).shape == (500,)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize('harm', ['flip', 'cut', 'remove', 'no card', 'bad card'])
def test_a_damaged_model_is_refused_in_one_line_and_clustering_is_used(
    harm, model_folder, tmp_path, caplog
):
    folder = tmp_path / 'models'
    shutil.copytree(model_folder, folder)
    graph = folder / GRAPH
    if harm == 'flip':
        flip(graph)
    elif harm == 'cut':
        graph.write_bytes(graph.read_bytes()[:1000])
    elif harm == 'remove':
        graph.unlink()
    elif harm == 'no card':
        (folder / f'{NAME}.json').unlink()
    else:
        (folder / f'{NAME}.json').write_text('[1, 2]')
    with pytest.raises(BadInputError) as refused:
        SegmentationEngine(folder)
    assert '\n' not in str(refused.value)
    with caplog.at_level(logging.WARNING):
        segmenter = make_segmenter('network', CONFIG, folder)
    assert segmenter.name == 'clustering'
    assert 'falls back to clustering' in caplog.text


def test_the_world_model_names_its_segmenter():
    assert WorldModel(WorldModelConfig(segmenter='clustering')).segmenter_name == 'clustering'
    assert WorldModel(WorldModelConfig(segmenter='network')).segmenter_name.startswith('network ')


def test_running_the_network_does_not_import_torch():
    code = (
        'import sys\n'
        'from world_model_node.config import WorldModelConfig\n'
        'from world_model_node.core import WorldModel\n'
        "model = WorldModel(WorldModelConfig(segmenter='network'))\n"
        'assert model.segmenter.learned\n'
        "sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, '-c', code], timeout=120).returncode == 0
