"""Tracked objects: their points in a colour of their own, a box, and a label; a click selects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import viser

from sakiyomi.geometry import make_transform
from sakiyomi.scene import ObjectState
from viewer_node.layers.robot import wxyz
from viewer_node.theme import color_of_id

POINT_SIZE_M = 0.0028
LABEL_ABOVE_M = 0.025
MIN_BOX_M = 0.008
CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
EDGES = np.array([(a, b) for a in range(8) for b in range(a) if bin(a ^ b).count('1') == 1])


@dataclass
class _ObjectHandles:
    frame: viser.FrameHandle
    points: viser.PointCloudHandle
    edges: viser.LineSegmentsHandle
    body: viser.MeshHandle
    label: viser.LabelHandle


class ObjectsLayer:
    """Draws each tracked object; `on_select(object_id)` is called when one is clicked."""

    def __init__(self, scene: viser.SceneApi, on_select: Callable[[int], None]):
        self._scene = scene
        self._on_select = on_select
        self._handles: dict[int, _ObjectHandles] = {}
        self.selected: int | None = None

    def show(self, objects: tuple[ObjectState, ...]) -> None:
        """Draw these objects and no others."""
        for gone in set(self._handles) - {state.id for state in objects}:
            self._handles.pop(gone).frame.remove()
        for state in objects:
            handles = self._handles.get(state.id) or self._add(state)
            self._update(handles, state)

    def _update(self, handles: _ObjectHandles, state: ObjectState) -> None:
        center, size = box_of(state.points_m)
        T_world_box = state.T_world_object @ make_transform(translation=center)
        handles.frame.position = T_world_box[:3, 3]
        handles.frame.wxyz = wxyz(T_world_box)
        handles.points.points = (state.points_m - center).astype(np.float32)
        handles.edges.points = (CORNERS * size)[EDGES].astype(np.float32)
        handles.edges.thickness = 2.6 if state.id == self.selected else 1.2
        handles.body.scale = tuple(map(float, size))
        handles.body.opacity = 0.22 if state.id == self.selected else 0.06
        # the label stands above the object, whichever way the object is turned
        above = T_world_box[:3, :3].T @ np.array([0, 0, _half_height(T_world_box, size)])
        handles.label.position = above
        handles.label.text = label_of(state)
        handles.label.font_screen_scale = 0.9 if state.visible or state.held else 0.65

    def _add(self, state: ObjectState) -> _ObjectHandles:
        name, color = f'/objects/{state.id}', color_of_id(state.id)
        scene = self._scene
        handles = _ObjectHandles(
            frame=scene.add_frame(name, show_axes=False),
            points=scene.add_point_cloud(
                f'{name}/points',
                np.zeros((1, 3), np.float32),
                color,
                point_size=POINT_SIZE_M,
                point_shape='circle',
            ),
            edges=scene.add_line_segments(
                f'{name}/edges',
                np.zeros((12, 2, 3), np.float32),
                color,
                thickness=1.2,
                thickness_units='screen',
            ),
            body=scene.add_box(
                f'{name}/body', color=color, opacity=0.06, cast_shadow=False, receive_shadow=False
            ),
            label=scene.add_label(
                f'{name}/label', '', anchor='bottom-center', font_screen_scale=0.9
            ),
        )
        handles.body.on_click(lambda _: self._on_select(state.id))
        self._handles[state.id] = handles
        return handles


def box_of(points_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre (3,) and edge lengths (3,) [m] of the box around the points in their own frame."""
    if not len(points_m):
        return np.zeros(3), np.full(3, MIN_BOX_M)
    low, high = points_m.min(0), points_m.max(0)
    return (low + high) / 2, np.maximum(high - low, MIN_BOX_M)


def label_of(state: ObjectState) -> str:
    """The id, and what is special about the object now."""
    speed_mps = float(np.linalg.norm(state.twist[:3]))
    notes = [f'#{state.id}']
    if state.held:
        notes.append('held')
    elif not state.visible:
        return f'#{state.id} hidden'
    if speed_mps > 0.02:
        notes.append(f'{speed_mps:.2f} m/s')
    return '  '.join(notes)


def _half_height(T_world_box: np.ndarray, size: np.ndarray) -> float:
    return float(np.abs(T_world_box[2, :3]) @ size / 2) + LABEL_ABOVE_M
