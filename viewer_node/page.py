"""The page at http://HOST:PORT: the work cell in 3-D between panels. No ROS in here."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable
from dataclasses import replace

import cv2
import numpy as np
import viser

from sakiyomi.errors import BadInputError
from sakiyomi.scene import ContactPoints, ObjectState, Prediction
from sakiyomi.sensing import TactileReading
from viewer_node.config import ViewerConfig
from viewer_node.layers.contacts import ContactsLayer
from viewer_node.layers.ghosts import GhostsLayer
from viewer_node.layers.objects import ObjectsLayer
from viewer_node.layers.plan import ChosenGrasp, PathSegment, PlanLayer
from viewer_node.layers.robot import RobotLayer
from viewer_node.layers.sensors import SensorsLayer
from viewer_node.layers.visuals import Visual
from viewer_node.panels.actions import PageActions
from viewer_node.panels.camera_labels import CameraLabels
from viewer_node.panels.cards import health_card, objects_card, pick_card, times_card
from viewer_node.panels.pads import draw_pads
from viewer_node.panels.panel import LAYERS, Panel
from viewer_node.panels.status import HealthLine, NodeTimes, PickStatus
from viewer_node.port import port_taken, require_free_port
from viewer_node.theme import ACCENT, LINK_COLORS, backdrop

TITLE = 'Sakiyomi'
CAMERA_FROM_M = (1.38, -1.10, 0.86)
CAMERA_AT_M = (0.40, 0.06, 0.19)


class Page:
    """Draws what it is given; asks nobody for anything."""

    def __init__(self, config: ViewerConfig, visuals: list[Visual], actions: PageActions):
        """Serve the page.

        Raises:
            BadInputError: the port is taken or the host is not this machine's.
        """
        self._config = config
        self._server = _serve(config.host, config.port)
        scene = self._server.scene
        self._set_up_view()
        self._parts = {part: scene.add_frame(f'/{part}', show_axes=False) for part in LAYERS}
        self._robot = RobotLayer(scene, [with_theme_color(visual) for visual in visuals])
        self._sensors = SensorsLayer(scene, config.jpeg_quality)
        self._objects = ObjectsLayer(scene, self._clicked)
        self._ghosts = GhostsLayer(
            scene, config.ghost_stride, config.ghost_points, config.ghost_min_motion_m
        )
        self._plan = PlanLayer(scene)
        self._contacts = ContactsLayer(scene)
        self._pads: dict[str, TactileReading] = {}
        self._camera_labels = CameraLabels()
        self._shown: tuple[ObjectState, ...] = ()
        blank = np.full((config.image_width * 3 // 4, config.image_width, 3), 30, np.uint8)
        self._panel = Panel(self._server.gui, actions, self._select, self._show_part)
        self._panel.add_sensor_panel(blank, self._drawn_pads(), config.jpeg_quality)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f'http://{self._config.host}:{self._config.port}'

    @property
    def has_viewers(self) -> bool:
        """Whether any browser shows the page."""
        return bool(self._server.get_clients())

    def close(self) -> None:
        """Stop serving."""
        with contextlib.redirect_stdout(io.StringIO()):  # viser says goodbye on stdout
            self._server.stop()

    def atomic_update(self) -> contextlib.AbstractContextManager:
        """What is shown in this context reaches the browser in one piece."""
        return self._server.atomic()

    def show_message(self, text: str) -> None:
        """One line that answers a button."""
        self._panel.show_message(text)

    def show_robot(self, link_poses: dict[str, np.ndarray]) -> None:
        """The links at their `T_world_link` (4, 4)."""
        self._robot.show(link_poses)

    def show_objects(self, objects: tuple[ObjectState, ...]) -> None:
        """The tracked objects, and no others."""
        self._panel.offer(tuple(sorted(state.id for state in objects)))
        self._objects.show(objects)
        self._shown = objects
        self._panel.objects.content = objects_card(objects)

    def show_predictions(
        self, predictions: tuple[Prediction, ...], objects: tuple[ObjectState, ...]
    ) -> None:
        """The futures of these objects."""
        self._ghosts.show(predictions, objects)

    def show_cloud(self, points_m: np.ndarray, colors: np.ndarray) -> None:
        """The fused cloud: (N, 3) [m] and (N, 3) uint8, thinned to the configured count."""
        step = max(1, -(-len(points_m) // self._config.max_cloud_points))
        self._sensors.show_cloud(points_m[::step], colors[::step])

    def place_camera(self, T_world_camera: np.ndarray, K: np.ndarray, shape: tuple) -> None:
        """The camera's optical frame, intrinsics (3, 3) and picture size (H, W)."""
        self._sensors.place_camera(T_world_camera, K, shape)
        self._camera_labels.place(T_world_camera, K, shape)

    def place_lidar(self, T_world_lidar: np.ndarray) -> None:
        """The LiDAR's frame."""
        self._sensors.place_lidar(T_world_lidar)

    def show_image(self, color: np.ndarray) -> None:
        """The camera's picture (H, W, 3) uint8 RGB."""
        width = self._config.image_width
        height = max(1, round(color.shape[0] * width / color.shape[1]))
        small = cv2.resize(color, (width, height), interpolation=cv2.INTER_AREA)
        self._panel.image.image = self._camera_labels.draw(small, self._shown)
        self._sensors.show_image(small)

    def show_touch(self, *readings: TactileReading) -> None:
        """The pads that have news."""
        self._pads.update({reading.side: reading for reading in readings})
        self._panel.pads.image = self._drawn_pads()

    def show_contacts(self, contacts: ContactPoints) -> None:
        """Where the robot is touched, and how hard."""
        self._contacts.show(contacts)

    def show_grasp(self, grasp: ChosenGrasp | None) -> None:
        """The grasp that the planner chose; None clears it."""
        self._plan.show_grasp(grasp)

    def show_path(self, parts: tuple[PathSegment, ...]) -> None:
        """The planned path of the grasp frame; with none the grasp goes too."""
        self._plan.show_path(parts)
        if not parts:
            self._plan.show_grasp(None)

    def show_pick(self, status: PickStatus) -> None:
        """How the pick is going."""
        self._panel.status.content = pick_card(status)

    def show_times(self, times: Iterable[NodeTimes], rates_hz: dict[str, float]) -> None:
        """How long the nodes' steps take, and how often the streams arrive."""
        self._panel.times.content = times_card(times, rates_hz)

    def show_health(self, lines: Iterable[HealthLine]) -> None:
        """The newest diagnostics of every node."""
        self._panel.health.content = health_card(lines)

    def _drawn_pads(self) -> np.ndarray:
        scale_n = self._config.tactile_full_scale_n
        return draw_pads(self._pads.get('left'), self._pads.get('right'), scale_n)

    def _clicked(self, object_id: int) -> None:
        self._panel.select(object_id)
        self._select(object_id)

    def _show_part(self, part: str, visible: bool) -> None:
        self._parts[part].visible = visible

    def _select(self, object_id: int | None) -> None:
        self._objects.selected = object_id

    def _set_up_view(self) -> None:
        server = self._server
        server.gui.configure_theme(
            dark_mode=True, brand_color=ACCENT, show_logo=False, show_share_button=False
        )
        server.scene.set_background_image(backdrop())
        server.initial_camera.position = CAMERA_FROM_M
        server.initial_camera.look_at = CAMERA_AT_M
        server.initial_camera.up = (0.0, 0.0, 1.0)
        server.initial_camera.fov = 0.75


def with_theme_color(visual: Visual) -> Visual:
    """Large surfaces in the page's own colours, so that the coloured points stand out."""
    return replace(visual, color=LINK_COLORS.get(visual.link, visual.color))


def _serve(host: str, port: int) -> viser.ViserServer:
    require_free_port(host, port)
    # viser greets on stdout and, where the port was taken meanwhile, moves on to the next one
    with contextlib.redirect_stdout(io.StringIO()):
        server = viser.ViserServer(host, port, label=TITLE, verbose=False)
    if server.get_port() != port:
        server.stop()
        raise BadInputError(port_taken(host, port))
    return server
