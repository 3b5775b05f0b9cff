"""Read colour, depth, intrinsics, poses and point clouds from files of the usual formats."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import open3d as o3d
import yaml

from sakiyomi.errors import BadInputError

MILLIMETRE = 0.001
CLOUD_SUFFIXES = ('.ply', '.pcd', '.npy')


def read_color(path: str | Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB of an image file or an .npy.

    Raises:
        BadInputError: it cannot be read, or is no 8-bit image.
    """
    if Path(path).suffix.lower() == '.npy':
        color = read_npy(path)
        if color.dtype != np.uint8 or color.ndim != 3 or color.shape[2] != 3:
            raise BadInputError(
                f'{path}: got {color.shape} {color.dtype}, expected (H, W, 3) uint8'
            )
        return color
    return np.ascontiguousarray(_decoded(path, cv2.IMREAD_COLOR)[..., ::-1])


def read_depth(path: str | Path, scale_m: float | None = None) -> np.ndarray:
    """(H, W) float32 [m], 0 where there is none.

    Args:
        path: a 16-bit PNG or TIFF, or an .npy.
        scale_m: metres per unit of the file; None: whole numbers are millimetres, others metres.

    Raises:
        BadInputError: it cannot be read, or is no one-channel depth.
    """
    npy = Path(path).suffix.lower() == '.npy'
    depth = read_npy(path) if npy else _decoded(path, cv2.IMREAD_UNCHANGED)
    if depth.ndim != 2 or not depth.size or depth.dtype.kind not in 'uif':
        raise BadInputError(
            f'{path}: got {depth.shape} {depth.dtype}, expected depth of one channel (H, W)'
        )
    if depth.dtype == np.uint8:
        raise BadInputError(f'{path}: got 8 bits, expected depth of 16 bits or floats')
    if scale_m is None:
        scale_m = MILLIMETRE if depth.dtype.kind in 'ui' else 1.0
    depth_m = depth.astype(np.float32) * np.float32(scale_m)
    return np.where(np.isfinite(depth_m) & (depth_m > 0.0), depth_m, np.float32(0.0))


def read_intrinsics(text: str) -> np.ndarray:
    """The (3, 3) pinhole matrix from `fx,fy,cx,cy`, or from an .npy, .json, .yaml or .txt file.

    JSON and YAML hold `fx fy cx cy`, or a matrix under `K`, `k`, `camera_matrix` or `intrinsics`.

    Raises:
        BadInputError: none of these.
    """
    numbers = _comma_separated(text)
    if numbers is None:
        path = Path(text)
        kind = path.suffix.lower()
        if kind == '.npy':
            numbers = read_npy(path).ravel()
        elif kind in ('.json', '.yaml', '.yml'):
            numbers = _from_mapping(text, _parsed(path))
        else:
            numbers = _numbers(path)
    return _as_matrix(text, np.asarray(numbers, float))


def read_pose(path: str | Path) -> np.ndarray:
    """A (4, 4) transform from .npy, .json (a list of rows) or text (16 numbers).

    Raises:
        BadInputError: it is none.
    """
    kind = Path(path).suffix.lower()
    try:
        if kind == '.npy':
            T = np.asarray(read_npy(path), float)
        else:
            parsed = _parsed(Path(path)) if kind == '.json' else _numbers(Path(path))
            T = np.asarray(parsed, float).reshape(4, 4)
    except (ValueError, TypeError) as error:
        raise BadInputError(f'{path}: expected a (4, 4) transform, {error}') from error
    rigid = T.shape == (4, 4) and np.allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-3)
    if not rigid or not np.isfinite(T).all():
        raise BadInputError(f'{path}: got shape {T.shape}, expected a rigid (4, 4) transform')
    return T


def read_cloud(path: str | Path, scale_m: float = 1.0) -> np.ndarray:
    """(N, 3) float32 [m] of a .ply, .pcd or .npy; points that are not finite are dropped.

    Raises:
        BadInputError: it cannot be read or holds no point.
    """
    path = Path(path)
    if path.suffix.lower() not in CLOUD_SUFFIXES:
        raise BadInputError(f'{path}: expected one of {", ".join(CLOUD_SUFFIXES)}')
    if path.suffix.lower() == '.npy':
        points = read_npy(path)
        if points.ndim != 2 or points.shape[1] < 3 or points.dtype.kind not in 'fiu':
            raise BadInputError(f'{path}: got {points.shape} {points.dtype}, expected (N, 3)')
    else:
        _require(path)
        with o3d.utility.VerbosityContextManager(o3d.utility.VerbosityLevel.Error):
            points = np.asarray(o3d.io.read_point_cloud(str(path)).points)
    points = points[:, :3].astype(np.float32)
    points = points[np.isfinite(points).all(axis=1)] * np.float32(scale_m)
    if not len(points):
        raise BadInputError(f'{path}: expected points, found none that is finite')
    return points


def read_npy(path: str | Path) -> np.ndarray:
    """An .npy without pickled objects.

    Raises:
        BadInputError: it cannot be read.
    """
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadInputError(f'{path}: not an .npy of numbers: {error}') from error


def _decoded(path: str | Path, flag: int) -> np.ndarray:
    _require(Path(path))
    image = cv2.imdecode(np.fromfile(path, np.uint8), flag) if Path(path).stat().st_size else None
    if image is None:
        raise BadInputError(f'{path}: not an image that can be read')
    return image


def _require(path: Path) -> None:
    if not path.is_file():
        raise BadInputError(f'{path}: no such file')


def _comma_separated(text: str) -> list[float] | None:
    try:
        return [float(part) for part in text.split(',')]
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f'{path}: cannot be read as text: {error}') from error


def _numbers(path: Path) -> list[float]:
    try:
        return [float(word) for word in _text(path).replace(',', ' ').split()]
    except ValueError as error:
        raise BadInputError(f'{path}: expected numbers, {error}') from error


def _parsed(path: Path) -> object:
    try:
        return json.loads(_text(path)) if path.suffix == '.json' else yaml.safe_load(_text(path))
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        raise BadInputError(f'{path}: malformed: {error}') from error


def _from_mapping(what: str, parsed: object) -> object:
    if not isinstance(parsed, dict):
        return parsed
    if {'fx', 'fy', 'cx', 'cy'} <= set(parsed):
        return [parsed[key] for key in ('fx', 'fy', 'cx', 'cy')]
    for key in ('K', 'k', 'camera_matrix', 'intrinsics'):
        if key in parsed:
            inner = parsed[key]
            return _from_mapping(
                what, inner.get('data', inner) if isinstance(inner, dict) else inner
            )
    raise BadInputError(f'{what}: got {sorted(parsed)}, expected fx fy cx cy or K')


def _as_matrix(what: str, numbers: np.ndarray) -> np.ndarray:
    numbers = numbers.ravel()
    if numbers.size == 4:
        fx, fy, cx, cy = numbers
        return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
    if numbers.size == 9:
        return numbers.reshape(3, 3)
    raise BadInputError(f'intrinsics {what}: got {numbers.size} numbers, expected 4 or 9')
