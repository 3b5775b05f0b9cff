import numpy as np

from world_model_node.config import VisibilityConfig
from world_model_node.fusion.point_grid import PointGrid
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.tracking.surface.completion import (
    complete_surface,
    extrude_completion,
    mirror_completion,
)
from world_model_node.tracking.surface.shape_config import CompletionConfig

CONFIG = CompletionConfig()
BLIND = VisibilityModel(None, None, VisibilityConfig())
MIDDLE = np.array([0.5, 0.0, 0.03])


def can(n=4000):
    """The side and the lid of an upright can of 3 cm radius and 6 cm height."""
    rng = np.random.default_rng(0)
    angle, z = rng.uniform(-np.pi, np.pi, n), rng.uniform(0.006, 0.06, n)
    side = np.stack([0.03 * np.cos(angle), 0.03 * np.sin(angle), z], axis=1)
    radius = 0.03 * np.sqrt(rng.uniform(size=n))
    lid = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.full(n, 0.06)], axis=1)
    return np.concatenate([side, lid]) + np.array([0.5, 0.0, 0.0])


def from_axis(points):
    return np.linalg.norm(points[:, :2] - MIDDLE[:2], axis=1)


def test_the_far_side_of_half_a_can_is_completed_within_3_mm():
    seen = can()
    seen = seen[(seen[:, 0] > 0.5) | (seen[:, 2] > 0.059)]
    completed = complete_surface(seen, MIDDLE, 0.0, 0.004, BLIND, CONFIG)
    low = completed[completed[:, 2] < 0.055]
    assert (low[:, 0] < 0.49).sum() > 20
    assert np.median(np.abs(from_axis(low) - 0.03)) < 0.003
    assert completed[:, 2].min() >= 0.0


def test_an_object_seen_all_round_needs_no_completion():
    seen = can(20000)
    completed = complete_surface(seen, MIDDLE, 0.0, 0.004, BLIND, CONFIG)
    assert (completed[:, 2] > 0.012).mean() < 0.1 if len(completed) else True


def test_a_mirror_image_has_the_distances_of_the_original():
    seen = can()
    image = mirror_completion(seen, MIDDLE, PointGrid(seen, 0.01), CONFIG)
    assert np.allclose(
        np.linalg.norm(image - MIDDLE, axis=1), np.linalg.norm(seen - MIDDLE, axis=1)
    )


def test_walls_reach_from_the_outline_to_the_floor():
    lid = can()
    lid = lid[lid[:, 2] > 0.0599]
    walls = extrude_completion(lid, 0.0, 0.004, CONFIG.num_sectors)
    assert np.abs(from_axis(walls) - 0.03).max() < 0.003
    assert walls[:, 2].min() < 0.005 and walls[:, 2].max() > 0.05
