"""Read pictures and clouds, and where their sensors were, from an MCAP of ROS 2 topics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcap.exceptions import McapError
from mcap.reader import make_reader
from mcap.records import Schema
from mcap_ros2.decoder import DecoderFactory
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from sakiyomi.errors import BadInputError
from sakiyomi_ros.recordings.image_assembler import (
    ImageAssembler,
    RecordedCloud,
    RecordedImage,
)
from sakiyomi_ros.recordings.transform_tree import TransformTree

KINDS = {
    'sensor_msgs/msg/Image': Image,
    'sensor_msgs/msg/CompressedImage': CompressedImage,
    'sensor_msgs/msg/CameraInfo': CameraInfo,
    'sensor_msgs/msg/PointCloud2': PointCloud2,
}
TRANSFORMS = 'tf2_msgs/msg/TFMessage'  # no wheel has it: read by the schema in the recording


@dataclass(frozen=True)
class Recording:
    """What a recording holds of use, and what of it was not usable."""

    images: list[RecordedImage]
    clouds: list[RecordedCloud]
    transforms: TransformTree
    notes: list[str]


def read_recording(path: str | Path, limit: int, topics: tuple[str, ...] = ()) -> Recording:
    """The first `limit` pictures and clouds; only of `topics`, where any are named.

    Raises:
        BadInputError: no such file, not an MCAP, not of ROS 2, or nothing usable in it.
    """
    path = Path(path)
    transforms = _transforms(path)
    assembler = ImageAssembler(limit)
    refused: dict[str, str] = {}
    for topic, message in _messages(path, topics):
        try:
            assembler.add(topic, message)
        except BadInputError as error:
            refused[topic] = str(error)
        if len(assembler.images) >= limit:
            break
    notes = [f'{topic}: {reason}' for topic, reason in refused.items()] + assembler.notes()
    if not assembler.images and not assembler.clouds:
        why = '; '.join(notes) or 'no depth image with a camera info, and no point cloud'
        raise BadInputError(f'{path}: nothing usable: {why}')
    return Recording(assembler.images, assembler.clouds, transforms, notes)


def _transforms(path: Path) -> TransformTree:
    """All of /tf and /tf_static, which may come after the pictures that need them."""
    tree, factory = TransformTree(), DecoderFactory()
    for topic, schema, data in _records(path, (), (TRANSFORMS,)):
        decoder = factory.decoder_for('cdr', schema)
        if decoder is None or not schema.data:
            raise BadInputError(f'{path}: {topic} has no ros2msg schema, as rosbag2 writes it')
        try:
            transforms = decoder(data).transforms
        except Exception as error:  # the decoder checks nothing and raises whatever goes wrong
            raise BadInputError(f'{path}: {topic}: not a {TRANSFORMS}: {error}') from error
        tree.add(transforms, static=topic.endswith('static'))
    return tree


def _messages(path: Path, topics: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for topic, schema, data in _records(path, topics, tuple(KINDS)):
        yield topic, _decoded(data, schema.name, topic)


def _records(
    path: Path, topics: tuple[str, ...], kinds: tuple[str, ...]
) -> Iterator[tuple[str, Schema, bytes]]:
    try:
        with path.open('rb') as stream:
            reader = make_reader(stream)
            for schema, channel, record in reader.iter_messages(topics or None):
                if schema is None or schema.name not in kinds:
                    continue
                if channel.message_encoding != 'cdr':
                    raise BadInputError(
                        f'{path}: {channel.topic} is {channel.message_encoding!r},'
                        " expected 'cdr', as ROS 2 records"
                    )
                yield channel.topic, schema, record.data
    except OSError as error:
        raise BadInputError(f'{path}: {error.strerror or error}') from error
    except (McapError, EOFError) as error:
        raise BadInputError(f'{path}: not a readable MCAP: {error}') from error


def _decoded(data: bytes, kind: str, topic: str) -> Any:
    try:
        return deserialize_message(data, KINDS[kind])
    except Exception as error:  # rclpy raises whatever the middleware does
        raise BadInputError(f'{topic}: not a {kind}: {" ".join(str(error).split())}') from error
