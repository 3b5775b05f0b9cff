"""The robot and the work cell, posed by the joints."""

from __future__ import annotations

import numpy as np
import viser

from sakiyomi.geometry import quat_xyzw
from viewer_node.layers.visuals import Visual


def wxyz(T: np.ndarray) -> np.ndarray:
    """The quaternion of a (4, 4) transform in viser's order."""
    return np.roll(quat_xyzw(T), 1)


class RobotLayer:
    """One frame per link with its meshes below it; only the frames move."""

    def __init__(self, scene: viser.SceneApi, visuals: list[Visual]):
        self._frames: dict[str, viser.FrameHandle] = {}
        self._posed: dict[str, np.ndarray] = {}
        for number, visual in enumerate(visuals):
            if visual.link not in self._frames:
                self._frames[visual.link] = scene.add_frame(
                    f'/robot/{visual.link}', show_axes=False, visible=False
                )
            scene.add_mesh_simple(
                f'/robot/{visual.link}/visual_{number}',
                visual.vertices_m,
                visual.faces,
                color=visual.color,
                opacity=None if visual.opacity >= 1.0 else visual.opacity,
                side='double' if visual.opacity < 1.0 else 'front',
            )

    def show(self, link_poses: dict[str, np.ndarray]) -> None:
        """Move the links to their `T_world_link` (4, 4)."""
        for link, frame in self._frames.items():
            if link not in link_poses or self._is_there(link, link_poses[link]):
                continue
            self._posed[link] = link_poses[link]
            frame.position = link_poses[link][:3, 3]
            frame.wxyz = wxyz(link_poses[link])
            frame.visible = True

    def _is_there(self, link: str, T_world_link: np.ndarray) -> bool:
        posed = self._posed.get(link)
        return posed is not None and np.allclose(posed, T_world_link, atol=1e-5)
