"""Triangle meshes: read from files and from URDF links, in whatever form the files come."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import open3d as o3d

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import transform_points
from sakiyomi.robot.robot_description import origin_of, resolve_mesh

MESH_SUFFIXES = ('.obj', '.stl', '.ply')
MAX_TRIANGLES = 1500  # most triangles of a mesh file; finer meshes cost ray-casting time only


@dataclass(frozen=True)
class Shape:
    """A triangle mesh in its link's frame, of one colour."""

    vertices_m: np.ndarray  # (V, 3) float32
    triangles: np.ndarray  # (F, 3) uint32
    rgb: tuple[float, float, float] | None  # None where the file gives no colour of its own


@lru_cache(maxsize=4096)
def read_mesh(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) float32 and triangles (F, 3) uint32 of an OBJ, STL or PLY file.

    Raises:
        BadInputError: the file cannot be read or holds no triangle.
    """
    if not path.is_file():
        raise BadInputError(f'mesh {path}: no such file')
    with o3d.utility.VerbosityContextManager(o3d.utility.VerbosityLevel.Error):
        mesh = o3d.io.read_triangle_mesh(str(path))
        if len(mesh.triangles) > MAX_TRIANGLES:
            mesh.merge_close_vertices(1e-6)
            bare = o3d.geometry.TriangleMesh(mesh.vertices, mesh.triangles)
            mesh = bare.simplify_quadric_decimation(MAX_TRIANGLES)
    vertices = np.asarray(mesh.vertices, np.float32)
    if not len(mesh.triangles) or not np.isfinite(vertices).all():
        raise BadInputError(f'mesh {path}: expected triangles with finite vertices, found none')
    return vertices, np.asarray(mesh.triangles, np.uint32)


def link_shape(link: ET.Element, folder: Path, kind: str = 'visual', scale: float = 1.0) -> Shape:
    """All `visual` or `collision` geometry of a URDF link as one mesh in the link frame.

    Raises:
        BadInputError: a mesh that cannot be read, or a geometry that URDF does not know.
    """
    vertices, triangles, rgb, offset = [], [], None, 0
    for element in link.findall(kind):
        v, f = _geometry(element.find('geometry'), folder)
        vertices.append(transform_points(origin_of(element), v))
        triangles.append(f + np.uint32(offset))
        offset += len(v)
        rgb = rgb or _color(element)
    if not vertices:
        return Shape(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint32), None)
    return Shape(np.concatenate(vertices) * np.float32(scale), np.concatenate(triangles), rgb)


def _geometry(geometry: ET.Element, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    shape = geometry[0]
    create = o3d.geometry.TriangleMesh
    if shape.tag == 'mesh':
        scale = np.fromstring(shape.get('scale', '1 1 1'), sep=' ', dtype=np.float32)
        v, f = read_mesh(resolve_mesh(shape.get('filename', ''), folder))
        return v * scale, f
    if shape.tag == 'box':
        size = np.fromstring(shape.get('size'), sep=' ')
        mesh = create.create_box(*size).translate(-size / 2)
    elif shape.tag == 'sphere':
        mesh = create.create_sphere(float(shape.get('radius')))
    elif shape.tag == 'cylinder':
        mesh = create.create_cylinder(float(shape.get('radius')), float(shape.get('length')))
    else:
        raise BadInputError(
            f'URDF geometry: got <{shape.tag}>, expected mesh, box, sphere or cylinder'
        )
    return np.asarray(mesh.vertices, np.float32), np.asarray(mesh.triangles, np.uint32)


def _color(element: ET.Element) -> tuple[float, float, float] | None:
    color = element.find('material/color')
    if color is None:
        return None
    red, green, blue = (float(v) for v in color.get('rgba').split()[:3])
    return red, green, blue


def write_obj(path: Path, vertices_m: np.ndarray, triangles: np.ndarray) -> None:
    """Write the plain OBJ that the physics engine reads whatever the original's format."""
    lines = [f'v {x:.7g} {y:.7g} {z:.7g}' for x, y, z in vertices_m]
    lines += [f'f {a} {b} {c}' for a, b, c in triangles + 1]
    path.write_text('\n'.join(lines) + '\n', encoding='ascii')
