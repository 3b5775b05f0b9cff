import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / 'world_model'))

from synthetic import camera, lidar
from touching_boxes import LOW, TALL

from sakiyomi.paths import share_dir
from world_model_node.config import WorldModelConfig
from world_model_node.core import WorldModel
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.segmentation.segmenter import make_segmenter


@pytest.fixture(scope='session')
def model_folder():
    return share_dir('models')


@pytest.fixture(scope='session')
def network():
    segmenter = make_segmenter('network', WorldModelConfig().clustering)
    assert segmenter.learned
    return segmenter


@pytest.fixture(scope='session')
def clustering():
    return make_segmenter('clustering', WorldModelConfig().clustering)


@pytest.fixture(scope='session')
def fuse_boxes():
    """Return a function that fuses views of boxes into voxels, visibility and plane."""

    def fuse(boxes, seed=0):
        rng = np.random.default_rng(seed)
        model = WorldModel(WorldModelConfig(segmenter='clustering'))
        for index in range(3):
            model.add_lidar(lidar(0.1 * index, boxes, rng))
            model.add_camera(camera(0.1 * index, boxes, rng))
            model.update(0.1 * index)
        snapshot = model.inputs.at(0.2)
        visibility = VisibilityModel.from_snapshot(snapshot, model.config.visibility)
        return model.voxels, visibility, model.cloud_fusion.plane

    return fuse


@pytest.fixture(scope='session')
def touching(fuse_boxes):
    return fuse_boxes((TALL, LOW))
