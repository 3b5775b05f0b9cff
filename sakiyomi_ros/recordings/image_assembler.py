"""Put the depth, colour, intrinsics and clouds of a recording together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo, CompressedImage, PointCloud2

from sakiyomi_ros.messages.compressed_images import from_compressed_color, from_compressed_depth
from sakiyomi_ros.messages.conversions import from_stamp
from sakiyomi_ros.messages.images import from_camera_info, from_color_image, from_depth_image
from sakiyomi_ros.messages.point_clouds import from_cloud
from sakiyomi_ros.stamp_synchronizer import StampSynchronizer

DEPTH_ENCODINGS = ('16UC1', 'mono16', '32FC1')
REGISTERED = ('aligned', 'registered')  # in the name of depth that lies on the colour
PAIR_TOLERANCE_S = 0.04


@dataclass(frozen=True)
class RecordedImage:
    """Depth, with the colour of the same instant where there was any of the same size."""

    stamp_s: float
    depth_m: np.ndarray  # (H, W) float32
    color: np.ndarray | None  # (H, W, 3) uint8 RGB
    intrinsics: np.ndarray  # (3, 3)
    frame_id: str = ''


@dataclass(frozen=True)
class RecordedCloud:
    """One sweep in the sensor's frame."""

    stamp_s: float
    points_m: np.ndarray  # (N, 3) float32
    frame_id: str = ''


@dataclass(frozen=True)
class _Depth:
    topic: str
    frame_id: str
    stamp_s: float
    depth_m: np.ndarray


class ImageAssembler:
    """Puts depth, colour and intrinsics of one camera together."""

    def __init__(self, limit: int) -> None:
        self.images: list[RecordedImage] = []
        self.clouds: list[RecordedCloud] = []
        self._limit = limit
        self._infos: dict[str, CameraInfo] = {}  # by topic
        self._pairing: StampSynchronizer = StampSynchronizer(('depth', 'color'), PAIR_TOLERANCE_S)
        self._chosen: dict[str, str] = {}  # topic by what it carries
        self._unused_topics: set[str] = set()
        self._sizes_differ = self._any_depth = False

    def add(self, topic: str, message: Any) -> None:
        """Sort one message in; BadInputError where it is malformed."""
        if isinstance(message, CameraInfo):
            from_camera_info(message)  # refused before it is kept
            self._infos[topic] = message
        elif isinstance(message, PointCloud2):
            self._cloud(topic, message)
        elif isinstance(message, CompressedImage):
            self._compressed(topic, message)
        elif message.encoding in DEPTH_ENCODINGS:
            self._depth(topic, message, from_depth_image(message))
        else:
            self._color(topic, message, from_color_image(message))

    def notes(self) -> list[str]:
        """What was missing, and what was not used."""
        notes = [f'{topic}: not used beside another' for topic in sorted(self._unused_topics)]
        if self._sizes_differ:
            notes.append('depth and colour differ in size, so colour was not used')
        if self._any_depth and not self._infos:
            notes.append('depth images, but no camera info')
        elif self._any_depth and not self.images:
            notes.append(f'depth and colour are never within {PAIR_TOLERANCE_S} s of each other')
        return notes

    def _compressed(self, topic: str, message: CompressedImage) -> None:
        if 'depth' in message.format.lower() or '16UC1' in message.format:
            self._depth(topic, message, from_compressed_depth(message))
        else:
            self._color(topic, message, from_compressed_color(message))

    def _cloud(self, topic: str, message: PointCloud2) -> None:
        if self._is_chosen('cloud', topic) and len(self.clouds) < self._limit:
            stamp_s = from_stamp(message.header.stamp)
            self.clouds.append(
                RecordedCloud(stamp_s, from_cloud(message), message.header.frame_id)
            )

    def _depth(self, topic: str, message: Any, depth_m: np.ndarray) -> None:
        self._any_depth = True
        if not self._is_chosen('depth', topic):
            return
        stamp_s = from_stamp(message.header.stamp)
        depth = _Depth(topic, message.header.frame_id, stamp_s, depth_m)
        if 'color' not in self._chosen or self._sizes_differ:
            self._add(depth, None)
        self._pair('depth', stamp_s, depth)

    def _color(self, topic: str, message: Any, color: np.ndarray) -> None:
        if 'color' not in self._chosen:
            self.images.clear()  # they came before the first colour
        if self._is_chosen('color', topic):
            self._pair('color', from_stamp(message.header.stamp), color)

    def _is_chosen(self, what: str, topic: str) -> bool:
        """Of several topics the one that says it is registered, else the first is used."""
        chosen = self._chosen.setdefault(what, topic)
        if topic != chosen and _registered(topic) and not _registered(chosen):
            self._unused_topics.add(chosen)
            self._chosen[what] = chosen = topic
            self._sizes_differ = False
            self.images.clear()
        if topic != chosen:
            self._unused_topics.add(topic)
        return topic == chosen

    def _pair(self, stream: str, stamp_s: float, item: Any) -> None:
        pair = self._pairing.add(stream, stamp_s, item)
        if pair is None or self._sizes_differ:
            return
        depth, color = pair
        if depth.topic != self._chosen['depth']:
            return
        self._sizes_differ = depth.depth_m.shape != color.shape[:2]
        self._add(depth, None if self._sizes_differ else color)

    def _add(self, depth: _Depth, color: np.ndarray | None) -> None:
        if self._infos:
            info = self._infos[_nearest_name(depth.topic, list(self._infos))]
            K = _scaled(from_camera_info(info), (info.height, info.width), depth.depth_m.shape)
            image = RecordedImage(depth.stamp_s, depth.depth_m, color, K, depth.frame_id)
            self.images.append(image)


def _scaled(K: np.ndarray, calibrated: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    """Intrinsics for a picture of another size (H, W) than that of the calibration."""
    if calibrated == shape or not all(calibrated):
        return K
    return np.diag([shape[1] / calibrated[1], shape[0] / calibrated[0], 1.0]) @ K


def _registered(topic: str) -> bool:
    return any(word in topic for word in REGISTERED)


def _nearest_name(topic: str, candidates: list[str]) -> str:
    """The candidate that shares the longest beginning with the topic."""

    def shared(other: str) -> int:
        pairs = zip(topic, other, strict=False)
        return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(topic), len(other)))

    return max(candidates, key=shared)
