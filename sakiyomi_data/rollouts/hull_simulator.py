"""The engine as a predictor: rolled out from hulls of observed points, poses and twists."""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sakiyomi.geometry import inverse
from sakiyomi.scene import GripperCommand, HandMotion
from simulation_node.bodies.physical_properties import PhysicalProperties
from simulation_node.cell import SimulatedCell
from simulation_node.config import PHYSICS_HZ, SimulationConfig
from simulation_node.objects.hulls import COLLISION_MARGIN_M, clip_hull, hull_mesh
from simulation_node.objects.meshes import Shape, write_obj
from simulation_node.objects.object_files import ObjectModel

GRIP_SETTLE_S = 0.2
MAX_CUTS = 6  # at most, to free a hull from the hand
MIN_THICKNESS_SHARE = (
    0.5  # of a hull's extent is left by a cut; what is deeper in the hand is moved out
)


@dataclass(frozen=True)
class RolloutBody:
    """One object to roll out."""

    points_m: np.ndarray  # (N, 3) whose convex hull it is, its own frame
    T_world_object: np.ndarray  # (4, 4)
    twist: np.ndarray  # (6,) of its frame's origin
    properties: PhysicalProperties
    held: bool = False  # between the fingers
    model: ObjectModel | None = None  # its file, where that is known, in place of the hull
    scale: float = 1.0  # of the file


class HullSimulator:
    """A cell of its own that starts every rollout anew."""

    def __init__(self) -> None:
        self.cell = SimulatedCell(SimulationConfig(scene='empty', count=0, hand_only=True))
        self._folder = tempfile.TemporaryDirectory(prefix='sakiyomi_hulls_')
        self._written = 0

    def close(self) -> None:
        """Release the engine and the temporary files."""
        self.cell.close()
        self._folder.cleanup()

    def place_alone(self, body: RolloutBody) -> str:
        """A body alone on the table, for a motion of `cell`'s free hand; its name there."""
        self._clear()
        return self._add(body)

    def roll_out(
        self,
        bodies: list[RolloutBody],
        times_s: np.ndarray,
        action: HandMotion | None = None,
        hand: tuple[np.ndarray, float] | None = None,
        belt_mps: np.ndarray | None = None,
    ) -> np.ndarray:
        """Poses (H, N, 4, 4) of the bodies at times (H,) [s] from now.

        Args:
            bodies: as they are now.
            times_s: rising.
            action: what the free hand does meanwhile; None parks it.
            hand: its grasp frame (4, 4) and opening [m] as they are now; None: as planned.
            belt_mps: (3,) how the table's surface runs; None: it does not.
        """
        cell = self.cell
        self._clear()
        if belt_mps is not None:
            cell.set_conveyor(belt_mps)
        if action is not None:
            cell.reset_hand(*(hand or (action.T_world_grasp[0], float(action.finger_width_m[0]))))
        names = [self._add(body) for body in bodies]
        if action is not None:
            bodies, names = self._clear_of_hand(bodies, names)
            force_n = max(action.force_n, 1e-3)
            cell.command_gripper(GripperCommand(float(action.finger_width_m[-1]), force_n))
            self._settle_grip(bodies, names)
            cell.command_hand(action.times_s, action.T_world_grasp)
        poses = np.zeros((len(times_s), len(bodies), 4, 4))
        start_s = cell.time_s
        for row, time_s in enumerate(times_s):
            cell.step(start_s + time_s - cell.time_s)
            poses[row] = [cell.world.objects.pose(name) for name in names]
        return poses

    def _clear(self) -> None:
        self.cell.reset(0, scene='empty', count=0)
        self.cell.restart_clock()  # a rollout must not depend on those before it

    def _clear_of_hand(
        self, bodies: list[RolloutBody], names: list[str]
    ) -> tuple[list[RolloutBody], list[str]]:
        """The bodies without what of their hulls is inside the hand."""
        freed, new_names = [], []
        for body, name in zip(bodies, names, strict=True):
            for _ in range(MAX_CUTS):
                overlap = self.cell.world.hand_overlap(name)
                if overlap is None or body.held or body.model is not None:
                    break
                body = _clip_body(body, *overlap)
                self.cell.remove(name)
                name = self._add(body)
            freed.append(body)
            new_names.append(name)
        return freed, new_names

    def _settle_grip(self, bodies: list[RolloutBody], names: list[str]) -> None:
        """Let the fingers close on what is held, which a hull does not fit exactly."""
        if not any(body.held for body in bodies):
            return
        for _ in range(round(GRIP_SETTLE_S * PHYSICS_HZ)):
            for body, name in zip(bodies, names, strict=True):
                self.cell.set_object_state(name, body.T_world_object, np.zeros(6))
            self.cell.step(1.0 / PHYSICS_HZ)
        for body, name in zip(bodies, names, strict=True):
            self.cell.set_object_state(name, body.T_world_object, body.twist)

    def _add(self, body: RolloutBody) -> str:
        if body.model is not None:
            name = self.cell.add(body.model, body.T_world_object, body.scale, body.properties)
        else:
            name = self._add_hull(body)
        self.cell.set_object_state(name, body.T_world_object, body.twist)
        return name

    def _add_hull(self, body: RolloutBody) -> str:
        vertices, triangles = hull_mesh(body.points_m)
        self._written += 1
        path = Path(self._folder.name) / f'hull_{self._written}.obj'  # the engine caches by name
        write_obj(path, vertices, triangles)
        link = ET.Element('link', name='hull')
        geometry = ET.SubElement(ET.SubElement(link, 'collision'), 'geometry')
        ET.SubElement(geometry, 'mesh', filename=str(path))
        shape = Shape(vertices, triangles.astype(np.uint32), None)
        model = ObjectModel('hull', path, link, shape)
        name = self.cell.add(model, body.T_world_object, 1.0, body.properties)
        path.unlink()
        return name


def _clip_body(body: RolloutBody, at_m: np.ndarray, normal: np.ndarray) -> RolloutBody:
    """The body, less what lies behind the plane at `at_m`; moved where that is most of it."""
    T = body.T_world_object.copy()
    plane = at_m + (COLLISION_MARGIN_M + 1e-4) * normal
    world = body.points_m @ T[:3, :3].T + T[:3, 3]
    height = (world - plane) @ normal
    sunk_m = max(0.0, MIN_THICKNESS_SHARE * np.ptp(height) - height.max())
    T[:3, 3] += sunk_m * normal
    T_object_world = inverse(T)
    at = T_object_world[:3, :3] @ plane + T_object_world[:3, 3]
    points = clip_hull(body.points_m, at, T[:3, :3].T @ normal)
    return replace(body, points_m=points, T_world_object=T)
