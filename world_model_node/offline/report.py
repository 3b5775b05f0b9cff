"""The report of a recording: JSON, an image and a coloured point cloud."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import open3d as o3d

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import inverse, make_transform, quat_xyzw
from sakiyomi.images.instance_overlay import draw_label, draw_points, label_color
from sakiyomi.scene import ObjectState
from sakiyomi.sensing import CameraFrame
from world_model_node.fusion.range_points import project
from world_model_node.offline.perceive import PerceptionResult, surface_points

EMPTY_VIEW_PX = (480, 640)  # height and width of the view from above


def write_report(folder: Path, found: PerceptionResult, source: str, notes: list[str]) -> None:
    """Write objects.json, overlay.png and objects.ply.

    Raises:
        BadInputError: the folder cannot be written.
    """
    points, ids = surface_points(found.scene)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({'source': source, 'notes': notes, **description(found)}, indent=2)
        (folder / 'objects.json').write_text(text + '\n', encoding='utf-8')
        image = overlay(found, points, ids)
        (folder / 'overlay.png').write_bytes(cv2.imencode('.png', image[..., ::-1])[1].tobytes())
    except OSError as error:
        raise BadInputError(f'--out {folder}: {error.strerror}') from error
    colors = np.array([label_color(i) for i in ids.tolist()], float).reshape(-1, 3)
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points.astype(float)))
    cloud.colors = o3d.utility.Vector3dVector(colors / 255.0)
    with o3d.utility.VerbosityContextManager(o3d.utility.VerbosityLevel.Error):
        if not o3d.io.write_point_cloud(str(folder / 'objects.ply'), cloud) and len(points):
            raise BadInputError(f'--out {folder}: objects.ply cannot be written')


def description(found: PerceptionResult) -> dict[str, Any]:
    """Describe the result by plain lists, with poses in the world frame on the support plane.

    The root is the root frame of the recording's tf, such as the robot's base.
    """
    return {
        'frames': found.frames,
        'T_world_sensor': found.T_world_sensor.tolist(),
        'T_root_world': None if found.T_root_world is None else found.T_root_world.tolist(),
        'table_height_m': found.scene.table_height_m,
        'stage_ms': found.stage_ms,
        'objects': [_object(o, found) for o in found.scene.objects],
    }


def overlay(found: PerceptionResult, points: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Draw each object's points and id on the last image, or on a view from above."""
    frame = found.picture if found.picture is not None else _view_from_above(found)
    image = draw_points(frame, points, ids)
    for state in found.scene.objects:
        u, v, _ = project(state.T_world_object[None, :3, 3], frame)
        if u[0] >= 0:
            draw_label(image, (int(u[0]), int(v[0])), str(state.id))
    return image


def _object(state: ObjectState, found: PerceptionResult) -> dict[str, Any]:
    T, sensor = state.T_world_object, inverse(found.T_world_sensor) @ state.T_world_object
    root = {} if found.T_root_world is None else _in_root(found.T_root_world @ T)
    return {
        'id': state.id,
        'position_m': T[:3, 3].tolist(),
        'quaternion_xyzw': quat_xyzw(T).tolist(),
        'position_in_sensor_m': sensor[:3, 3].tolist(),
        'quaternion_in_sensor_xyzw': quat_xyzw(sensor).tolist(),
        **root,
        'size_m': np.ptp(state.points_m.astype(float), axis=0).tolist(),
        'covariance': state.pose_covariance.tolist(),
        'points': len(state.points_m),
    }


def _in_root(T_root_object: np.ndarray) -> dict[str, Any]:
    return {
        'position_in_root_m': T_root_object[:3, 3].tolist(),
        'quaternion_in_root_xyzw': quat_xyzw(T_root_object).tolist(),
    }


def _view_from_above(found: PerceptionResult) -> CameraFrame:
    """Make an empty image of the workspace from above."""
    w = found.workspace
    height, width = EMPTY_VIEW_PX
    side = max((w.x_max_m - w.x_min_m) / height, (w.y_max_m - w.y_min_m) / width)
    center = [0.5 * (w.x_min_m + w.x_max_m), 0.5 * (w.y_min_m + w.y_max_m)]
    focal_px = 500.0
    K = np.array([[focal_px, 0.0, width / 2], [0.0, focal_px, height / 2], [0.0, 0.0, 1.0]])
    R_world_camera = np.array(
        [[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, -1.0]]
    )  # x is up in the image
    eye = np.array([*center, w.z_max_m + focal_px * side])
    T = make_transform(R_world_camera, eye)
    return CameraFrame(0.0, np.zeros((height, width, 3), np.uint8), np.zeros(EMPTY_VIEW_PX), K, T)
