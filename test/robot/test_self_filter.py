import numpy as np
import open3d as o3d
import pytest

from sakiyomi.geometry import transform_points
from sakiyomi.robot.self_filter import SelfFilter, SelfFilterConfig


@pytest.fixture(scope='module')
def self_filter(robot):
    return SelfFilter(robot, SelfFilterConfig())


def configurations(robot, count):
    rng = np.random.default_rng(1)
    return [robot.q_home, *rng.uniform(robot.q_lower, robot.q_upper, (count, 7))]


def surface(vertices, triangles, count):
    """Points sampled on a mesh, and the normals there."""
    mesh = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(vertices), o3d.utility.Vector3iVector(triangles)
    )
    o3d.utility.random.seed(0)
    cloud = mesh.sample_points_uniformly(count, use_triangle_normal=True)
    return np.asarray(cloud.points), np.asarray(cloud.normals)


def signed_distance(robot, q, width, points):
    """From the nearest link's convex hull, negative inside."""
    distance = np.full(len(points), np.inf)
    poses = robot.link_poses(q, width)
    for link in robot.links:
        for part in link.convex_parts_m:
            cloud = o3d.geometry.PointCloud(
                o3d.utility.Vector3dVector(transform_points(poses[link.name], part))
            )
            hull = o3d.t.geometry.TriangleMesh.from_legacy(cloud.compute_convex_hull()[0])
            scene = o3d.t.geometry.RaycastingScene()
            scene.add_triangles(hull)
            own = scene.compute_signed_distance(points.astype(np.float32)).numpy()
            distance = np.minimum(distance, own)
    return distance


def test_points_on_the_robot_are_removed(robot, self_filter):
    meshes = robot.collision_meshes()
    assert len(meshes) > 8
    for q in configurations(robot, 5):
        poses = robot.link_poses(q, 0.05)
        for link, (vertices, triangles) in meshes.items():
            points = transform_points(poses[link], surface(vertices, triangles, 400)[0])
            assert self_filter.mask(points, q, 0.05).all(), link


def test_noise_of_a_centimetre_is_removed_too(robot, self_filter):
    q = robot.q_home
    pose = robot.link_poses(q)['panda_link5']
    vertices, triangles = robot.collision_meshes()['panda_link5']
    points, normals = surface(vertices, triangles, 500)
    outside = transform_points(pose, points + 0.01 * normals)
    assert self_filter.mask(outside, q).all()


def test_points_three_centimetres_away_are_kept(robot, self_filter):
    rng = np.random.default_rng(0)
    poses_of_the_arm = configurations(robot, 2)
    assert len(poses_of_the_arm) >= 2
    for q in poses_of_the_arm:
        points = rng.uniform([-0.6, -0.6, -0.2], [0.8, 0.6, 1.1], (4000, 3))
        distance = signed_distance(robot, q, 0.08, points)
        removed = self_filter.mask(points, q)
        assert not removed[distance > 0.03].any()
        assert removed[distance < 0].all() and (distance < 0).sum() > 10


def test_what_the_fingers_hold_is_kept(robot, self_filter):
    """A 40 mm cube between pads 44 mm apart keeps its faces but for the two at the pads."""
    rng = np.random.default_rng(0)
    cube = rng.uniform(-0.02, 0.02, (2000, 3)) * [1, 0.6, 1] + [0, 0, 0.01]
    points = transform_points(robot.grasp_pose(robot.q_home), cube)
    assert self_filter.mask(points, robot.q_home, 0.044).mean() < 0.01


def test_no_points_and_points_that_are_not_finite_are_kept(robot, self_filter):
    assert self_filter.mask(np.empty((0, 3)), robot.q_home).shape == (0,)
    points = np.array([[np.nan, 0, 0], [np.inf, 0, 0], [0, 0, 0.1]])
    np.testing.assert_array_equal(self_filter.mask(points, robot.q_home), [False, False, True])


def test_remove_drops_exactly_the_masked_points(robot, self_filter):
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (500, 3)).astype(np.float32)
    kept = self_filter.remove(points, robot.q_home)
    np.testing.assert_array_equal(kept, points[~self_filter.mask(points, robot.q_home)])
