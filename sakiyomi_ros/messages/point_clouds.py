"""Point clouds between PointCloud2 messages and numpy arrays, by structured types, not loops."""

from __future__ import annotations

import array

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField

from sakiyomi.errors import BadInputError
from sakiyomi_ros.messages.conversions import header

KINDS = {
    PointField.INT8: np.int8,
    PointField.UINT8: np.uint8,
    PointField.INT16: np.int16,
    PointField.UINT16: np.uint16,
    PointField.INT32: np.int32,
    PointField.UINT32: np.uint32,
    PointField.FLOAT32: np.float32,
    PointField.FLOAT64: np.float64,
}
MAX_POINT_STEP = 65_536  # bytes; no sensor has so many fields


def to_cloud(columns: dict[str, np.ndarray], stamp_s: float, frame_id: str) -> PointCloud2:
    """Named (N,) columns as an unordered cloud of float32 fields."""
    n = len(next(iter(columns.values())))
    table = np.empty((n, len(columns)), np.float32)
    for i, column in enumerate(columns.values()):
        table[:, i] = column
    fields = [
        PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
        for i, name in enumerate(columns)
    ]
    step = 4 * len(columns)
    return PointCloud2(
        header=header(stamp_s, frame_id),
        height=1,
        width=n,
        fields=fields,
        is_bigendian=False,
        point_step=step,
        row_step=step * n,
        data=array.array('B', table.tobytes()),
        is_dense=True,
    )


def to_xyz_cloud(
    points_m: np.ndarray,
    stamp_s: float,
    frame_id: str,
    colors: np.ndarray | None = None,
    extra: dict[str, np.ndarray] | None = None,
) -> PointCloud2:
    """(N, 3) points, with (N, 3) uint8 colours packed as the field `rgb` and (N,) extra fields."""
    columns = dict(zip('xyz', np.asarray(points_m).reshape(-1, 3).T, strict=True))
    if colors is not None:
        r, g, b = np.asarray(colors).reshape(-1, 3).T.astype(np.uint32)
        columns['rgb'] = (r << 16 | g << 8 | b).view(np.float32)
    columns |= extra or {}
    return to_cloud(columns, stamp_s, frame_id)


def from_cloud(message: PointCloud2, names: tuple[str, ...] = ('x', 'y', 'z')) -> np.ndarray:
    """The (N, len(names)) float32 columns of those fields; points that are not finite are dropped.

    Raises:
        BadInputError: a field is missing, or steps, offsets and data do not fit together.
    """
    dtype = _point_type(message, names)
    rows = _rows(message)
    if rows.size == 0:
        return np.empty((0, len(names)), np.float32)
    points = rows.reshape(-1).view(dtype)
    table = np.empty((len(points), len(names)), np.float32)
    for i, name in enumerate(names):
        table[:, i] = points[name]
    finite = np.isfinite(table).all(axis=1)
    return table if finite.all() else table[finite]


def colors_of(message: PointCloud2) -> np.ndarray | None:
    """The (N, 3) uint8 colours of the packed field `rgb`, or None without one."""
    if not any(field.name == 'rgb' for field in message.fields):
        return None
    rows = _rows(message)
    if rows.size == 0:
        return np.empty((0, 3), np.uint8)
    points = rows.reshape(-1).view(_point_type(message, ('rgb',)))
    packed = np.ascontiguousarray(points['rgb']).view(np.uint32)
    return np.stack([packed >> 16 & 255, packed >> 8 & 255, packed & 255], axis=1).astype(np.uint8)


def has_field(message: PointCloud2, name: str) -> bool:
    """Whether the cloud has a field of that name."""
    return any(field.name == name for field in message.fields)


def _point_type(message: PointCloud2, names: tuple[str, ...]) -> np.dtype:
    fields = {field.name: field for field in message.fields}
    missing = [name for name in names if name not in fields]
    if missing:
        raise BadInputError(
            f'point cloud fields: got {", ".join(fields) or "none"},'
            f' expected also {", ".join(missing)}'
        )
    order = '>' if message.is_bigendian else '<'
    kinds = [_kind(fields[name]).newbyteorder(order) for name in names]
    offsets = [fields[name].offset for name in names]
    step = message.point_step
    if step > MAX_POINT_STEP:
        raise BadInputError(
            f'point cloud point_step: got {step} bytes, expected at most {MAX_POINT_STEP}'
        )
    for name, kind, offset in zip(names, kinds, offsets, strict=True):
        if offset + kind.itemsize > step:
            raise BadInputError(
                f'point cloud point_step: got {step} bytes,'
                f' expected at least {offset + kind.itemsize} to hold field {name}'
            )
    return np.dtype({'names': list(names), 'formats': kinds, 'offsets': offsets, 'itemsize': step})


def _kind(field: PointField) -> np.dtype:
    if field.datatype not in KINDS:
        raise BadInputError(
            f'point cloud field {field.name}: got datatype {field.datatype}, expected 1 to 8'
        )
    return np.dtype(KINDS[field.datatype])


def _rows(message: PointCloud2) -> np.ndarray:
    """(height, width * point_step) bytes."""
    height, row = message.height, message.width * message.point_step
    if message.row_step < row:
        raise BadInputError(
            f'point cloud row_step: got {message.row_step} bytes,'
            f' expected {row} for {message.width} points of {message.point_step}'
        )
    if len(message.data) != message.row_step * height:
        raise BadInputError(
            f'point cloud data: got {len(message.data)} bytes,'
            f' expected {message.row_step * height} ({height} rows of {message.row_step})'
        )
    if height == 0 or row == 0:
        return np.empty((0, 0), np.uint8)
    data = np.frombuffer(message.data, np.uint8).reshape(height, message.row_step)
    return np.ascontiguousarray(data[:, :row])
