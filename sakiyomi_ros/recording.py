"""Read pictures and clouds from an MCAP recording of ROS 2 topics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mcap.exceptions import McapError
from mcap.reader import make_reader
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from sakiyomi.errors import BadInputError
from sakiyomi_ros.conversions import from_stamp
from sakiyomi_ros.images import from_camera_info, from_color_image, from_depth_image
from sakiyomi_ros.pairing import StampPairing
from sakiyomi_ros.point_clouds import from_cloud

KINDS = {
    'sensor_msgs/msg/Image': Image,
    'sensor_msgs/msg/CompressedImage': CompressedImage,
    'sensor_msgs/msg/CameraInfo': CameraInfo,
    'sensor_msgs/msg/PointCloud2': PointCloud2,
}
DEPTH_ENCODINGS = ('16UC1', 'mono16', '32FC1')
PAIR_TOLERANCE_S = 0.04


@dataclass(frozen=True)
class RecordedPicture:
    """Depth, with the colour of the same instant where there was any of the same size."""

    stamp_s: float
    depth_m: np.ndarray  # (H, W) float32
    color: np.ndarray | None  # (H, W, 3) uint8 RGB
    intrinsics: np.ndarray  # (3, 3)


@dataclass
class Recording:
    """What a recording holds of use, and what of it was not usable."""

    pictures: list[RecordedPicture] = field(default_factory=list)
    clouds: list[tuple[float, np.ndarray]] = field(default_factory=list)  # stamp, (N, 3)
    notes: list[str] = field(default_factory=list)


def read_recording(path: str | Path, limit: int, topics: tuple[str, ...] = ()) -> Recording:
    """The first `limit` pictures and clouds; only of `topics`, where any are named.

    Raises:
        BadInputError: no such file, not an MCAP, not of ROS 2, or nothing usable in it.
    """
    recording, assembler = Recording(), _Assembler()
    refused: dict[str, str] = {}
    for topic, message in _messages(Path(path), topics):
        try:
            assembler.take(topic, message, recording)
        except BadInputError as error:
            refused[topic] = str(error)
        if max(len(recording.pictures), len(recording.clouds)) >= limit:
            break
    recording.notes += [f'{topic}: {reason}' for topic, reason in refused.items()]
    recording.notes += assembler.notes()
    if not recording.pictures and not recording.clouds:
        why = '; '.join(recording.notes) or 'no depth image with a camera info, and no point cloud'
        raise BadInputError(f'{path}: nothing usable: {why}')
    return recording


def _messages(path: Path, topics: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    try:
        with path.open('rb') as stream:
            for schema, channel, record in make_reader(stream).iter_messages(topics or None):
                if schema is None or schema.name not in KINDS:
                    continue
                if channel.message_encoding != 'cdr':
                    raise BadInputError(
                        f'{path}: {channel.topic} is {channel.message_encoding!r},'
                        " expected 'cdr', as ROS 2 records"
                    )
                yield channel.topic, _decoded(record.data, schema.name, channel.topic)
    except OSError as error:
        raise BadInputError(f'{path}: {error.strerror or error}') from error
    except (McapError, EOFError) as error:
        raise BadInputError(f'{path}: not a readable MCAP: {error}') from error


def _decoded(data: bytes, kind: str, topic: str) -> Any:
    try:
        return deserialize_message(data, KINDS[kind])
    except Exception as error:  # rclpy raises whatever the middleware does
        raise BadInputError(f'{topic}: not a {kind}: {" ".join(str(error).split())}') from error


class _Assembler:
    """Puts depth, colour and intrinsics together."""

    def __init__(self) -> None:
        self._infos: dict[str, np.ndarray] = {}  # by topic
        self._pairing: StampPairing = StampPairing(('depth', 'color'), PAIR_TOLERANCE_S)
        self._depths: list[tuple[str, float, np.ndarray]] = []
        self._has_color = self._sizes_differ = False

    def take(self, topic: str, message: Any, recording: Recording) -> None:
        """Sort one message in; BadInputError where it is malformed."""
        if isinstance(message, CameraInfo):
            self._infos[topic] = from_camera_info(message)
            return
        stamp_s = from_stamp(message.header.stamp)
        if isinstance(message, PointCloud2):
            recording.clouds.append((stamp_s, from_cloud(message)))
        elif isinstance(message, CompressedImage):
            self._color(stamp_s, _decompressed(message), recording)
        elif message.encoding in DEPTH_ENCODINGS:
            self._depth(topic, stamp_s, from_depth_image(message), recording)
        else:
            self._color(stamp_s, from_color_image(message), recording)

    def notes(self) -> list[str]:
        """What was missing."""
        notes = []
        if self._sizes_differ:
            notes.append('depth and colour differ in size, so colour was not used')
        if self._depths and not self._infos:
            notes.append('depth images, but no camera info')
        return notes

    def _depth(
        self, topic: str, stamp_s: float, depth_m: np.ndarray, recording: Recording
    ) -> None:
        self._depths = [(topic, stamp_s, depth_m)]
        self._pair('depth', stamp_s, (topic, stamp_s, depth_m), recording)
        if not self._has_color or self._sizes_differ:
            self._add((topic, stamp_s, depth_m), None, recording)

    def _color(self, stamp_s: float, color: np.ndarray, recording: Recording) -> None:
        if not self._has_color and recording.pictures:
            recording.pictures.clear()  # they came before the first colour
        self._has_color = True
        self._pair('color', stamp_s, color, recording)

    def _pair(self, stream: str, stamp_s: float, item: Any, recording: Recording) -> None:
        pair = self._pairing.add(stream, stamp_s, item)
        if pair is None or self._sizes_differ:
            return
        depth, color = pair
        if depth[2].shape != color.shape[:2]:
            self._sizes_differ = True
            self._add(depth, None, recording)
            return
        self._add(depth, color, recording)

    def _add(
        self,
        depth: tuple[str, float, np.ndarray],
        color: np.ndarray | None,
        recording: Recording,
    ) -> None:
        topic, stamp_s, depth_m = depth
        if self._infos:
            K = self._infos[_nearest_name(topic, list(self._infos))]
            recording.pictures.append(RecordedPicture(stamp_s, depth_m, color, K))


def _decompressed(message: CompressedImage) -> np.ndarray:
    if 'compresseddepth' in message.format.lower():
        raise BadInputError('compressedDepth: expected raw depth images')
    image = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise BadInputError(f'compressed image: got {message.format!r}, cannot decode it')
    return np.ascontiguousarray(image[..., ::-1])


def _nearest_name(topic: str, candidates: list[str]) -> str:
    """The candidate that shares the longest beginning with the topic."""

    def shared(other: str) -> int:
        pairs = zip(topic, other, strict=False)
        return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(topic), len(other)))

    return max(candidates, key=shared)
