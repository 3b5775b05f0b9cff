"""`sakiyomi perceive` on recordings as robots make them: tf, compressed pictures, messy depth."""

import json
import struct

import cv2
import numpy as np
import pytest
from bags import Bag
from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import CompressedImage

from sakiyomi.geometry import from_xyz_rpy, inverse, transform_points
from sakiyomi_cli.main import main
from sakiyomi_evaluation.closed_loop.ground_truth import GroundTruthReader
from sakiyomi_ros.messages.conversions import header, to_pose, to_transform
from sakiyomi_ros.messages.images import to_camera_info, to_depth_image, to_image
from sakiyomi_ros.recordings.recording import read_recording
from sakiyomi_ros.recordings.transform_tree import TransformTree
from simulation_node.cell import SimulatedCell
from simulation_node.config import SimulationConfig
from simulation_node.sensors.camera import DepthCamera

T_BASE_WORLD = from_xyz_rpy([0.2, -0.4, -0.7], [0.0, 0.0, 0.5])  # a robot on a stand of its own
NAME = 'camera_optical'


@pytest.fixture(scope='module')
def scene():
    cell = SimulatedCell(SimulationConfig(count=4, seed=3))
    frames = []
    for _ in range(3):
        cell.step(0.1)
        frames.append(cell.camera_frame())
    yield frames, GroundTruthReader(cell, 0).now(), cell
    cell.close()


def raw_depth(depth_m, t):
    return to_depth_image(depth_m, t, NAME)


def png(image):
    return cv2.imencode('.png', image)[1].tobytes()


def whole_depth(depth_m, t):
    data = struct.pack('<iff', 0, 0.0, 0.0) + png(np.rint(depth_m * 1e3).astype(np.uint16))
    kind = '16UC1; compressedDepth png'
    return CompressedImage(header=header(t, NAME), format=kind, data=data)


def inverse_depth(depth_m, t, a=10_000.0, b=-100.0):
    with np.errstate(divide='ignore'):
        stored = np.where(depth_m > 0.0, np.rint(a / depth_m + b), 0.0)
    data = struct.pack('<iff', 0, a, b) + png(np.clip(stored, 0, 65535).astype(np.uint16))
    return CompressedImage(header=header(t, NAME), format='32FC1; compressedDepth', data=data)


def raw_color(color, t):
    return to_image(color, 'rgb8', t, NAME)


def jpeg_color(color, t):
    data = cv2.imencode('.jpg', color[..., ::-1])[1].tobytes()
    kind = 'rgb8; jpeg compressed bgr8'
    return CompressedImage(header=header(t, NAME), format=kind, data=data)


def png_color(color, t):
    kind = 'rgb8; png compressed bgr8'
    return CompressedImage(header=header(t, NAME), format=kind, data=png(color[..., ::-1]))


def recorded(path, frames, color=raw_color, depth=raw_depth, depth_of=lambda d: d, tf=None):
    bag = Bag(path)
    for k, frame in enumerate(frames):
        t = frame.stamp_s
        bag.add('cam/camera_info', to_camera_info(frame.intrinsics, 640, 480, t, NAME), t)
        if color is not None:
            bag.add('cam/color/compressed', color(frame.color, t + 0.005), t)
        bag.add('cam/depth', depth(depth_of(frame.depth_m), t), t)
        if tf is not None:
            tf(bag, k, frame)
    return bag.close()


def perceive(path, folder):
    assert main(['perceive', '--recording', path, '--out', str(folder)]) == 0
    return json.loads((folder / 'objects.json').read_text())


def errors_mm(found, truth, T_true_frame, what='sensor'):
    told = np.array([o[f'position_in_{what}_m'] for o in found['objects']])
    told = transform_points(T_true_frame, told)
    return 1e3 * np.linalg.norm(truth.centers_m[:, None] - told[None], axis=2).min(axis=1)


@pytest.mark.parametrize(
    ('color', 'depth'),
    [(jpeg_color, whole_depth), (png_color, inverse_depth), (jpeg_color, raw_depth)],
)
def test_compressed_pictures_are_read(scene, tmp_path, color, depth):
    frames, truth, _ = scene
    path = recorded(tmp_path / 'r.mcap', frames, color, depth)
    images = read_recording(path, 10).images
    assert len(images) == 3 and all(p.color is not None for p in images)
    seen = frames[0].depth_m > 0.0
    assert np.abs(images[0].depth_m - frames[0].depth_m)[seen].max() < 0.001
    assert not images[0].depth_m[~seen].any()
    found = perceive(path, tmp_path / 'out')
    assert errors_mm(found, truth, frames[-1].T_world_camera).max() < 25.0


def test_tf_gives_the_objects_in_the_frame_of_the_robot(scene, tmp_path):
    frames, truth, _ = scene

    def tf(bag, k, frame):
        T_base_hand = T_BASE_WORLD @ frame.T_world_camera @ from_xyz_rpy([0, 0, -0.1], [0, 0, 0])
        bag.add_tf('/tf', 'base_link', 'hand', T_base_hand, frame.stamp_s)
        if k == 2:  # the latched half comes last: that must not matter
            T_hand_camera = from_xyz_rpy([0, 0, 0.1], [0, 0, 0])
            bag.add_tf('/tf_static', 'hand', NAME, T_hand_camera, frame.stamp_s)

    found = perceive(recorded(tmp_path / 'r.mcap', frames, tf=tf), tmp_path / 'out')
    assert errors_mm(found, truth, inverse(T_BASE_WORLD), 'root').max() < 25.0
    assert any('base_link' in note for note in found['notes'])


def test_a_camera_that_moves_is_followed_by_its_tf(scene, tmp_path):
    _, truth, cell = scene
    frames = []
    for k in range(6):
        x, y, z = 0.03 * k * np.array([1.0, -0.7, 0.5])
        T = from_xyz_rpy([x, y, z], [0.0, 0.0, 0.03 * k]) @ scene[0][0].T_world_camera
        camera = DepthCamera(cell.config.camera, T)
        rng = np.random.default_rng(k)
        frames.append(camera.frame(cell._visible(), cell._palette, 1.0 + 0.1 * k, rng))

    def tf(bag, _, frame):
        T_base_camera = T_BASE_WORLD @ frame.T_world_camera
        bag.add_tf('/tf', 'base_link', NAME, T_base_camera, frame.stamp_s)

    found = perceive(recorded(tmp_path / 'r.mcap', frames, tf=tf), tmp_path / 'out')
    assert found['frames'] == 6
    assert errors_mm(found, truth, inverse(T_BASE_WORLD), 'root').max() < 25.0
    assert errors_mm(found, truth, frames[-1].T_world_camera).max() < 25.0


def black(frame, truth):
    """Depth without the first object, which swallows the light, and with other holes."""
    rng = np.random.default_rng(0)
    at = truth.centers_m[0]
    v, u = np.mgrid[0:480, 0:640]
    K, T = frame.intrinsics, inverse(frame.T_world_camera)
    x, y, z = T[:3, :3] @ at + T[:3, 3]
    near = np.hypot(u - K[0, 0] * x / z - K[0, 2], v - K[1, 1] * y / z - K[1, 2]) < 40
    holes = cv2.GaussianBlur(rng.standard_normal(frame.depth_m.shape), (0, 0), 4.0)
    gone = near | (holes > np.quantile(holes, 0.9))
    return np.where(gone, 0.0, frame.depth_m).astype(np.float32)


def test_what_is_black_is_missed_and_what_is_left_is_found(scene, tmp_path):
    frames, truth, _ = scene
    path = recorded(tmp_path / 'r.mcap', frames, depth_of=lambda d: black(frames[0], truth))
    found = perceive(path, tmp_path / 'out')
    errors = errors_mm(found, truth, frames[-1].T_world_camera)
    assert errors[1:].max() < 30.0


def test_what_shines_shows_false_depth_and_the_rest_is_found(scene, tmp_path):
    """Mirrors return the depth of what they mirror: behind the surface, and scattered in front."""
    frames, truth, _ = scene

    def shiny(depth_m):
        rng = np.random.default_rng(1)
        spots = cv2.GaussianBlur(rng.standard_normal(depth_m.shape), (0, 0), 3.0)
        false = spots > np.quantile(spots, 0.98)
        offset = rng.choice([-0.15, 0.25], depth_m.shape) * rng.uniform(0.3, 1.0, depth_m.shape)
        return np.where(false & (depth_m > 0.0), depth_m + offset, depth_m).astype(np.float32)

    path = recorded(tmp_path / 'r.mcap', frames, depth_of=shiny)
    found = perceive(path, tmp_path / 'out')
    assert errors_mm(found, truth, frames[-1].T_world_camera).max() < 30.0
    assert len(found['objects']) < 2 * len(truth.names) + 4  # the robot and the bin are there too


def test_registered_depth_is_preferred_and_the_other_is_named(scene, tmp_path):
    frame = scene[0][0]
    bag = Bag(tmp_path / 'r.mcap')
    for k in range(3):
        t = 1.0 + 0.1 * k
        half = np.ascontiguousarray(frame.depth_m[::2, ::2])
        bag.add('cam/depth/camera_info', to_camera_info(np.eye(3) * 300, 320, 240, t, NAME), t)
        bag.add('cam/aligned/camera_info', to_camera_info(frame.intrinsics, 640, 480, t, NAME), t)
        bag.add('cam/color/image', raw_color(frame.color, t), t)
        bag.add('cam/depth/image', raw_depth(half, t), t)
        bag.add('cam/aligned/image', raw_depth(frame.depth_m, t), t)
    recording = read_recording(bag.close(), 10)
    assert {p.depth_m.shape for p in recording.images} == {(480, 640)}
    assert len(recording.images) >= 2  # the first colour may have gone to the other
    assert all(p.color is not None for p in recording.images)
    assert np.allclose(recording.images[0].intrinsics, frame.intrinsics)
    assert any(note.startswith('cam/depth/image') for note in recording.notes)


def test_intrinsics_fit_a_picture_of_another_size(scene, tmp_path):
    frame = scene[0][0]
    half = np.ascontiguousarray(frame.depth_m[::2, ::2])
    path = recorded(tmp_path / 'r.mcap', [frame], color=None, depth_of=lambda _: half)
    K = read_recording(path, 1).images[0].intrinsics
    assert np.allclose(K[:2], frame.intrinsics[:2] / 2.0)


def broken_png(depth_m, t):
    return CompressedImage(header=header(t, NAME), format='16UC1; compressedDepth', data=b'no')


def eight_bits(depth_m, t):
    data = png((50 * depth_m).astype(np.uint8))
    return CompressedImage(header=header(t, NAME), format='16UC1; compressedDepth', data=data)


def rvl(depth_m, t):
    data = struct.pack('<iff', 0, 0.0, 0.0) + bytes(100)
    kind = '16UC1; compressedDepth rvl'
    return CompressedImage(header=header(t, NAME), format=kind, data=data)


@pytest.mark.parametrize('depth', [broken_png, eight_bits, rvl])
def test_depth_that_cannot_be_decoded_is_one_line_and_status_2(scene, tmp_path, capsys, depth):
    path = recorded(tmp_path / 'r.mcap', scene[0][:1], depth=depth)
    assert main(['perceive', '--recording', path, '--out', str(tmp_path / 'out')]) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1 and 'cam/depth' in error


@pytest.mark.parametrize('depth_of', [np.zeros_like, lambda d: np.full_like(d, 0.8)])
def test_depth_that_shows_nothing_is_one_line(scene, tmp_path, capsys, depth_of):
    path = recorded(tmp_path / 'r.mcap', scene[0][:1], depth_of=depth_of)
    assert main(['perceive', '--recording', path, '--out', str(tmp_path / 'out')]) in (1, 2)
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_without_tf_the_camera_is_taken_to_stand_still_and_that_is_said(scene, tmp_path):
    found = perceive(recorded(tmp_path / 'r.mcap', scene[0]), tmp_path / 'out')
    assert found['T_root_world'] is None
    assert any('no tf' in note for note in found['notes'])


def stamped(parent, child, T, stamp_s=0.0):
    message = TransformStamped(header=header(stamp_s, parent), child_frame_id=child)
    message.transform = to_transform(to_pose(T))
    return message


def test_a_moving_frame_is_interpolated_and_unknown_long_before_and_after():
    tree = TransformTree()
    start, end = np.eye(4), from_xyz_rpy([0.2, 0.0, 0.0], [0.0, 0.0, 1.0])
    tree.add([stamped('world', 'arm', start, 1.0), stamped('world', 'arm', end, 1.1)], False)
    tree.add([stamped('/arm', '/camera', from_xyz_rpy([0, 0, 1.0], [0, 0, 0]))], True)
    root, T = tree.pose('camera', 1.05)
    assert root == 'world'
    assert np.allclose(T, from_xyz_rpy([0.1, 0.0, 1.0], [0.0, 0.0, 0.5]), atol=1e-9)
    assert np.allclose(tree.pose('camera', 1.3)[1][:3, 3], [0.2, 0.0, 1.0])
    assert tree.pose('camera', 3.0) is None and tree.pose('camera', 0.0) is None
    assert tree.pose('elsewhere', 1.05) is None


def test_a_ring_of_frames_and_a_broken_transform_are_no_pose():
    tree = TransformTree()
    tree.add([stamped('a', 'b', np.eye(4)), stamped('b', 'a', np.eye(4))], True)
    broken = stamped('world', 'c', np.eye(4))
    broken.transform.rotation.w = float('nan')
    tree.add([broken], True)
    assert tree.pose('b', 0.0) is None and tree.pose('c', 0.0) is None
