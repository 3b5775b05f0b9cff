"""Camera pictures between messages and numpy arrays."""

from __future__ import annotations

import array

import numpy as np
from sensor_msgs.msg import CameraInfo, Image

from sakiyomi.errors import BadInputError
from sakiyomi_ros.messages.conversions import header

# encoding: (type of a channel, channels)
ENCODINGS = {
    'rgb8': (np.uint8, 3),
    'bgr8': (np.uint8, 3),
    'rgba8': (np.uint8, 4),
    'bgra8': (np.uint8, 4),
    'mono8': (np.uint8, 1),
    '16UC1': (np.uint16, 1),
    'mono16': (np.uint16, 1),
    '32FC1': (np.float32, 1),
}
_RGB_ORDER = {'rgb8': [0, 1, 2], 'rgba8': [0, 1, 2], 'bgr8': [2, 1, 0], 'bgra8': [2, 1, 0]}
MAX_DEPTH_M = 65.535  # what 16 bits of millimetres hold
MAX_RANGE_M = 1e5  # beyond it a number is no distance


def to_image(pixels: np.ndarray, encoding: str, stamp_s: float, frame_id: str) -> Image:
    """An (H, W) or (H, W, C) array as an image message."""
    pixels = np.ascontiguousarray(pixels)
    message = Image(header=header(stamp_s, frame_id), encoding=encoding)
    message.height, message.width = pixels.shape[:2]
    message.step = pixels.strides[0]
    # rclpy takes an array('B') as it is; a numpy array would be checked byte by byte (50 ms)
    message.data = array.array('B', pixels.tobytes())
    return message


def to_depth_image(depth_m: np.ndarray, stamp_s: float, frame_id: str) -> Image:
    """An (H, W) depth [m] as 16UC1 millimetres, 0 where there is none."""
    depth_mm = np.rint(np.clip(np.nan_to_num(depth_m), 0.0, MAX_DEPTH_M) * 1000.0)
    return to_image(depth_mm.astype(np.uint16), '16UC1', stamp_s, frame_id)


def from_image(message: Image) -> np.ndarray:
    """The (H, W) or (H, W, C) array of an image message, without a copy where that is possible.

    Raises:
        BadInputError: empty, of an unknown encoding, or of a size that does not fit its data.
    """
    if message.encoding not in ENCODINGS:
        known = ', '.join(ENCODINGS)
        raise BadInputError(f'image encoding: got {message.encoding!r}, expected one of {known}')
    kind, channels = ENCODINGS[message.encoding]
    height, width, step = message.height, message.width, message.step
    if height == 0 or width == 0:
        raise BadInputError(f'image: got {width}x{height} pixels, expected at least 1x1')
    item = np.dtype(kind).itemsize
    row = width * channels * item
    if step < row or step % item:
        raise BadInputError(f'image step: got {step} bytes, expected {row} for {width} pixels')
    if len(message.data) != step * height:
        raise BadInputError(
            f'image data: got {len(message.data)} bytes, expected {step * height}'
            f' ({height} rows of {step})'
        )
    dtype = np.dtype(kind).newbyteorder('>' if message.is_bigendian else '<')
    pixels = np.frombuffer(message.data, dtype).reshape(height, step // item)
    pixels = pixels[:, : width * channels]
    return pixels.reshape(height, width, channels) if channels > 1 else pixels


def from_color_image(message: Image) -> np.ndarray:
    """(H, W, 3) uint8 RGB.

    Raises:
        BadInputError: not a colour image, or malformed.
    """
    pixels = from_image(message)
    if message.encoding not in _RGB_ORDER:
        expected = ', '.join(_RGB_ORDER)
        raise BadInputError(f'color image: got {message.encoding}, expected one of {expected}')
    return pixels if message.encoding == 'rgb8' else pixels[..., _RGB_ORDER[message.encoding]]


def from_depth_image(message: Image) -> np.ndarray:
    """(H, W) float32 [m], 0 where there is no return.

    Raises:
        BadInputError: not a depth image, or malformed.
    """
    pixels = from_image(message)
    if message.encoding == '32FC1':
        depth_m = pixels.astype(np.float32)
        depth_m[~((depth_m > 0.0) & (depth_m < MAX_RANGE_M))] = 0.0  # NaN too
        return depth_m
    if message.encoding in ('16UC1', 'mono16'):
        return pixels * np.float32(1e-3)
    raise BadInputError(f'depth image: got {message.encoding}, expected 16UC1 (mm) or 32FC1 (m)')


def to_camera_info(
    intrinsics: np.ndarray, width: int, height: int, stamp_s: float, frame_id: str
) -> CameraInfo:
    """A pinhole camera without distortion, (3, 3) intrinsics."""
    message = CameraInfo(header=header(stamp_s, frame_id), width=width, height=height)
    message.distortion_model = 'plumb_bob'
    message.d = [0.0] * 5
    message.k = np.asarray(intrinsics, dtype=float).ravel()
    message.r = np.eye(3).ravel()
    message.p = np.hstack([intrinsics, np.zeros((3, 1))]).astype(float).ravel()
    return message


def from_camera_info(message: CameraInfo) -> np.ndarray:
    """The (3, 3) intrinsics.

    Raises:
        BadInputError: not calibrated: a focal length is not positive and finite.
    """
    K = np.asarray(message.k, dtype=float).reshape(3, 3)
    if not (np.isfinite(K).all() and K[0, 0] > 0.0 and K[1, 1] > 0.0):
        raise BadInputError(
            f'camera info: got focal lengths {K[0, 0]}, {K[1, 1]}, expected positive ones'
        )
    return K
