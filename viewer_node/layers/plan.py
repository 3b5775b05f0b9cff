"""What the planner chose: a gripper where it will grasp, and the way there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
import viser

from viewer_node.layers.robot import wxyz
from viewer_node.theme import color_of_probability

FINGER_LENGTH_M = 0.045
STEM_LENGTH_M = 0.06
BAR_M = 0.006
PATH_WIDTH_PX = 3.0


@dataclass(frozen=True)
class ChosenGrasp:
    """The grasp that the planner decided on."""

    object_id: int
    T_world_grasp: np.ndarray  # (4, 4); z approaches, y closes
    width_m: float
    force_n: float
    predicted_success: float


@dataclass(frozen=True)
class PathSegment:
    """One stretch of the planned motion of the grasp frame."""

    points_m: np.ndarray  # (N, 3) with N of 2 or more
    color: tuple[int, int, int]


class PlanLayer:
    """The chosen grasp and the path of the grasp frame."""

    def __init__(self, scene: viser.SceneApi):
        self._scene = scene

    def show_grasp(self, grasp: ChosenGrasp | None) -> None:
        """Draw the gripper, green for a sure grasp and red for a doubtful one."""
        if grasp is None:
            self._scene.remove_by_name('/plan/grasp')
            return
        glyph = gripper_glyph(grasp.width_m)
        self._scene.add_mesh_simple(
            '/plan/grasp',
            glyph.vertices,
            glyph.faces,
            color=color_of_probability(grasp.predicted_success),
            flat_shading=True,
            opacity=0.9,
            cast_shadow=False,
            position=grasp.T_world_grasp[:3, 3],
            wxyz=wxyz(grasp.T_world_grasp),
        )

    def show_path(self, parts: tuple[PathSegment, ...]) -> None:
        """Draw the lines that the grasp frame will follow; none clears them."""
        if not parts:
            self._scene.remove_by_name('/plan/path')
            return
        segments = [np.stack([p.points_m[:-1], p.points_m[1:]], axis=1) for p in parts]
        colors = [np.tile(np.array(p.color, np.uint8), (len(p.points_m) - 1, 2, 1)) for p in parts]
        self._scene.add_line_segments(
            '/plan/path',
            np.concatenate(segments).astype(np.float32),
            np.concatenate(colors),
            thickness=PATH_WIDTH_PX,
            thickness_units='screen',
        )


def gripper_glyph(width_m: float) -> trimesh.Trimesh:
    """Two fingers, a palm and a stem in the grasp frame, the fingers `width_m` apart inside."""
    y = (width_m + BAR_M) / 2
    palm_z = -FINGER_LENGTH_M
    bars = [
        ((BAR_M, BAR_M, FINGER_LENGTH_M), (0.0, y, palm_z / 2)),
        ((BAR_M, BAR_M, FINGER_LENGTH_M), (0.0, -y, palm_z / 2)),
        ((BAR_M, width_m + 2 * BAR_M, BAR_M), (0.0, 0.0, palm_z)),
        ((BAR_M, BAR_M, STEM_LENGTH_M), (0.0, 0.0, palm_z - STEM_LENGTH_M / 2)),
    ]
    boxes = [trimesh.creation.box(size) for size, _ in bars]
    for box, (_, center) in zip(boxes, bars, strict=True):
        box.apply_translation(center)
    return trimesh.util.concatenate(boxes)
