"""Recordings of tosses: flat arrays over all tosses, cut by `length`, read and checked.

The layout is that of the cube tosses of ContactNets (Pfrommer, Halm and Posa, CoRL 2020).
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError

COLUMNS = {
    'position': 3,
    'quaternion_wxyz': 4,
    'linear_velocity': 3,
    'angular_velocity_body': 3,
}
SCALARS = ('rate_hz', 'cube_width_m')
MIN_FRAMES, MIN_TOSSES = 10, 8


@dataclass(frozen=True)
class Tosses:
    """N tosses, padded to the longest with their last frame."""

    position: np.ndarray  # (N, T, 3) m
    rotation: np.ndarray  # (N, T, 4) quaternion w x y z
    velocity: np.ndarray  # (N, T, 3) m/s, world frame
    spin: np.ndarray  # (N, T, 3) rad/s, body frame
    length: np.ndarray  # (N,) frames
    rate_hz: float
    width_m: float

    def __len__(self) -> int:
        return len(self.length)

    @property
    def recorded(self) -> np.ndarray:
        """(N, T) whether a frame was recorded."""
        return np.arange(self.position.shape[1]) < self.length[:, None]

    def take(self, chosen: np.ndarray) -> Tosses:
        """Some of them, cut to the longest of these."""
        frames = int(self.length[chosen].max())
        series = (self.position, self.rotation, self.velocity, self.spin)
        return Tosses(
            *(values[chosen, :frames] for values in series),
            self.length[chosen],
            self.rate_hz,
            self.width_m,
        )

    def cut(self, frames: int) -> Tosses:
        """The first frames of every toss."""
        series = (self.position, self.rotation, self.velocity, self.spin)
        return Tosses(
            *(values[:, :frames] for values in series),
            np.minimum(self.length, frames),
            self.rate_hz,
            self.width_m,
        )


def concatenate_tosses(parts: list[Tosses]) -> Tosses:
    """All of them, of equally many frames; rate and width are those of the first."""
    names = ('position', 'rotation', 'velocity', 'spin', 'length')
    series = [np.concatenate([getattr(part, name) for part in parts]) for name in names]
    return Tosses(*series, parts[0].rate_hz, parts[0].width_m)


def read_tosses(path: Path, min_tosses: int = MIN_TOSSES) -> Tosses:
    """The tosses of a file.

    Raises:
        BadInputError: the file is missing, cut off or of another layout, or holds what cannot be.
    """
    arrays = _load(path)
    lengths = arrays['length']
    _check_lengths(path, lengths, min_tosses)
    frames = int(lengths.sum())
    for name, columns in COLUMNS.items():
        _check_series(path, name, arrays[name], (frames, columns))
    for name in SCALARS:
        value = arrays[name]
        if value.size != 1 or not np.isfinite(value).all() or value <= 0.0:
            raise BadInputError(f'{path}: {name}: got {value!r}, expected one positive number')
    norms = np.linalg.norm(arrays['quaternion_wxyz'], axis=1)
    if np.abs(norms - 1.0).max() > 1e-2:
        worst = float(norms[np.abs(norms - 1.0).argmax()])
        raise BadInputError(f'{path}: quaternion_wxyz: got norm {worst:.3f}, expected 1')
    longest = int(lengths.max())
    starts = np.cumsum(lengths) - lengths
    rows = starts[:, None] + np.minimum(np.arange(longest), lengths[:, None] - 1)  # (N, T)
    series = [arrays[name][rows].astype(np.float32) for name in COLUMNS]
    return Tosses(*series, lengths, *(float(arrays[name].item()) for name in SCALARS))


def _load(path: Path) -> dict[str, np.ndarray]:
    expected = ('length', *COLUMNS, *SCALARS)
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in expected if name not in file.files]
            if missing:
                raise BadInputError(f'{path}: got no {", ".join(missing)}, expected {expected}')
            return {name: file[name] for name in expected}
    except OSError as error:
        raise BadInputError(f'{path}: {error.strerror or error}') from error
    except (ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        if isinstance(error, BadInputError):
            raise
        raise BadInputError(f'{path}: got no whole .npz file: {error}') from error


def _check_lengths(path: Path, lengths: np.ndarray, min_tosses: int) -> None:
    if lengths.ndim != 1 or not np.issubdtype(lengths.dtype, np.integer):
        got = f'{lengths.dtype} {lengths.shape}'
        raise BadInputError(f'{path}: length: got {got}, expected integers (N,)')
    if len(lengths) < min_tosses:
        raise BadInputError(f'{path}: got {len(lengths)} tosses, expected at least {min_tosses}')
    if lengths.min() < MIN_FRAMES:
        raise BadInputError(
            f'{path}: length: got a toss of {lengths.min()} frames, expected {MIN_FRAMES}'
        )


def _check_series(path: Path, name: str, values: np.ndarray, shape: tuple[int, int]) -> None:
    if values.shape != shape or not np.issubdtype(values.dtype, np.floating):
        got = f'{values.dtype} {values.shape}'
        raise BadInputError(f'{path}: {name}: got {got}, expected floats {shape}')
    if not np.isfinite(values).all():
        count = int(np.count_nonzero(~np.isfinite(values)))
        raise BadInputError(f'{path}: {name}: got {count} values that are not finite')
