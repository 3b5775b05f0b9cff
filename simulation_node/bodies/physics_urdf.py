"""URDFs as the physics engine wants them: no visuals, meshes as OBJ, mass data in every link."""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from sakiyomi.robot.robot_description import resolve_mesh
from simulation_node.objects.meshes import read_mesh, write_obj
from simulation_node.objects.object_files import ObjectModel, mass_and_center


class PhysicsUrdfs:
    """Writes and remembers them in one folder."""

    def __init__(self, folder: Path):
        self._folder, self._written = folder, {}
        self._num_with_mass = 0

    def of_robot(
        self, name: str, urdf_xml: str, shifts: dict[str, np.ndarray] | None = None
    ) -> Path:
        """A part of the robot description; frames weigh nothing.

        Args:
            name: of the file.
            urdf_xml: with absolute mesh paths.
            shifts: link name to the (3,) m by which its collision shapes move, link frame.
        """
        robot = ET.fromstring(urdf_xml)
        for link in robot.findall('link'):
            self._prepare(link, self._folder)
            if link.find('inertial') is None:
                link.append(_inertial(0.0))
            if shifts and link.get('name') in shifts:
                _shift(link, shifts[link.get('name')])
        return self._write(name, robot)

    def of_object(self, model: ObjectModel) -> Path:
        """One object; its inertia is left to the engine, which takes it from the shape."""
        if model.path not in self._written:
            link = copy.deepcopy(model.link)
            self._prepare(link, model.folder)
            mass = link.find('inertial/mass')
            if mass is None or float(mass.get('value')) <= 0.0:
                for inertial in link.findall('inertial'):
                    link.remove(inertial)
                link.append(_inertial(*mass_and_center(model.shape)))
            robot = ET.Element('robot', name=model.name)
            robot.append(link)
            self._written[model.path] = self._write(f'object_{len(self._written)}', robot)
        return self._written[model.path]

    def of_object_with_mass(
        self, model: ObjectModel, mass_kg: float, center_m: np.ndarray
    ) -> Path:
        """One object of that mass, its centre of mass (3,) [m] moved there; a file each time."""
        link = copy.deepcopy(model.link)
        self._prepare(link, model.folder)
        for inertial in link.findall('inertial'):
            link.remove(inertial)
        link.append(_inertial(mass_kg, tuple(center_m)))
        robot = ET.Element('robot', name=model.name)
        robot.append(link)
        self._num_with_mass += 1
        return self._write(f'weighted_{self._num_with_mass}', robot)

    def _prepare(self, link: ET.Element, folder: Path) -> None:
        for visual in link.findall('visual'):
            link.remove(visual)
        inertial = link.find('inertial')
        if inertial is not None and inertial.find('inertia') is None:
            inertial.append(_inertial(0.0).find('inertia'))
        for mesh in link.iter('mesh'):
            path = resolve_mesh(mesh.get('filename', ''), folder)
            mesh.set('filename', str(path if path.suffix == '.obj' else self._as_obj(path)))

    def _as_obj(self, path: Path) -> Path:
        if path not in self._written:
            self._written[path] = self._folder / f'mesh_{len(self._written)}.obj'
            write_obj(self._written[path], *read_mesh(path))
        return self._written[path]

    def _write(self, name: str, robot: ET.Element) -> Path:
        path = self._folder / f'{name}.urdf'
        path.write_text(ET.tostring(robot, encoding='unicode'), encoding='utf-8')
        return path


def _shift(link: ET.Element, by_m: np.ndarray) -> None:
    for collision in link.findall('collision'):
        origin = collision.find('origin')
        if origin is None:
            origin = ET.SubElement(collision, 'origin')
        xyz = np.array([float(v) for v in origin.get('xyz', '0 0 0').split()]) + by_m
        origin.set('xyz', ' '.join(f'{v:.6g}' for v in xyz))


def _inertial(mass_kg: float, center_m=(0.0, 0.0, 0.0)) -> ET.Element:
    inertial = ET.Element('inertial')
    ET.SubElement(inertial, 'origin', xyz=' '.join(f'{v:.6g}' for v in center_m))
    ET.SubElement(inertial, 'mass', value=f'{mass_kg:.6g}')
    moment = '1' if mass_kg else '0'
    axes = {'ixx': moment, 'iyy': moment, 'izz': moment, 'ixy': '0', 'ixz': '0', 'iyz': '0'}
    ET.SubElement(inertial, 'inertia', axes)
    return inertial
