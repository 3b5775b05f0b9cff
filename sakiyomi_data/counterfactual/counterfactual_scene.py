"""One watched object, candidate motions of the hand, and what each of them really did."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError
from world_model_node.model.features.input_window import FramedWindow, InputWindow

PATTERN = 'trials_*.npz'
OF_WINDOW = 'window_'


@dataclass(frozen=True)
class CounterfactualScene:
    """What the fusion knew of one object; n motions from then on; and the simulator's truth.

    `T_world_true` and `center_m` are at 0, 50, ... 1000 ms of every motion; n may be 0.
    """

    name: np.ndarray  # () of the object
    points_m: np.ndarray  # (N, 3) float32 its tracked surface, world frame
    T_world_object: np.ndarray  # (4, 4) as tracked
    mass_center_m: np.ndarray  # (3,) as believed, world frame
    mass_kg: np.ndarray  # (2,) mean and variance
    friction: np.ndarray  # (2,)
    window: FramedWindow  # that the network sees
    row: np.ndarray  # () of the object in it
    action: np.ndarray  # (n, NUM_STEPS + 1, ACTION_SIZE) of the hand, as the network sees it
    grasps: np.ndarray  # (n,) bool: it closes the hand; else it pushes
    T_world_closing: np.ndarray  # (n, 4, 4) of a grasp, as the fingers begin to close; else NaN
    opening_m: np.ndarray  # (n,)
    force_n: np.ndarray  # (n,)
    T_world_true: np.ndarray  # (n, NUM_STEPS + 1, 4, 4)
    center_m: np.ndarray  # (n, NUM_STEPS + 1, 3) of the volume, world frame
    true_twist: np.ndarray  # (6,) at the start
    true_hidden: np.ndarray  # (5,) in the order of layout.PROPERTY_NAMES
    true_mass_center_m: np.ndarray  # (3,) at the start, world frame

    @property
    def lifted_m(self) -> np.ndarray:
        """How far up each motion brought it (n,)."""
        return self.center_m[:, -1, 2] - self.center_m[:, 0, 2]


def counterfactual_file(folder: Path, index: int) -> Path:
    """Where a scene is kept."""
    return folder / f'trials_{index:05d}.npz'


def write_counterfactual(path: Path, scene: CounterfactualScene | None) -> None:
    """Whole or not at all; None: nothing was tracked, and there is nothing to learn."""
    columns = {}
    if scene is not None:
        columns = {k: v for k, v in vars(scene).items() if k != 'window'}
        columns['T_world_frame'] = scene.window.T_world_frame
        columns['ids'] = np.array(scene.window.ids)
        columns |= {f'{OF_WINDOW}{k}': v for k, v in scene.window.window._asdict().items()}
    part = path.with_suffix(f'.{os.getpid()}.part')
    try:
        with part.open('wb') as stream:
            np.savez_compressed(stream, **columns)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def has_counterfactuals(folder: Path) -> bool:
    """Whether a folder is one of `sakiyomi collect trials`."""
    return folder.is_dir() and any(folder.glob(PATTERN))


def read_counterfactuals(folder: Path) -> list[CounterfactualScene]:
    """Every scene of a folder in which something was tried, in order.

    Raises:
        BadInputError: no such folder, no scene in it, or one that cannot be read.
    """
    if not has_counterfactuals(folder):
        raise BadInputError(f'--data {folder}: got no {PATTERN}, expected at least one')
    scenes = [_read(file) for file in sorted(folder.glob(PATTERN))]
    return [scene for scene in scenes if scene is not None]


def _read(path: Path) -> CounterfactualScene | None:
    try:
        with np.load(path) as data:
            columns = {name: data[name] for name in data.files}
        if not columns:
            return None
        window = InputWindow(*(columns[f'{OF_WINDOW}{name}'] for name in InputWindow._fields))
        framed = FramedWindow(window, columns['T_world_frame'], tuple(columns['ids'].tolist()))
        names = [field.name for field in fields(CounterfactualScene) if field.name != 'window']
        return CounterfactualScene(window=framed, **{name: columns[name] for name in names})
    except Exception as error:  # whatever a damaged archive makes zipfile, zlib or numpy raise
        reason = ' '.join(str(error).split())[:200]
        raise BadInputError(f'{path}: got no scene of trials: {reason}') from error
