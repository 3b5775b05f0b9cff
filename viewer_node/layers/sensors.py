"""The sensors and what they see: the camera's frustum and picture, the LiDAR, the fused cloud."""

from __future__ import annotations

import numpy as np
import viser

from viewer_node.layers.robot import wxyz
from viewer_node.theme import ACCENT, MUTED

FRUSTUM_M = 0.09
LIDAR_SIZE_M = (0.045, 0.06, 0.045)
CLOUD_POINT_M = 0.0022


class SensorsLayer:
    """Redraws only what changed."""

    def __init__(self, scene: viser.SceneApi, jpeg_quality: int):
        self._scene = scene
        self._jpeg_quality = jpeg_quality
        self._placement: np.ndarray | None = None
        self._frustum: viser.CameraFrustumHandle | None = None

    def place_camera(self, T_world_camera: np.ndarray, intrinsics: np.ndarray, shape) -> None:
        """Put the frustum where the optical frame is; `shape` is the picture's (H, W, ...)."""
        height, width = shape[:2]
        placement = np.concatenate([T_world_camera.ravel(), intrinsics.ravel(), shape[:2]])
        if self._placement is not None and np.allclose(placement, self._placement, atol=1e-5):
            return
        self._placement = placement
        self._frustum = self._scene.add_camera_frustum(
            '/sensors/camera',
            fov=2 * float(np.arctan2(height / 2, intrinsics[1, 1])),
            aspect=width / height,
            scale=FRUSTUM_M,
            thickness=1.5,
            thickness_units='screen',
            color=ACCENT,
            format='jpeg',
            jpeg_quality=self._jpeg_quality,
            cast_shadow=False,
            position=T_world_camera[:3, 3],
            wxyz=wxyz(T_world_camera),
        )
        self._label('camera', T_world_camera)

    def place_lidar(self, T_world_lidar: np.ndarray) -> None:
        """Put the LiDAR where it is."""
        self._scene.add_box(
            '/sensors/lidar',
            color=MUTED,
            dimensions=LIDAR_SIZE_M,
            position=T_world_lidar[:3, 3],
            wxyz=wxyz(T_world_lidar),
        )
        self._label('LiDAR', T_world_lidar)

    def show_image(self, image: np.ndarray) -> None:
        """The picture (H, W, 3) uint8 on the frustum."""
        if self._frustum is not None:
            self._frustum.image = image

    def show_cloud(self, points_m: np.ndarray, colors: np.ndarray) -> None:
        """The fused cloud: (N, 3) [m] in the world frame and (N, 3) uint8."""
        self._scene.add_point_cloud(
            '/cloud/points',
            points_m.astype(np.float32),
            colors,
            point_size=CLOUD_POINT_M,
            point_shape='circle',
        )

    def _label(self, text: str, T_world_sensor: np.ndarray) -> None:
        self._scene.add_label(
            f'/sensors/{text}_label',
            text,
            position=T_world_sensor[:3, 3] + np.array([0, 0, 0.05]),
            anchor='bottom-center',
            font_screen_scale=0.75,
        )
