"""Pictures as image_transport compresses them: JPEG and PNG colour, PNG depth with its header."""

from __future__ import annotations

import struct

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage

from sakiyomi.errors import BadInputError

DEPTH_HEADER = struct.Struct('<iff')  # of compressed_depth_image_transport: kind, a, b
PNG_MAGIC = b'\x89PNG'
MILLIMETRE = np.float32(1e-3)


def from_compressed_color(message: CompressedImage) -> np.ndarray:
    """(H, W, 3) uint8 RGB.

    Raises:
        BadInputError: it cannot be decoded.
    """
    return np.ascontiguousarray(_decoded(message, message.data, cv2.IMREAD_COLOR)[..., ::-1])


def from_compressed_depth(message: CompressedImage) -> np.ndarray:
    """(H, W) float32 [m], 0 where there is none; with the 12 bytes of compressedDepth or without.

    Floats are stored as inverse depth, d = a / (n - b), whole numbers as they are [mm].

    Raises:
        BadInputError: it cannot be decoded, or is no PNG of 16 bits.
    """
    data = bytes(message.data)
    a = b = 0.0
    if data[:4] != PNG_MAGIC and data[DEPTH_HEADER.size :][:4] == PNG_MAGIC:
        _, a, b = DEPTH_HEADER.unpack_from(data)
        data = data[DEPTH_HEADER.size :]
    stored = _decoded(message, data, cv2.IMREAD_UNCHANGED)
    if stored.ndim != 2 or stored.dtype != np.uint16:
        raise BadInputError(
            f'compressed depth: got {stored.shape} {stored.dtype}, expected (H, W) of 16 bits'
        )
    if '32FC1' not in message.format:
        return stored * MILLIMETRE
    with np.errstate(divide='ignore', invalid='ignore'):
        depth_m = np.float32(a) / (stored.astype(np.float32) - np.float32(b))
    return np.where((stored > 0) & np.isfinite(depth_m) & (depth_m > 0.0), depth_m, np.float32(0))


def _decoded(message: CompressedImage, data: bytes, flag: int) -> np.ndarray:
    buffer = np.frombuffer(data, np.uint8)
    image = cv2.imdecode(buffer, flag) if len(buffer) else None
    if image is None:
        raise BadInputError(
            f'compressed image: got {len(buffer)} bytes of {message.format!r},'
            ' expected JPEG or PNG'
        )
    return image
