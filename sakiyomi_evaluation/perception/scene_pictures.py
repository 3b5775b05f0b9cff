"""Draw the scenes that went worst: what the world model divided beside what is there."""

from __future__ import annotations

import heapq
from pathlib import Path

import cv2
import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.pictures.instance_picture import color_of, dot_overlay, put_label
from sakiyomi_evaluation.cells.truth import NO_OBJECT
from sakiyomi_evaluation.cells.watcher import ALL
from sakiyomi_evaluation.perception.rounds import Picture, Round
from world_model_node.fusion.range_points import project

KEPT = 10
BAR_PX = 40
SIDE_PX = (640, 480)
MIN_SHARE, MARGIN = 0.2, 0.3  # of the image that is shown around the objects


class WorstScenes:
    """Keeps the ten pictures of lowest mean IoU and draws them at the end."""

    def __init__(self, folder: str | None) -> None:
        self.folder = None if folder is None else Path(folder)
        self._worst: list[tuple[float, int, Round]] = []

    def add(self, index: int, result: Round) -> None:
        """Keep a round's picture if it is among the worst; else let go of it."""
        if self.folder is None:
            result.picture = None
            return
        score = result.views[ALL.name].score
        iou = float(np.mean(score.ious)) if score.ious else 1.0
        extra = score.proposed - score.found
        heapq.heappush(self._worst, (0.1 * extra - iou, index, result))
        if len(self._worst) > KEPT:
            heapq.heappop(self._worst)[2].picture = None

    def write(self) -> None:
        """One PNG per scene, worst first.

        Raises:
            BadInputError: the folder cannot be written.
        """
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for rank, (_, index, result) in enumerate(sorted(self._worst, reverse=True)):
                path = self.folder / f'{rank:02d}_round{index:03d}.png'
                image = beside(result.picture, _caption(index, result))
                path.write_bytes(cv2.imencode('.png', image[..., ::-1])[1].tobytes())
        except OSError as error:
            raise BadInputError(f'--frames {self.folder}: {error.strerror}') from error


def beside(picture: Picture, caption: str) -> np.ndarray:
    """The world model's instances on the left, the true objects on the right. (H, W, 3)."""
    owners = picture.truth.labels_of_image(picture.frame)
    found = dot_overlay(picture.frame, picture.points_m, picture.labels)
    true = picture.frame.color // 2
    for row in range(len(picture.truth.names)):
        own = owners == row
        true[own] = (0.5 * true[own] + 0.6 * np.array(color_of(row))).clip(0, 255)
    window = _window(owners)
    left, right = (cv2.resize(image[window], SIDE_PX) for image in (found, true))
    for track, center in picture.centers.items():
        _mark(left, picture, window, center, str(track))
    for name, center in zip(picture.truth.names, picture.truth.centers_m, strict=True):
        _mark(right, picture, window, center, name[:16])
    bar = np.zeros((BAR_PX, 2 * SIDE_PX[0], 3), np.uint8)
    put_label(bar, (8, 26), caption)
    return np.vstack([np.hstack([left, right]), bar])


def _window(owners: np.ndarray) -> tuple[slice, slice]:
    """The part of the image around the objects, with the sides of the whole."""
    height, width = owners.shape
    v, u = np.nonzero(owners != NO_OBJECT)
    if not len(v):
        return slice(0, height), slice(0, width)
    half = max(np.ptp(v) / height, np.ptp(u) / width, MIN_SHARE) / 2.0 * (1.0 + MARGIN)
    half = min(half, 0.5)
    row = int(np.clip((v.min() + v.max()) / 2, half * height, height * (1.0 - half)))
    column = int(np.clip((u.min() + u.max()) / 2, half * width, width * (1.0 - half)))
    rows, columns = int(half * height), int(half * width)
    return slice(row - rows, row + rows), slice(column - columns, column + columns)


def _mark(
    image: np.ndarray,
    picture: Picture,
    window: tuple[slice, slice],
    center_m: np.ndarray,
    text: str,
) -> None:
    u, v, _ = project(center_m[None], picture.frame)
    rows, columns = window
    scale = image.shape[1] / (columns.stop - columns.start)
    at = int((u[0] - columns.start) * scale), int((v[0] - rows.start) * scale)
    if u[0] >= 0:
        put_label(image, at, text)


def _caption(index: int, result: Round) -> str:
    score = result.views[ALL.name].score
    ious = ' '.join(f'{iou:.2f}' for iou in score.ious)
    return (
        f'round {index} seed {result.seed}: {score.found} of {score.actual} found,'
        f' {score.proposed} proposed, IoU {ious}'
    )
