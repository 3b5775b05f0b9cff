"""The buffers of all sensor streams, and snapshots of them at one instant."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from sakiyomi.errors import BadInputError
from sakiyomi.sensing import CameraFrame, JointReading, LidarScan, TactileReading, WrenchReading
from world_model_node.config import TimingConfig
from world_model_node.inputs import validation
from world_model_node.inputs.buffers import JointBuffer, ReadingBuffer


@dataclass(frozen=True)
class Snapshot:
    """The fresh readings at one instant; a stale modality is None or empty."""

    camera: CameraFrame | None  # the newest frame
    lidar: tuple[LidarScan, ...]  # oldest first
    tactile: tuple[TactileReading | None, TactileReading | None]  # left, right
    joints: JointReading | None
    stale: tuple[str, ...]
    intermediate_frames: tuple[CameraFrame, ...] = ()  # the earlier camera frames, oldest first

    @property
    def stamp_s(self) -> float | None:
        """Return the stamp of the newest frame or scan, or None without any."""
        stamps = [scan.stamp_s for scan in self.lidar[-1:]]
        stamps += [self.camera.stamp_s] if self.camera is not None else []
        return max(stamps, default=None)


class SensorInputs:
    """The bounded buffers of all streams."""

    def __init__(self, config: TimingConfig) -> None:
        self.config = config
        jump = (config.clock_jump_s, config.jump_confirmations)
        self.camera: ReadingBuffer[CameraFrame] = ReadingBuffer(config.camera_buffer, *jump)
        self.lidar: ReadingBuffer[LidarScan] = ReadingBuffer(config.lidar_buffer, *jump)
        self.left: ReadingBuffer[TactileReading] = ReadingBuffer(config.tactile_buffer, *jump)
        self.right: ReadingBuffer[TactileReading] = ReadingBuffer(config.tactile_buffer, *jump)
        self.wrench: ReadingBuffer[WrenchReading] = ReadingBuffer(config.joint_buffer, *jump)
        self.joints = JointBuffer(config.joint_buffer, *jump)
        self.rejected = dict.fromkeys(('camera', 'lidar', 'tactile', 'wrench', 'joints'), 0)

    def check(self, stream: str, reading: object) -> None:
        """Validate a reading and count the rejected ones.

        Raises:
            BadInputError: the reading is malformed.
        """
        try:
            getattr(validation, f'check_{stream}')(reading)
        except BadInputError:
            self.rejected[stream] += 1
            raise

    def keep(self, stream: str, reading: object) -> bool:
        """Buffer a validated reading; return True if its clock jumped back."""
        return self._buffer(stream, reading).add(reading)

    def clear(self) -> None:
        """Remove every reading."""
        for buffer in self._buffers().values():
            buffer.clear()

    def counts(self) -> dict[str, int]:
        """Return the counts of each stream and event by dotted name, e.g. `camera.late`."""
        counts = {f'{stream}.rejected': n for stream, n in self.rejected.items()}
        for stream, buffer in self._buffers().items():
            counts |= {f'{stream}.{event}': n for event, n in buffer.counts.items()}
        return counts

    def at(self, now_s: float) -> Snapshot:
        """Return the readings that are fresh at `now_s`; stamps in the future wait."""
        c, until = self.config, now_s + self.config.future_s
        camera = _fresh(self.camera, until, now_s - c.camera_stale_s)
        intermediate_frames = (
            [] if camera is None else self.camera.between(-inf, camera.stamp_s)[:-1]
        )
        left = _fresh(self.left, until, now_s - c.tactile_stale_s)
        right = _fresh(self.right, until, now_s - c.tactile_stale_s)
        joints = _fresh(self.joints, until, now_s - c.joints_stale_s)
        newest = _fresh(self.lidar, until, now_s - c.lidar_stale_s)
        scans: tuple[LidarScan, ...] = ()
        if newest is not None:
            scans = tuple(self.lidar.between(newest.stamp_s - c.lidar_window_s, newest.stamp_s))
        present = {
            'camera': camera is not None,
            'lidar': newest is not None,
            'tactile': left is not None and right is not None,
            'joints': joints is not None,
        }
        stale = tuple(name for name, fresh in present.items() if not fresh)
        return Snapshot(camera, scans, (left, right), joints, stale, tuple(intermediate_frames))

    def _buffer(self, stream: str, reading: object) -> ReadingBuffer:
        if stream == 'tactile':
            return self.left if reading.side == 'left' else self.right
        return getattr(self, stream)

    def _buffers(self) -> dict[str, ReadingBuffer]:
        return {
            'camera': self.camera,
            'lidar': self.lidar,
            'tactile_left': self.left,
            'tactile_right': self.right,
            'wrench': self.wrench,
            'joints': self.joints,
        }


def _fresh(buffer: ReadingBuffer, until_s: float, since_s: float):
    reading = buffer.newest(until_s)
    return None if reading is None or reading.stamp_s < since_s else reading
