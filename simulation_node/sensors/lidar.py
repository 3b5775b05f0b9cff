"""A solid-state LiDAR whose rosette pattern never repeats."""

from __future__ import annotations

import numpy as np

from sakiyomi.sensing import LidarScan
from simulation_node.config import LidarConfig
from simulation_node.sensors.raycast import RayScene

PRISM_RPM = (7294.0, -4664.0)  # the two prisms of a Livox Mid-40


class Lidar:
    """Fixed in the world; x is the middle of the field of view."""

    def __init__(self, config: LidarConfig, T_world_lidar: np.ndarray):
        self._config, self.T_world_lidar = config, T_world_lidar

    def directions(self, stamp_s: float) -> np.ndarray:
        """Unit rays (N, 3) float32 of the scan that ends at `stamp_s`, in the sensor frame."""
        t = stamp_s + (np.arange(self._config.rays) / self._config.rays - 1) / self._config.rate_hz
        quarter = np.radians(self._config.fov_deg) / 4
        phases = [2 * np.pi * rpm / 60.0 * t for rpm in PRISM_RPM]
        angles = sum(quarter * np.stack([np.cos(p), np.sin(p)], -1) for p in phases)  # (N, 2)
        radius = np.linalg.norm(angles, axis=-1, keepdims=True)
        sideways = angles * np.sinc(radius / np.pi)
        return np.concatenate([np.cos(radius), sideways], -1).astype(np.float32)

    def scan(self, scene: RayScene, stamp_s: float, rng: np.random.Generator) -> LidarScan:
        """One sweep; rays that come back too weak or not at all are left out."""
        c, R = self._config, self.T_world_lidar[:3, :3].astype(np.float32)
        directions = self.directions(stamp_s)
        world = directions @ R.T
        origins = np.broadcast_to(self.T_world_lidar[:3, 3].astype(np.float32), world.shape)
        hits = scene.cast(np.concatenate([origins, world], -1))
        cosine = np.abs(np.einsum('nc,nc->n', hits.normals, world))
        seen = (hits.t > c.min_range_m) & (hits.t < c.max_range_m)
        seen &= cosine > np.cos(np.radians(c.grazing_deg))
        seen &= rng.random(len(seen)) >= c.dropout
        noise = c.noise_m * rng.standard_normal(len(seen))
        ranges = np.where(seen, hits.t, 0.0) + noise
        points = (directions * ranges[:, None])[seen].astype(np.float32)
        return LidarScan(stamp_s, points, self.T_world_lidar.copy())
