"""An RGB-D camera with the noise and the holes of a real one."""

from __future__ import annotations

import cv2
import numpy as np

from sakiyomi.sensing import CameraFrame
from simulation_node.config import CameraConfig
from simulation_node.sensors.raycast import RayScene, shade_lambert

KERNEL = np.ones((3, 3), np.uint8)
EDGE_STEP = 0.02  # relative depth step between neighbours from which a pixel is a depth edge


class DepthCamera:
    """A camera fixed in the world that renders a RayScene."""

    def __init__(self, config: CameraConfig, T_world_camera: np.ndarray):
        self._config, self.T_world_camera = config, T_world_camera
        f = config.width / 2 / np.tan(np.radians(config.hfov_deg) / 2)
        cx, cy = (config.width - 1) / 2, (config.height - 1) / 2
        self.K = np.array([[f, 0, cx], [0, f, cy], [0, 0, 1]])
        self._rays = self._pixel_rays()  # (H, W, 6)
        length = np.linalg.norm(self._rays[..., 3:], axis=-1, keepdims=True)
        self._directions = self._rays[..., 3:] / length  # (H, W, 3) unit

    def _pixel_rays(self) -> np.ndarray:
        """Rays whose unit of length is one metre of depth."""
        u, v = np.meshgrid(np.arange(self._config.width), np.arange(self._config.height))
        pixels = np.stack([u, v, np.ones_like(u)], -1)  # (H, W, 3)
        directions = pixels @ (self.T_world_camera[:3, :3] @ np.linalg.inv(self.K)).T
        origins = np.broadcast_to(self.T_world_camera[:3, 3], directions.shape)
        return np.concatenate([origins, directions], -1).astype(np.float32)

    def frame(
        self, scene: RayScene, palette: np.ndarray, stamp_s: float, rng: np.random.Generator
    ) -> CameraFrame:
        """One picture. `palette` has one RGB row per body of the scene and one for no hit."""
        hits = scene.cast(self._rays)
        cosine = np.abs(np.einsum('hwc,hwc->hw', hits.normals, self._directions))  # of incidence
        depth = noisy_depth(hits.t, cosine, self._config, rng)
        color = shade_lambert(hits, palette) * np.float32(255)
        if self._config.color_noise:
            grain = rng.standard_normal(color.shape[:2], np.float32)
            color += np.float32(self._config.color_noise) * grain[..., None]
        color = np.clip(color, 0, 255, out=color).astype(np.uint8)
        return CameraFrame(stamp_s, color, depth, self.K.copy(), self.T_world_camera.copy())


def axial_sigma_m(z: np.ndarray, cosine: np.ndarray) -> np.ndarray:
    """Nguyen et al. 2012, eq. 3: depth noise [m] at depth z [m] and the cosine of incidence."""
    sigma = 0.0012 + 0.0019 * (z - 0.4) ** 2
    steep = cosine < 0.5
    angle = np.arccos(np.maximum(cosine[steep], 0.17))
    sigma[steep] += (
        0.0001 / np.sqrt(np.maximum(z[steep], 0.1)) * angle**2 / (np.pi / 2 - angle) ** 2
    )
    return sigma


def noisy_depth(
    z: np.ndarray, cosine: np.ndarray, config: CameraConfig, rng: np.random.Generator
) -> np.ndarray:
    """Depth (H, W) float32 in whole millimetres, 0 in holes, from the true depth (inf: no hit)."""
    seen = (z > config.min_range_m) & (z < config.max_range_m)
    z = np.where(seen, z, np.float32(0))
    edge = cv2.dilate(z, KERNEL) - cv2.erode(z, KERNEL) > np.float32(EDGE_STEP) * z
    chance = rng.random(z.shape, np.float32)
    lost = (edge & (chance < config.edge_hole)) | (chance > 1.0 - config.dropout)
    lost |= ~seen | (cosine < np.cos(np.radians(config.grazing_deg)))
    noise = rng.standard_normal(z.shape, np.float32)
    z += np.float32(config.noise) * axial_sigma_m(z, cosine) * noise
    z = np.rint(z * np.float32(1000)) * np.float32(0.001)  # as a reader of 16-bit mm has it
    z[lost] = 0.0
    return z
