import numpy as np
import open3d as o3d
import pytest

from sakiyomi.errors import BadInputError
from simulation_node.scene_layouts import in_workspace

DEEP_M = 0.002


def populate_scene(cell, seed, **scene):
    names = cell.reset(seed, **{'scene': 'packed', 'count': 5, **scene})
    return names, np.array([cell.world.objects.pose(name) for name in names])


@pytest.mark.parametrize('scene', ['packed', 'pile'])
def test_objects_lie_still_in_the_workspace_and_not_in_each_other(cell, scene):
    for seed in (0, 1):
        names, before = populate_scene(cell, seed, scene=scene)
        assert len(names) == 5
        for name in names:
            assert in_workspace(cell.world, name)
            assert cell.world.objects.penetration_m(name) < DEEP_M
        cell.step(1.0)
        after = np.array([cell.world.objects.pose(name) for name in names])
        assert np.median(np.linalg.norm((after - before)[:, :3, 3], axis=1)) < 0.002


def test_the_same_seed_lays_the_same_scene_whatever_came_before(cell):
    names, poses = populate_scene(cell, 0)
    populate_scene(cell, 7, scene='pile')
    again, poses_again = populate_scene(cell, 0)
    assert names == again
    np.testing.assert_array_equal(poses, poses_again)


def test_seeds_choose_different_objects_and_zero_is_a_seed(cell):
    chosen = [tuple(populate_scene(cell, seed)[0]) for seed in (0, 0, 1, 2)]
    assert chosen[0] == chosen[1]
    assert len(set(chosen)) == 3


def test_household_urdfs_stand_on_the_table(cell, household):
    names, poses = populate_scene(cell, 3, objects=household)
    assert len(names) == 5
    for name in names:
        assert cell.world.objects.penetration_m(name) < DEEP_M
    assert (poses[:, 2, 3] > 0.0).all()


@pytest.mark.parametrize('suffix', ['obj', 'stl', 'ply'])
def test_a_folder_of_plain_meshes_is_a_set_of_objects(cell, tmp_path, suffix):
    ball = o3d.geometry.TriangleMesh.create_box(0.04, 0.05, 0.06).compute_vertex_normals()
    o3d.io.write_triangle_mesh(str(tmp_path / f'brick.{suffix}'), ball)
    names, _ = populate_scene(cell, 0, objects=str(tmp_path), count=1)
    assert names == ['brick']
    truth = cell.ground_truth()[0]
    np.testing.assert_allclose(
        truth.center_of_mass, np.array([0.02, 0.025, 0.03]) * 0.8, atol=5e-3
    )
    assert 0.02 <= truth.mass_kg <= 0.5


@pytest.mark.parametrize('make', [lambda d: d / 'missing', lambda d: d])
def test_a_folder_without_objects_is_one_line_of_error_and_the_scene_stays(cell, tmp_path, make):
    before = cell.reset(0, scene='packed', count=2)
    with pytest.raises(BadInputError, match='expected') as error:
        cell.reset(0, objects=str(make(tmp_path)))
    assert '\n' not in str(error.value)
    assert cell.names == before


def test_a_mesh_file_that_is_no_mesh_is_refused(cell, tmp_path):
    (tmp_path / 'broken.obj').write_text('this is no mesh\n')
    with pytest.raises(BadInputError, match=r'broken\.obj'):
        cell.reset(0, objects=str(tmp_path), scene='packed', count=1)


def test_an_unknown_scene_is_refused_with_the_options(cell):
    with pytest.raises(BadInputError, match='packed, pile, empty'):
        cell.reset(0, scene='tower')
