"""The objects of a scene: any folder of URDFs or meshes, or PyBullet's own random_urdfs."""

from __future__ import annotations

import importlib.util
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.spatial import ConvexHull

from sakiyomi.errors import BadInputError
from simulation_node.objects.meshes import MESH_SUFFIXES, Shape, link_shape

DENSITY_KG_M3 = 300.0  # assumed density of a mesh whose file gives no mass
MASS_RANGE_KG = (0.02, 0.5)


@dataclass(frozen=True)
class ObjectModel:
    """One kind of object, unscaled."""

    name: str
    path: Path
    link: ET.Element  # the URDF link, mesh paths as in the file
    shape: Shape

    @property
    def folder(self) -> Path:
        """The folder that mesh paths are relative to."""
        return self.path.parent


@dataclass(frozen=True)
class TrueObject:
    """Ground truth of one object, for evaluation alone."""

    name: str
    T_world_object: np.ndarray  # (4, 4)
    twist: np.ndarray  # (6,) m/s, rad/s of the object frame's origin, world frame
    mass_kg: float
    friction: float  # on the table and on the pads
    center_of_mass: np.ndarray  # (3,) m in the object frame


def object_files(objects: str) -> tuple[Path, ...]:
    """Every object file of a folder, sorted: its URDFs, else its meshes.

    Raises:
        BadInputError: no such folder, or nothing usable in it.
    """
    folder = _random_urdfs() if objects == 'random_urdfs' else Path(objects).expanduser()
    if not folder.is_dir():
        raise BadInputError(
            f'objects {objects!r}: no such folder, expected URDFs, meshes or random_urdfs'
        )
    return _listed(folder)


@lru_cache(maxsize=16)
def _listed(folder: Path) -> tuple[Path, ...]:
    files = sorted(f for f in folder.rglob('*') if f.is_file())
    urdfs = tuple(f for f in files if f.suffix.lower() == '.urdf')
    meshes = tuple(f for f in files if f.suffix.lower() in MESH_SUFFIXES)
    if not urdfs and not meshes:
        raise BadInputError(f'objects {folder}: expected .urdf, .obj, .stl or .ply, found none')
    return urdfs or meshes


def _random_urdfs() -> Path:
    spec = importlib.util.find_spec('pybullet_data')
    if spec is None or not spec.submodule_search_locations:
        raise BadInputError('objects random_urdfs: pybullet_data is not installed')
    return Path(next(iter(spec.submodule_search_locations))) / 'random_urdfs'


@lru_cache(maxsize=2048)
def load_object(path: Path) -> ObjectModel:
    """Read one URDF or mesh file.

    Raises:
        BadInputError: it cannot be read, or moves in itself.
    """
    path = path.resolve()
    if path.suffix.lower() == '.urdf':
        link = _urdf_link(path)
    elif path.suffix.lower() in MESH_SUFFIXES:
        link = _mesh_link(path)
    else:
        raise BadInputError(f'object {path}: expected .urdf, {", ".join(MESH_SUFFIXES)}')
    shape = link_shape(link, path.parent, 'visual')
    if not len(shape.triangles):
        shape = link_shape(link, path.parent, 'collision')
    if link.find('collision') is None or not len(shape.triangles):
        raise BadInputError(f'object {path}: expected a <collision> geometry, found none')
    return ObjectModel(path.stem, path, link, shape)


def _urdf_link(path: Path) -> ET.Element:
    try:
        robot = ET.parse(path).getroot()
    except (OSError, ET.ParseError) as error:
        raise BadInputError(f'object {path}: not a URDF: {error}') from error
    links = robot.findall('link')
    if len(links) != 1:
        raise BadInputError(f'object {path}: got {len(links)} links, expected one rigid link')
    return links[0]


def _mesh_link(path: Path) -> ET.Element:
    link = ET.Element('link', name=path.stem)
    for kind in ('visual', 'collision'):
        geometry = ET.SubElement(ET.SubElement(link, kind), 'geometry')
        ET.SubElement(geometry, 'mesh', filename=path.name)
    return link


def mass_and_center(shape: Shape) -> tuple[float, np.ndarray]:
    """Mass [kg] and centre of mass (3,) [m] of the shape's solid convex hull."""
    volume_m3, center_m = volume_and_center(shape)
    return float(np.clip(DENSITY_KG_M3 * volume_m3, *MASS_RANGE_KG)), center_m


def volume_and_center(shape: Shape) -> tuple[float, np.ndarray]:
    """Volume [m^3] and its centroid (3,) [m] of the shape's convex hull."""
    points = shape.vertices_m.astype(float)
    hull = ConvexHull(points, qhull_options='QJ')
    inside = points[hull.vertices].mean(0)
    corners = points[hull.simplices] - inside  # (F, 3, 3)
    volumes = np.abs(np.linalg.det(corners)) / 6.0  # (F,) of the tetrahedra from a point inside
    center = inside + (corners.sum(1) / 4.0 * volumes[:, None]).sum(0) / max(volumes.sum(), 1e-12)
    return float(volumes.sum()), center
