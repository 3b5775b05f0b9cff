import json

import cv2
import numpy as np
import open3d as o3d
import pytest
import rendered
from mcap.writer import Writer
from rclpy.serialization import serialize_message

from sakiyomi.geometry import transform_points
from sakiyomi_cli.main import main
from sakiyomi_evaluation.closed_loop.ground_truth import GroundTruthReader
from sakiyomi_ros.messages.images import to_camera_info, to_depth_image, to_image
from sakiyomi_ros.messages.point_clouds import to_xyz_cloud
from simulation_node.cell import SimulatedCell
from simulation_node.config import SimulationConfig


@pytest.fixture(scope='module')
def scene():
    cell = SimulatedCell(SimulationConfig(count=4, seed=3))
    frames = []
    for _ in range(3):
        cell.step(0.1)
        frames.append(cell.camera_frame())
    yield frames, GroundTruthReader(cell, 0).now(), cell.lidar_scan()
    cell.close()


@pytest.fixture
def files(scene, tmp_path):
    frame = scene[0][-1]
    color = rendered.write_color(tmp_path / 'c.png', frame)
    depth = rendered.write_depth_png(tmp_path / 'd.png', frame)
    intrinsics = rendered.intrinsics_text(frame)
    return ['perceive', '--color', color, '--depth', depth, '--intrinsics', intrinsics]


def perceive(command, folder):
    assert main([*command, '--out', str(folder)]) == 0
    return json.loads((folder / 'objects.json').read_text())


def errors_mm(found, truth, T_true_sensor):
    """The distance from each true centre to the nearest object found."""
    told = np.array([o['position_in_sensor_m'] for o in found['objects']])
    told = transform_points(T_true_sensor, told)
    gaps = np.linalg.norm(truth.centers_m[:, None] - told[None], axis=2)
    return 1e3 * gaps.min(axis=1)


def assert_found(found, scene, near_mm=25.0):
    frames, truth, _ = scene
    assert errors_mm(found, truth, frames[-1].T_world_camera).max() < near_mm
    told = np.array([o['position_in_sensor_m'] for o in found['objects']])
    told = transform_points(frames[-1].T_world_camera, told)
    around = np.linalg.norm(told[:, :2] - truth.centers_m[:, :2].mean(axis=0), axis=1) < 0.18
    assert around.sum() <= len(truth.names) + 1  # the rest is the robot and the bin


def test_objects_are_found_with_no_pose_given(files, scene, tmp_path):
    found = perceive(files, tmp_path / 'out')
    assert_found(found, scene)
    told, true = np.array(found['T_world_sensor']), scene[0][-1].T_world_camera
    assert np.arccos(told[2, :3] @ true[2, :3]) < 0.01  # up is up
    assert told[2, 3] == pytest.approx(true[2, 3], abs=0.004)  # over the table


def test_the_findings_are_complete(files, scene, tmp_path):
    found = perceive(files, tmp_path / 'out')
    for item in found['objects']:
        covariance = np.array(item['covariance'])
        assert (np.linalg.eigvalsh(covariance) > 0.0).all()
        assert np.linalg.norm(item['quaternion_xyzw']) == pytest.approx(1.0)
        assert all(0.005 < side < 0.4 for side in item['size_m'])
    assert cv2.imread(str(tmp_path / 'out' / 'overlay.png')).shape == (480, 640, 3)
    cloud = o3d.io.read_point_cloud(str(tmp_path / 'out' / 'objects.ply'))
    assert len(cloud.points) == sum(item['points'] for item in found['objects'])


def test_a_given_pose_is_used(files, scene, tmp_path):
    np.save(tmp_path / 'pose.npy', scene[0][-1].T_world_camera)
    found = perceive([*files, '--pose', str(tmp_path / 'pose.npy')], tmp_path / 'out')
    told = np.array([item['position_m'] for item in found['objects']])
    gaps = np.linalg.norm(scene[1].centers_m[:, None] - told[None], axis=2)
    assert gaps.min(axis=1).max() < 0.025


def test_holes_in_the_depth_are_borne(scene, tmp_path):
    frame = rendered.with_holes(scene[0][-1], np.random.default_rng(0))
    color = rendered.write_color(tmp_path / 'c.png', frame)
    depth = rendered.write_depth_png(tmp_path / 'd.png', frame)
    command = ['perceive', '--color', color, '--depth', depth]
    command += ['--intrinsics', rendered.intrinsics_text(frame)]
    found = perceive(command, tmp_path / 'out')
    assert errors_mm(found, scene[1], frame.T_world_camera).max() < 30.0


@pytest.mark.parametrize('unit_m', [0.001, 0.0005])
def test_the_unit_of_the_depth_is_a_flag(files, scene, tmp_path, unit_m):
    depth = rendered.write_depth_png(tmp_path / 'd2.png', scene[0][-1], unit_m)
    files[files.index('--depth') + 1] = depth
    assert_found(perceive([*files, '--depth-scale', str(unit_m)], tmp_path / 'out'), scene)


def test_npy_depth_is_in_metres(files, scene, tmp_path):
    depth = np.where(scene[0][-1].depth_m > 0.0, scene[0][-1].depth_m, np.nan)
    np.save(tmp_path / 'd.npy', depth)
    files[files.index('--depth') + 1] = str(tmp_path / 'd.npy')
    assert_found(perceive(files, tmp_path / 'out'), scene)


@pytest.mark.parametrize('kind', ['ply', 'pcd', 'npy'])
def test_a_cloud_of_an_unknown_frame_will_do(scene, tmp_path, kind):
    frames, truth, _ = scene
    surface = np.concatenate([truth.surfaces_m[i] for i in range(len(truth.names))])
    x, y = np.meshgrid(np.linspace(0.2, 0.8, 200), np.linspace(-0.3, 0.3, 200))
    plane = np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3)
    T_cloud_world = np.linalg.inv(frames[-1].T_world_camera)[[2, 0, 1, 3]]  # axes of its own
    cloud = transform_points(T_cloud_world, np.vstack([surface, plane]))
    path = tmp_path / f'cloud.{kind}'
    if kind == 'npy':
        np.save(path, cloud.astype(np.float32))
    else:
        written = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(cloud))
        assert o3d.io.write_point_cloud(str(path), written)
    found = perceive(['perceive', '--cloud', str(path)], tmp_path / 'out')
    true = transform_points(T_cloud_world, truth.centers_m)
    told = np.array([item['position_in_sensor_m'] for item in found['objects']])
    gaps = np.linalg.norm(true[:, None] - told[None], axis=2).min(axis=1)
    assert np.median(gaps) < 0.02
    assert (tmp_path / 'out' / 'overlay.png').stat().st_size > 1000


def record(path, frames, with_color=True, encoding='cdr'):
    with path.open('wb') as stream:
        writer = Writer(stream)
        writer.start()
        channels = {}

        def write(topic, message, stamp_s):
            kind = type(message).__name__
            if topic not in channels:
                schema = writer.register_schema(f'sensor_msgs/msg/{kind}', 'ros2msg', b'')
                channels[topic] = writer.register_channel(topic, encoding, schema)
            ns = round(stamp_s * 1e9)
            writer.add_message(channels[topic], ns, serialize_message(message), ns)

        for frame in frames:
            t, name = frame.stamp_s, 'optical'
            write('cam/info', to_camera_info(frame.intrinsics, 640, 480, t, name), t)
            if with_color:
                write('cam/color', to_image(frame.color, 'rgb8', t + 0.005, name), t)
            write('cam/depth', to_depth_image(frame.depth_m, t, name), t)
        write('scan', to_xyz_cloud(np.ones((5, 3), np.float32), t, 'lidar'), t)
        writer.finish()
    return str(path)


def test_a_recording_of_a_robot_is_read(scene, tmp_path):
    path = record(tmp_path / 'r.mcap', scene[0])
    found = perceive(['perceive', '--recording', path], tmp_path / 'out')
    assert found['frames'] == 3
    assert_found(found, scene)


def test_a_recording_without_colour_is_read_as_points(scene, tmp_path):
    path = record(tmp_path / 'r.mcap', scene[0], with_color=False)
    found = perceive(['perceive', '--recording', path], tmp_path / 'out')
    assert errors_mm(found, scene[1], scene[0][-1].T_world_camera).max() < 40.0


def test_bad_files_are_one_line_and_status_2(files, scene, tmp_path, capsys):
    (tmp_path / 'noise.bin').write_bytes(bytes(range(256)) * 9)
    noise = str(tmp_path / 'noise.bin')
    ros1 = record(tmp_path / 'ros1.mcap', scene[0][:1], encoding='ros1')
    depth = files[files.index('--depth') + 1]
    half = tmp_path / 'half.png'
    cv2.imwrite(str(half), np.zeros((240, 320, 3), np.uint8))
    cases = [
        ['--cloud', noise],
        ['--cloud', '/nowhere.ply'],
        ['--recording', noise],
        ['--recording', '/nowhere.mcap'],
        ['--recording', ros1],
        ['--depth', depth],
        ['--depth', noise, '--intrinsics', '1,1,1,1'],
        ['--depth', depth, '--intrinsics', '1,2,3'],
        ['--depth', depth, '--intrinsics', '0,0,320,240'],
        ['--depth', depth, '--intrinsics', '/nowhere.json'],
        ['--depth', depth, '--intrinsics', '600,600,320,240', '--color', str(half)],
        ['--depth', depth, '--intrinsics', '600,600,320,240', '--depth-scale', '-1'],
        ['--depth', str(half), '--intrinsics', '600,600,320,240'],
    ]
    for case in cases:
        capsys.readouterr()
        assert main(['perceive', *case, '--out', str(tmp_path / 'out')]) == 2, case
        assert len(capsys.readouterr().err.strip().splitlines()) == 1, case


def test_a_picture_of_nothing_says_so(tmp_path, capsys):
    np.save(tmp_path / 'd.npy', np.random.default_rng(0).uniform(0.3, 3.0, (120, 160)))
    command = ['perceive', '--depth', str(tmp_path / 'd.npy'), '--intrinsics', '150,150,80,60']
    assert main([*command, '--out', str(tmp_path / 'out')]) == 1
    assert 'support plane' in capsys.readouterr().err
