"""Ray casting on the CPU (Embree through Open3D) against rigid meshes that move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import open3d as o3d

from sakiyomi.geometry import transform_points
from simulation_node.objects.meshes import Shape

LIGHT = np.array([0.354, 0.253, 0.900], np.float32)  # unit, towards the light
AMBIENT = 0.45
NO_HIT_RGB = np.array([0.80, 0.82, 0.84], np.float32)


@dataclass(frozen=True)
class Hits:
    """What rays hit; arrays have the rays' leading shape."""

    t: np.ndarray  # (...) float32 in units of the ray's direction; inf where nothing is hit
    normals: np.ndarray  # (..., 3) float32 unit, world frame
    body: np.ndarray  # (...) index into the cast's names; -1 where nothing is hit


class RayScene:
    """All visible meshes at one instant."""

    def __init__(self, shapes: dict[str, Shape], poses: dict[str, np.ndarray]):
        self.names = tuple(name for name, shape in shapes.items() if len(shape.triangles))
        self._scene = o3d.t.geometry.RaycastingScene()
        for name in self.names:
            vertices = transform_points(poses[name], shapes[name].vertices_m)
            self._scene.add_triangles(
                o3d.core.Tensor(np.ascontiguousarray(vertices)),
                o3d.core.Tensor(shapes[name].triangles),
            )

    def cast(self, rays: np.ndarray) -> Hits:
        """Cast (..., 6) float32 rays: origin and direction in the world frame."""
        result = self._scene.cast_rays(o3d.core.Tensor(rays))
        # the engine's "no hit" is the largest uint32: -1 once it is signed
        body = result['geometry_ids'].numpy().view(np.int32)
        return Hits(result['t_hit'].numpy(), result['primitive_normals'].numpy(), body)


def shade_lambert(hits: Hits, palette: np.ndarray) -> np.ndarray:
    """Lambert-shaded colours (..., 3) in [0, 1] from one RGB row per body, the last for no hit."""
    lambert = AMBIENT + (1.0 - AMBIENT) * np.abs(hits.normals @ LIGHT)
    lambert[hits.body < 0] = 1.0
    return np.take(palette, hits.body, axis=0, mode='wrap') * lambert[..., None]
