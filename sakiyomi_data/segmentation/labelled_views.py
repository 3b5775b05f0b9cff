"""Labelled views of scenes on disk: what a network is trained on and measured with."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.sensing import CameraFrame
from world_model_node.config import VisibilityConfig
from world_model_node.fusion.points import PointSet
from world_model_node.fusion.support_plane import SupportPlane
from world_model_node.fusion.visibility import VisibilityModel


@dataclass(frozen=True)
class LabelledView:
    """The fused voxels of one view, and which object each is of."""

    voxels: PointSet
    labels: np.ndarray  # (N,) object index, or -1 for none
    visibility: VisibilityModel
    plane: SupportPlane


def write_views(path: Path, views: list[LabelledView]) -> None:
    """Write the views of one scene; the file appears at once and whole."""
    arrays = {}
    for index, view in enumerate(views):
        arrays |= {f'{index}.{key}': value for key, value in _packed(view).items()}
    partial = path.with_suffix('.part')
    with partial.open('wb') as file:
        np.savez_compressed(file, **arrays)
    os.replace(partial, path)


def read_views(path: Path) -> list[LabelledView]:
    """The views of one scene.

    Raises:
        BadInputError: not a file of views.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        count = len({key.partition('.')[0] for key in arrays})
        return [_unpacked(arrays, index) for index in range(count)]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BadInputError(f'views {path}: cannot be read: {error}') from error


def _packed(view: LabelledView) -> dict[str, np.ndarray]:
    v, camera, lidar = view.voxels, view.visibility.camera, view.visibility.lidar_m
    arrays = {
        'points_m': v.points_m.astype(np.float32),
        'sigma_m': v.sigma_m.astype(np.float32),
        'colors': np.clip(np.rint(v.colors), 0, 255).astype(np.uint8),
        'colored': v.colored.astype(np.float16),
        'labels': view.labels.astype(np.int16),
        'plane': np.array([*view.plane.slope, view.plane.offset_m]),
    }
    if lidar is not None:
        arrays['lidar_m'] = lidar
    if camera is not None:
        arrays['depth_mm'] = np.clip(np.rint(1e3 * camera.depth_m), 0, 65535).astype(np.uint16)
        arrays |= {'intrinsics': camera.intrinsics, 'T_world_camera': camera.T_world_camera}
    return arrays


def _unpacked(arrays: dict[str, np.ndarray], index: int) -> LabelledView:
    a = {k.partition('.')[2]: v for k, v in arrays.items() if k.partition('.')[0] == str(index)}
    voxels = PointSet(
        a['points_m'],
        a['sigma_m'],
        a['colors'].astype(np.float32),
        a['colored'].astype(np.float32),
    )
    camera = None
    if 'depth_mm' in a:
        depth = a['depth_mm'].astype(np.float32) * np.float32(1e-3)
        black = np.zeros((*depth.shape, 3), np.uint8)  # colours are in the voxels
        camera = CameraFrame(0.0, black, depth, a['intrinsics'], a['T_world_camera'])
    plane = SupportPlane(a['plane'][:2], float(a['plane'][2]))
    return LabelledView(
        voxels,
        a['labels'].astype(int),
        VisibilityModel(camera, a.get('lidar_m'), VisibilityConfig()),
        plane,
    )
