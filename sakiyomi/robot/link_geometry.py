"""Collision geometry of the links of a URDF, as triangle meshes and convex parts."""

from __future__ import annotations

from dataclasses import dataclass

import coal
import numpy as np
import pinocchio as pin
from scipy.spatial import ConvexHull, QhullError

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import transform_points

ROUND_SEGMENTS = 24


@dataclass(frozen=True, eq=False)
class LinkGeometry:
    """All collision geometry of one link."""

    name: str
    joint_id: int  # pinocchio's joint that carries the link, 0 for the world
    T_joint_link: np.ndarray  # (4, 4)
    vertices_m: np.ndarray  # (V, 3) in the link frame
    triangles: np.ndarray  # (F, 3)
    convex_parts_m: tuple[np.ndarray, ...]  # vertices (v, 3) of each URDF element's convex hull


def read_link_geometry(model: pin.Model, urdf_xml: str) -> tuple[LinkGeometry, ...]:
    """Every link that has collision geometry, in the order of the URDF's tree.

    Raises:
        BadInputError: a mesh cannot be read, or a shape has no volume.
    """
    try:
        geometry = pin.buildGeomFromUrdfString(model, urdf_xml, pin.GeometryType.COLLISION)
    except (ValueError, RuntimeError) as error:
        raise BadInputError(f'URDF geometry: {" ".join(str(error).split())}') from error
    by_frame: dict[int, list[pin.GeometryObject]] = {}
    for item in geometry.geometryObjects:
        by_frame.setdefault(item.parentFrame, []).append(item)
    return tuple(_checked_link(model, frame_id, items) for frame_id, items in by_frame.items())


def _checked_link(
    model: pin.Model, frame_id: int, items: list[pin.GeometryObject]
) -> LinkGeometry:
    try:
        return _link(model, frame_id, items)
    except QhullError as error:
        name = model.frames[frame_id].name
        raise BadInputError(f'link {name}: its collision shape has no volume') from error


def _link(model: pin.Model, frame_id: int, items: list[pin.GeometryObject]) -> LinkGeometry:
    frame = model.frames[frame_id]
    meshes = []
    for item in items:
        vertices, triangles = triangulate(item.geometry)
        T_link_part = (frame.placement.inverse() * item.placement).homogeneous
        meshes.append((transform_points(T_link_part, vertices), triangles))
    offsets = np.cumsum([0] + [len(v) for v, _ in meshes[:-1]])
    return LinkGeometry(
        name=frame.name,
        joint_id=frame.parentJoint,
        T_joint_link=frame.placement.homogeneous,
        vertices_m=np.vstack([v for v, _ in meshes]),
        triangles=np.vstack([f + o for (_, f), o in zip(meshes, offsets, strict=True)]),
        convex_parts_m=tuple(v[ConvexHull(v).vertices] for v, _ in meshes),
    )


def triangulate(shape: coal.CollisionGeometry) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) and triangles (F, 3) of a mesh, box, cylinder, capsule or sphere.

    Raises:
        BadInputError: another kind of shape.
    """
    if isinstance(shape, coal.BVHModelBase):
        corners = (shape.tri_indices(i) for i in range(shape.num_tris))
        triangles = [(corner[0], corner[1], corner[2]) for corner in corners]
        return np.array(shape.vertices()), np.array(triangles, dtype=int)
    points = _surface_points(shape)
    hull = ConvexHull(points)
    return points, hull.simplices


def _surface_points(shape: coal.CollisionGeometry) -> np.ndarray:
    if isinstance(shape, coal.Box):
        signs = np.array(np.meshgrid(*3 * [[-1.0, 1.0]])).reshape(3, -1).T
        return signs * np.asarray(shape.halfSide)
    if isinstance(shape, coal.Sphere):
        return _rings(shape.radius, np.linspace(-1.5707, 1.5707, 13), 0.0)
    if isinstance(shape, coal.Capsule):
        return _rings(shape.radius, np.linspace(-1.5707, 1.5707, 13), shape.halfLength)
    if isinstance(shape, coal.Cylinder):
        angles = np.arange(ROUND_SEGMENTS) * 2 * np.pi / ROUND_SEGMENTS
        circle = shape.radius * np.c_[np.cos(angles), np.sin(angles)]
        return np.vstack(
            [np.c_[circle, np.full(len(circle), z * shape.halfLength)] for z in (-1, 1)]
        )
    raise BadInputError(f'collision shape: got {type(shape).__name__}, expected a mesh or a solid')


def _rings(radius: float, latitudes: np.ndarray, half_length: float) -> np.ndarray:
    angles = np.arange(ROUND_SEGMENTS) * 2 * np.pi / ROUND_SEGMENTS
    lat, lon = (a.ravel() for a in np.meshgrid(latitudes, angles))
    z = radius * np.sin(lat) + half_length * np.sign(lat)
    return np.c_[radius * np.cos(lat) * np.cos(lon), radius * np.cos(lat) * np.sin(lon), z]
