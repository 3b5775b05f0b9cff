import numpy as np
import pytest
from scipy.spatial import cKDTree

from world_model_node.fusion.point_grid import MAX_BOXES, PointGrid
from world_model_node.fusion.points import unique_inverse

RNG = np.random.default_rng(0)


def sheet(n=1500):
    p = RNG.random((n, 3)) * [0.2, 0.1, 1.0]
    p[:, 2] = 0.02 * np.sin(40.0 * p[:, 0])
    return p


QUERIES = np.concatenate([sheet(200), RNG.normal(0.0, 0.01, (100, 3)), RNG.normal(size=(50, 3))])


@pytest.mark.parametrize('edge_m', [0.002, 0.008, 0.05, 1.0])
def test_the_nearest_point_equals_that_of_a_tree(edge_m):
    points = sheet()
    gap, index = PointGrid(points, edge_m).nearest(QUERIES)
    expected, expected_index = cKDTree(points).query(QUERIES)
    np.testing.assert_allclose(gap, expected)
    assert (index == expected_index).all()


@pytest.mark.parametrize('edge_m', [0.002, 0.008, 0.05])
def test_the_k_nearest_points_equal_those_of_a_tree(edge_m):
    points = sheet()
    for queries in (points, QUERIES):
        gaps, index = PointGrid(points, edge_m).k_nearest(queries, 11)
        expected, expected_index = cKDTree(points).query(queries, 11)
        np.testing.assert_allclose(gaps, expected, atol=1e-12)
        assert (index == expected_index).all()


def test_points_farther_than_the_limit_are_not_found():
    points = sheet()
    gap, index = PointGrid(points, 0.008).nearest(QUERIES, 0.004)
    expected = cKDTree(points).query(QUERIES, distance_upper_bound=0.004)[0]
    np.testing.assert_allclose(gap, expected)
    assert (index[np.isinf(gap)] == 0).all() and np.isinf(gap).any()


def test_an_empty_grid_and_an_empty_query_give_no_error():
    gap, index = PointGrid(np.zeros((0, 3), np.float32), 0.01).nearest(QUERIES)
    assert np.isinf(gap).all() and (index == 0).all()
    assert len(PointGrid(sheet(), 0.01).nearest(np.zeros((0, 3)))[0]) == 0


def test_points_a_kilometre_apart_take_no_more_memory():
    points = np.array([[0.0, 0.0, 0.0], [1e3, 1e3, 1e3], [1e3, 1e3, 1e3 + 0.01]])
    grid = PointGrid(points, 0.001)
    assert len(grid) == 3 and len(grid._grid[1]) <= MAX_BOXES + 1
    assert (grid.nearest(points + 0.001)[1] == [0, 1, 2]).all()


@pytest.mark.parametrize('spread', [1, 50, 10**6, 10**12])
def test_unique_keys_equal_those_of_numpy(spread):
    keys = RNG.integers(-spread, spread, 5000)
    for part in (keys, keys[:1], keys[:0]):
        found, which = unique_inverse(part)
        expected, expected_which = np.unique(part, return_inverse=True)
        assert (found == expected).all() and (which == expected_which).all()


def test_points_that_are_not_finite_have_no_neighbours():
    points = sheet()
    broken = points.copy()
    broken[::7] = np.nan
    for grid, queries in ((PointGrid(broken, 0.008), QUERIES), (PointGrid(points, 0.008), broken)):
        gap, index = grid.nearest(queries)
        assert ((index >= 0) & (index < len(points))).all()
        assert np.isinf(gap[np.isnan(queries).any(axis=1)]).all()
        gaps, index = grid.k_nearest(queries, 5)
        assert ((index >= 0) & (index < len(points))).all()
        assert np.isinf(gaps[np.isnan(queries).any(axis=1)]).all()
