from itertools import product

import numpy as np
import pytest
from synthetic import T_CAMERA, Box, camera, on_table
from test_body import BLIND, CENTER, SIZE, measurement, seen_box

from world_model_node.config import VisibilityConfig
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.tracking.body import Body
from world_model_node.tracking.stationary_state import StationaryState
from world_model_node.tracking.surface import shape_uncertainty
from world_model_node.tracking.tracker_config import TrackerConfig

STEP_M = 0.003
SHAPE_UNCERTAINTY = TrackerConfig().shape_uncertainty


def skin(faces, low=0.0):
    """Top and sides ((axis, +1 or -1), ...) of a box, seen down to a share of its height."""
    axes = [np.arange(-0.5 * s, 0.5 * s + 1e-9, STEP_M) for s in SIZE]
    points = np.array(list(product(*axes)))
    top = points[:, 2] == points[:, 2].max()
    side = np.zeros(len(points), bool)
    for axis, sign in faces:
        side |= sign * points[:, axis] == (sign * points[:, axis]).max()
    side &= points[:, 2] >= (low - 0.5) * SIZE[2]
    return (points[top | side] + CENTER).astype(np.float32)


ALL_ROUND = tuple(product((0, 1), (1, -1)))
VIEW = ((0, 1), (1, 1))  # as from one place


def bar(y_end):
    """Stands before the small box, from beside it to `y_end`."""
    return Box((0.56, 0.5 * (y_end - 0.1), 0.05), (0.02, y_end + 0.1, 0.1), (0, 0, 0))


def small_box(occluder=None):
    """Seen points of a small box on the table, and the view."""
    box = on_table(0.5, 0.0, (0.06, 0.06, 0.06))
    frame = camera(0.0, [box] if occluder is None else [box, occluder])
    v, u = np.nonzero(frame.color[..., 0] == box.color[0])
    z, K = frame.depth_m[v, u], frame.intrinsics
    local = np.stack([(u - K[0, 2]) / K[0, 0] * z, (v - K[1, 2]) / K[1, 1] * z, z], axis=1)
    points = local @ T_CAMERA[:3, :3].T + T_CAMERA[:3, 3]
    return points.astype(np.float32), VisibilityModel(frame, None, VisibilityConfig())


def unobserved_side_share(surface_m):
    return shape_uncertainty.unobserved_side_share(surface_m, SHAPE_UNCERTAINTY)


def occluded_outline_share(surface_m, visibility):
    return shape_uncertainty.occluded_outline_share(surface_m, visibility, SHAPE_UNCERTAINTY)


def test_an_object_seen_all_round_has_no_unobserved_sides():
    assert unobserved_side_share(skin(ALL_ROUND)) < 0.1


def test_the_fewer_sides_are_seen_the_more_is_unseen():
    shares = [unobserved_side_share(skin(faces)) for faces in (ALL_ROUND, VIEW, VIEW[:1])]
    assert shares[0] + 0.1 < shares[1] < shares[2] - 0.1


def test_a_side_that_is_seen_only_above_is_partly_unseen():
    half = np.concatenate([skin(VIEW), skin(ALL_ROUND, low=0.5)])
    assert (
        unobserved_side_share(skin(ALL_ROUND))
        < unobserved_side_share(half)
        < unobserved_side_share(skin(VIEW))
    )


def test_the_unobserved_share_does_not_depend_on_the_position():
    here = skin(VIEW, low=0.3)
    there = here + np.float32([-0.2, 0.1, 0.15])
    assert unobserved_side_share(there) == pytest.approx(unobserved_side_share(here), abs=1e-3)


def test_the_outline_of_a_free_object_is_not_occluded():
    assert occluded_outline_share(*small_box()) == 0.0


def test_a_wider_occluder_hides_more_of_the_outline():
    shares = [occluded_outline_share(*small_box(bar(y_end))) for y_end in (0.0, 0.1)]
    assert 0.1 < shares[0] < shares[1] < 0.8


def test_without_a_camera_no_outline_is_known_to_be_hidden():
    assert occluded_outline_share(seen_box(), BLIND) == 0.0


def test_the_centroid_is_less_certain_behind_an_occluder_until_that_is_gone():
    config = TrackerConfig()
    (part, behind), (whole, free) = small_box(bar(0.1)), small_box()
    body = Body(measurement(part), 0.0, config)
    stationary_state, shares = StationaryState(body), []
    for k in range(40):
        points, visibility = (part, behind) if k < 8 else (whole, free)
        stationary_state.update(measurement(points), visibility, 0.0, k)
        shares.append(body.uncertainty.relative_centroid_sigma())
    assert shares[7] > Body(measurement(part), 0.0, config).uncertainty.relative_centroid_sigma()
    assert shares[-1] < 0.9 * shares[7]
