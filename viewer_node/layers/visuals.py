"""Visual meshes of a robot description: coloured triangles per link, read from its URDF."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import from_xyz_rpy, transform_points

DEFAULT_RGBA = (0.75, 0.77, 0.80, 1.0)


@dataclass(frozen=True)
class Visual:
    """The triangles of one colour of one link."""

    link: str
    vertices_m: np.ndarray  # (V, 3) float32 in the link frame
    faces: np.ndarray  # (F, 3) uint32
    color: tuple[int, int, int]
    opacity: float  # 1 is solid


def load_visuals(urdf_xml: str) -> list[Visual]:
    """Every <visual> of the description, merged per link and colour.

    Raises:
        BadInputError: the text is not XML, or a mesh cannot be read.
    """
    try:
        root = ElementTree.fromstring(urdf_xml)
    except ElementTree.ParseError as error:
        raise BadInputError(f'robot description: not valid XML: {error}') from error
    materials = _materials(root)
    groups: dict[tuple, list[tuple[np.ndarray, np.ndarray]]] = {}
    for link in root.iterfind('link'):
        for element in link.iterfind('visual'):
            for vertices, faces, rgba in _parts(element, materials):
                key = (link.get('name', ''), *(round(255 * channel) for channel in rgba))
                groups.setdefault(key, []).append((vertices, faces))
    return [_merged(key, parts) for key, parts in groups.items()]


def _merged(key: tuple, parts: list[tuple[np.ndarray, np.ndarray]]) -> Visual:
    offsets = np.cumsum([0] + [len(vertices) for vertices, _ in parts[:-1]])
    vertices = np.concatenate([v for v, _ in parts]).astype(np.float32)
    faces = np.concatenate([f + o for (_, f), o in zip(parts, offsets, strict=True)])
    return Visual(key[0], vertices, faces.astype(np.uint32), key[1:4], key[4] / 255)


def _parts(element: ElementTree.Element, materials: dict[str, tuple]):
    """(vertices in the link frame, faces, rgba) of each colour in one <visual>."""
    T_link_visual = _origin(element.find('origin'))
    rgba = _rgba(element.find('material'), materials)
    for mesh, own_rgba in _meshes(element.find('geometry')):
        yield transform_points(T_link_visual, mesh.vertices), mesh.faces, own_rgba or rgba


def _meshes(geometry: ElementTree.Element | None):
    """(mesh, its own colour or None) of a URDF <geometry>."""
    shape = geometry[0] if geometry is not None and len(geometry) else None
    if shape is None:
        return
    if shape.tag == 'mesh':
        yield from _mesh_file(shape.get('filename', ''), _floats(shape.get('scale'), (1, 1, 1)))
    elif shape.tag == 'box':
        yield trimesh.creation.box(_floats(shape.get('size'), (1, 1, 1))), None
    elif shape.tag == 'sphere':
        yield trimesh.creation.icosphere(3, float(shape.get('radius', 1))), None
    elif shape.tag == 'cylinder':
        radius, length = float(shape.get('radius', 1)), float(shape.get('length', 1))
        yield trimesh.creation.cylinder(radius, length, 48), None


def _mesh_file(filename: str, scale: tuple[float, ...]):
    path = Path(filename.removeprefix('file://'))
    try:
        loaded = trimesh.load_scene(path, process=False)
    except (OSError, ValueError, NotImplementedError) as error:
        raise BadInputError(f'mesh {path}: cannot be read: {error}') from error
    for mesh in loaded.dump():
        if isinstance(mesh, trimesh.Trimesh):
            mesh.apply_scale(scale)
            yield mesh, _own_color(mesh)


def _own_color(mesh: trimesh.Trimesh) -> tuple[float, ...] | None:
    material = getattr(mesh.visual, 'material', None)
    if material is None:
        return None
    return tuple(float(channel) / 255 for channel in material.main_color)


def _materials(root: ElementTree.Element) -> dict[str, tuple]:
    """Colours by name; some URDFs define them inside the links."""
    found = {}
    for material in root.iter('material'):
        color = material.find('color')
        if color is not None:
            found[material.get('name', '')] = _floats(color.get('rgba'), DEFAULT_RGBA)
    return found


def _rgba(material: ElementTree.Element | None, materials: dict[str, tuple]) -> tuple:
    if material is None:
        return DEFAULT_RGBA
    color = material.find('color')
    if color is not None:
        return _floats(color.get('rgba'), DEFAULT_RGBA)
    return materials.get(material.get('name', ''), DEFAULT_RGBA)


def _origin(origin: ElementTree.Element | None) -> np.ndarray:
    if origin is None:
        return np.eye(4)
    zero = (0.0, 0.0, 0.0)
    return from_xyz_rpy(
        np.array(_floats(origin.get('xyz'), zero)), np.array(_floats(origin.get('rpy'), zero))
    )


def _floats(text: str | None, default: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(map(float, text.split())) if text else default
