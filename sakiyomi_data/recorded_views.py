"""The views of an MCAP, each with its sensor's pose where tf tells it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from world_model_node.offline.perceive import RecordedView


def recorded_views(
    path: str | Path, limit: int, topics: tuple[str, ...] = ()
) -> tuple[list[RecordedView], list[str]]:
    """The first `limit` pictures, or clouds where there is none, and what to say of them.

    Raises:
        BadInputError: The recording cannot be used.
    """
    from sakiyomi_ros.environment import prepare_environment
    from world_model_node.offline.perceive import RecordedView

    prepare_environment()
    from sakiyomi_ros.recordings.recording import read_recording

    recording = read_recording(path, limit, topics)
    items = recording.images or recording.clouds
    found = [recording.transforms.pose(item.frame_id, item.stamp_s) for item in items]
    poses = [None if one is None else one[1] for one in found]
    if all(one is None for one in found):
        note = 'no tf of the sensor: it is taken to have stood still'
    elif None in found:
        note = 'no tf of the sensor for every view: it is taken to have stood still'
    else:
        note = f'poses "in root" are in {found[0][0]!r}, from tf'
    if recording.images:
        views = [
            RecordedView(p.stamp_s, p.depth_m, p.color, p.intrinsics, T_root_sensor=T)
            for p, T in zip(recording.images, poses, strict=True)
        ]
    else:
        views = [
            RecordedView(c.stamp_s, points_m=c.points_m, T_root_sensor=T)
            for c, T in zip(recording.clouds, poses, strict=True)
        ]
    return views, [*recording.notes, note]
