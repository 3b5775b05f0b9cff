"""Strips of pictures: how an attempt that failed went, frame beside frame."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.images.instance_overlay import draw_label
from sakiyomi.sensing import CameraFrame

FRAME_PX = (240, 180)
BAR_PX = 24
MAX_FRAMES = 8
MAX_KEPT_FRAMES = 64  # while an attempt lasts


class HasCamera(Protocol):
    """A cell with a camera."""

    def camera_frame(self) -> CameraFrame:
        """The camera's picture at this instant."""


class Strip:
    """Small frames of one attempt; what succeeds draws nothing.

    Args:
        folder: where pictures go; None: no frame is taken.
        name: of the attempt, for the file.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        self.folder, self.name = folder, name
        self._frames: list[np.ndarray] = []

    def frame(self, cell: HasCamera) -> None:
        """Take a picture, at the beginning, at each change of phase and at the end."""
        if self.folder is None:
            return
        color = cell.camera_frame().color
        self._frames.append(cv2.resize(color, FRAME_PX, interpolation=cv2.INTER_AREA))
        if len(self._frames) > MAX_KEPT_FRAMES:
            del self._frames[1:-1:2]

    def write(self, ending: str, reason: str = '') -> None:
        """Draw the attempt into `NAME_ENDING.png`, with the reason as its title.

        Raises:
            BadInputError: the file cannot be written.
        """
        if not self._frames:
            return
        title = f'{self.name} {ending}' + (f': {reason}' if reason else '')
        path = self.folder / f'{self.name}_{re.sub(r"[^A-Za-z0-9]+", "_", ending)}.png'
        write_picture(path, draw_strip(self._frames, title))


def draw_strip(frames: list[np.ndarray], title: str) -> np.ndarray:
    """At most eight of the frames (H, W, 3), the first and the last among them, and a title."""
    chosen = np.linspace(0, len(frames) - 1, min(len(frames), MAX_FRAMES)).round().astype(int)
    strip = np.hstack([frames[index] for index in chosen])
    bar = np.zeros((BAR_PX, strip.shape[1], 3), np.uint8)
    draw_label(bar, (6, 16), title)
    return np.vstack([strip, bar])


def write_picture(path: Path, image: np.ndarray) -> None:
    """An RGB picture (H, W, 3) as PNG.

    Raises:
        BadInputError: the file cannot be written.
    """
    try:
        path.write_bytes(cv2.imencode('.png', image[..., ::-1])[1].tobytes())
    except OSError as error:
        raise BadInputError(f'picture {path}: {error.strerror}') from error
