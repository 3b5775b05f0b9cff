"""Ids of the tracked objects, written onto the camera picture."""

from __future__ import annotations

import cv2
import numpy as np

from sakiyomi.geometry import inverse, transform_points
from sakiyomi.scene import ObjectState
from viewer_node.theme import color_of_id


class CameraLabels:
    """Projects the objects into the camera."""

    def __init__(self) -> None:
        self._T_world_camera: np.ndarray | None = None
        self._intrinsics = np.eye(3)
        self._width_px = 1

    def place(self, T_world_camera: np.ndarray, intrinsics: np.ndarray, shape: tuple) -> None:
        """The optical frame (4, 4), the intrinsics (3, 3) and the size (H, W) of a picture."""
        self._T_world_camera, self._intrinsics = T_world_camera, intrinsics
        self._width_px = int(shape[1])

    def draw(self, image: np.ndarray, objects: tuple[ObjectState, ...]) -> np.ndarray:
        """A copy of the picture (H, W, 3) with the id of each visible object at its centre."""
        labelled = image.copy()
        for state in objects:
            pixel = self._pixel(state) if state.visible else None
            if pixel is not None:
                _write(labelled, pixel * image.shape[1] / self._width_px, state.id)
        return labelled

    def _pixel(self, state: ObjectState) -> np.ndarray | None:
        """Where the middle of an object's points is in the picture (2,) [px]."""
        if self._T_world_camera is None or not len(state.points_m):
            return None
        middle_m = (state.points_m.min(axis=0) + state.points_m.max(axis=0)) / 2.0
        T_camera_object = inverse(self._T_world_camera) @ state.T_world_object
        x, y, z = transform_points(T_camera_object, middle_m[None])[0]
        if z <= 0.0:
            return None
        return (self._intrinsics @ (x / z, y / z, 1.0))[:2]


def _write(image: np.ndarray, pixel: np.ndarray, object_id: int) -> None:
    text, font = f'#{object_id}', cv2.FONT_HERSHEY_SIMPLEX
    (width, height), _ = cv2.getTextSize(text, font, 0.45, 1)
    left, bottom = round(pixel[0] - width / 2), round(pixel[1] + height / 2)
    for color, thickness in (((0, 0, 0), 3), (color_of_id(object_id), 1)):
        cv2.putText(image, text, (left, bottom), font, 0.45, color, thickness, cv2.LINE_AA)
