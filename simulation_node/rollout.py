"""The engine as a predictor: rolled out from hulls of observed points, poses and twists."""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import ConvexHull

from sakiyomi.geometry import inverse
from sakiyomi.scene import GripperCommand, HandMotion
from simulation_node.cell import SimulatedCell
from simulation_node.config import PHYSICS_HZ, SimulationConfig
from simulation_node.hidden import Hidden
from simulation_node.meshes import Shape, write_obj
from simulation_node.objects import ObjectModel

GRIP_S = 0.2
PATCH_M = 0.004  # half the side of what a pad is taken to touch


@dataclass(frozen=True)
class RolloutBody:
    """One object to roll out."""

    points_m: np.ndarray  # (N, 3) whose convex hull it is, its own frame
    T_world_object: np.ndarray  # (4, 4)
    twist: np.ndarray  # (6,) of its frame's origin
    hidden: Hidden
    held: bool = False  # between the fingers


class HullWorld:
    """A cell of its own that starts every rollout anew."""

    def __init__(self) -> None:
        self._cell = SimulatedCell(SimulationConfig(scene='empty', count=0, hand_only=True))
        self._folder = tempfile.TemporaryDirectory(prefix='sakiyomi_hulls_')
        self._written = 0

    def close(self) -> None:
        """Release the engine and the temporary files."""
        self._cell.close()
        self._folder.cleanup()

    def roll_out(
        self,
        bodies: list[RolloutBody],
        times_s: np.ndarray,
        action: HandMotion | None = None,
        hand: tuple[np.ndarray, float] | None = None,
    ) -> np.ndarray:
        """Poses (H, N, 4, 4) of the bodies at times (H,) [s] from now.

        Args:
            bodies: as they are now.
            times_s: rising.
            action: what the free hand does meanwhile; None parks it.
            hand: its grasp frame (4, 4) and opening [m] as they are now; None: as planned.
        """
        cell = self._cell
        cell.reset(0, scene='empty', count=0)
        if action is not None:
            cell.put_hand(*(hand or (action.T_world_grasp[0], float(action.finger_width_m[0]))))
        names = [self._add(body) for body in bodies]
        if action is not None:
            force_n = max(action.force_n, 1e-3)
            cell.command_gripper(GripperCommand(float(action.finger_width_m[-1]), force_n))
            self._grip(bodies, names)
            cell.command_hand(action.times_s, action.T_world_grasp)
        poses = np.zeros((len(times_s), len(bodies), 4, 4))
        start_s = cell.time_s
        for row, time_s in enumerate(times_s):
            cell.step(start_s + time_s - cell.time_s)
            poses[row] = [cell.world.objects.pose(name) for name in names]
        return poses

    def _grip(self, bodies: list[RolloutBody], names: list[str]) -> None:
        """Let the fingers close on what is held, which a hull does not fit exactly."""
        if not any(body.held for body in bodies):
            return
        for _ in range(round(GRIP_S * PHYSICS_HZ)):
            for body, name in zip(bodies, names, strict=True):
                self._cell.place(name, body.T_world_object, np.zeros(6))
            self._cell.step(1.0 / PHYSICS_HZ)
        for body, name in zip(bodies, names, strict=True):
            self._cell.place(name, body.T_world_object, body.twist)

    def _add(self, body: RolloutBody) -> str:
        hull = ConvexHull(body.points_m.astype(float), qhull_options='QJ')
        index = np.full(len(body.points_m), -1)
        index[hull.vertices] = np.arange(len(hull.vertices))
        vertices = body.points_m[hull.vertices].astype(np.float32)
        triangles = _outward(vertices, index[hull.simplices])
        self._written += 1
        path = Path(self._folder.name) / f'hull_{self._written}.obj'  # the engine caches by name
        write_obj(path, vertices, triangles)
        link = ET.Element('link', name='hull')
        geometry = ET.SubElement(ET.SubElement(link, 'collision'), 'geometry')
        ET.SubElement(geometry, 'mesh', filename=str(path))
        shape = Shape(vertices, triangles.astype(np.uint32), None)
        model = ObjectModel('hull', path, link, shape)
        name = self._cell.add(model, body.T_world_object, 1.0, body.hidden)
        self._cell.place(name, body.T_world_object, body.twist)
        path.unlink()
        return name


def standing(
    points_m: np.ndarray, T_world_object: np.ndarray, table_height_m: float, near_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Points (M, 3) and pose (4, 4) that rest on the table where they nearly do.

    What lies lower than `near_m` above the table is continued down to it, for no sensor sees the
    table under an object; what reaches below the table is raised.
    """
    world = points_m @ T_world_object[:3, :3].T + T_world_object[:3, 3]
    low = float(world[:, 2].min()) - table_height_m
    T = T_world_object.copy()
    if low < 0.0:
        T[2, 3] -= low
        return points_m, T
    if low > near_m:
        return points_m, T
    foot = world[world[:, 2] < table_height_m + low + near_m].copy()
    foot[:, 2] = table_height_m
    T_object_world = inverse(T_world_object)
    foot = foot @ T_object_world[:3, :3].T + T_object_world[:3, 3]
    return np.vstack([points_m, foot]), T


def between_pads(
    points_m: np.ndarray,
    T_world_object: np.ndarray,
    T_world_grasp: np.ndarray,
    width_m: float,
    contacts_m: np.ndarray,
) -> np.ndarray:
    """Points (M, 3) of a held object that fit the opening, and reach the pads where it is felt.

    Args:
        points_m: (N, 3) in the object frame.
        T_world_object: (4, 4).
        T_world_grasp: (4, 4) y closes.
        width_m: the opening.
        contacts_m: (n, 3) centres of pressure on the pads, world frame.
    """
    T_grasp_object = inverse(T_world_grasp) @ T_world_object
    inside = points_m @ T_grasp_object[:3, :3].T + T_grasp_object[:3, 3]
    inside[:, 1] = np.clip(inside[:, 1], -0.5 * width_m, 0.5 * width_m)
    T_grasp_world = inverse(T_world_grasp)
    felt = contacts_m @ T_grasp_world[:3, :3].T + T_grasp_world[:3, 3]
    felt[:, 1] = np.sign(felt[:, 1]) * 0.5 * width_m
    patch = np.array([[x, 0.0, z] for x in (-PATCH_M, PATCH_M) for z in (-PATCH_M, PATCH_M)])
    fitted = np.vstack([inside, *(at + patch for at in felt)])
    back = inverse(T_grasp_object)
    return fitted @ back[:3, :3].T + back[:3, 3]


def _outward(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The triangles, each turned so that its normal points away from the middle."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    inward = np.einsum('fi,fi->f', normal, a - vertices.mean(axis=0)) < 0.0
    turned = triangles.copy()
    turned[inward] = triangles[inward][:, ::-1]
    return turned
