"""Draw scenes, and keep the worst: what the world model divided beside what is there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from sakiyomi.images.instance_overlay import draw_label, draw_points, label_color
from sakiyomi_data.experiments.strips import write_picture
from sakiyomi_evaluation.closed_loop.ground_truth import NO_OBJECT
from sakiyomi_evaluation.perception.modalities import ALL
from sakiyomi_evaluation.perception.perception_cell import PerceptionResult, Picture
from world_model_node.fusion.range_points import project

NUM_KEPT = 10
BAR_PX = 40
SIDE_PX = (640, 480)
MIN_SHARE, MARGIN = 0.2, 0.3  # of the image that is shown around the objects


def draw_scene(folder: Path, index: int, result: PerceptionResult) -> None:
    """One PNG of the scene at rest.

    Raises:
        BadInputError: it cannot be written.
    """
    write_picture(_path(folder, index), beside(result.picture, _caption(index, result)))


def draw_failure(folder: Path, index: int, result: PerceptionResult) -> None:
    """The same of a scene where an object was missed, or one too many proposed.

    Raises:
        BadInputError: it cannot be written.
    """
    score = result.views[ALL.name].score
    missed, extra = score.actual - score.found, score.proposed - score.found
    if missed or extra:
        path = folder / f'round{index:03d}_missed_{missed}_extra_{extra}.png'
        write_picture(path, beside(result.picture, _caption(index, result)))


def keep_worst(folder: Path, results: dict[int, PerceptionResult]) -> None:
    """Of the scenes that were drawn only the ten worst, numbered from the worst on."""
    order = sorted(results, key=lambda index: _scene_error(results[index]), reverse=True)
    for rank, index in enumerate(order):
        drawn = _path(folder, index)
        if rank >= NUM_KEPT:
            drawn.unlink(missing_ok=True)
        elif drawn.exists():
            drawn.rename(folder / f'{rank:02d}_{drawn.name}')


def _path(folder: Path, index: int) -> Path:
    return folder / f'round{index:03d}.png'


def _scene_error(result: PerceptionResult) -> float:
    """The mean IoU that is lacking, and a tenth for each instance too many."""
    score = result.views[ALL.name].score
    iou = float(np.mean(score.ious)) if score.ious else 1.0
    return 0.1 * (score.proposed - score.found) - iou


def beside(picture: Picture, caption: str) -> np.ndarray:
    """The world model's instances on the left, the true objects on the right. (H, W, 3)."""
    owners = picture.truth.labels_of_image(picture.frame)
    found = draw_points(picture.frame, picture.points_m, picture.labels)
    true = picture.frame.color // 2
    for row in range(len(picture.truth.names)):
        own = owners == row
        true[own] = (0.5 * true[own] + 0.6 * np.array(label_color(row))).clip(0, 255)
    window = _window(owners)
    left, right = (cv2.resize(image[window], SIDE_PX) for image in (found, true))
    for track, center in picture.centers.items():
        _mark(left, picture, window, center, str(track))
    for name, center in zip(picture.truth.names, picture.truth.centers_m, strict=True):
        _mark(right, picture, window, center, name[:16])
    bar = np.zeros((BAR_PX, 2 * SIDE_PX[0], 3), np.uint8)
    draw_label(bar, (8, 26), caption)
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
        draw_label(image, at, text)


def _caption(index: int, result: PerceptionResult) -> str:
    score = result.views[ALL.name].score
    ious = ' '.join(f'{iou:.2f}' for iou in score.ious)
    return (
        f'round {index} seed {result.seed}: {score.found} of {score.actual} found,'
        f' {score.proposed} proposed, IoU {ious}'
    )
