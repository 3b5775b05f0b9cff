"""Break messages the way that broken drivers, bad cables and other people's robots do."""

from __future__ import annotations

import array
import copy
import math
import struct
from random import Random

from sensor_msgs.msg import PointField

ODD_FLOATS = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-300, 1e300, -1e9, 3.4e38, 1e-45)
ODD_SIZES = (0, 1, 2, 3, 7, 159, 161, 65535, 2**31 - 1, 2**32 - 1)
ODD_NAMES = ('', 'x', 'panda_joint1', 'world', 'nowhere', '\x00', 'é' * 40, 'intensity', 'fx')
ENCODINGS = ('rgb8', 'bgr8', 'rgba8', 'mono8', '16UC1', '32FC1', 'mono16', 'yuv422', '8UC3', '')


def mutated(message, random: Random):
    """A copy with one to three faults, or now and then none."""
    message = copy.deepcopy(message)
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        fault = random.choice((_header, *FAULTS[type(message).__name__]))
        fault(message, random)
    return message


def _header(message, random):
    stamp = message.header.stamp
    kind = random.randrange(5)
    if kind == 0:
        message.header.frame_id = random.choice(ODD_NAMES)
    elif kind == 1:
        stamp.sec = random.choice((0, -1, -(2**31), 2**31 - 1, stamp.sec + 3600))
    elif kind == 2:
        stamp.nanosec = random.choice((0, 10**9 - 1, 2**32 - 1))
    elif kind == 3:
        stamp.sec = max(stamp.sec - random.randrange(5), 0)
    else:
        stamp.sec += random.randrange(5)


def _bytes(message, random):
    data = bytearray(message.data)
    for _ in range(random.randrange(1, 60)):
        if data:
            data[random.randrange(len(data))] = random.randrange(256)
    message.data = array.array('B', bytes(data))


def _length(message, random):
    data = bytes(message.data)
    kind = random.randrange(4)
    cut = random.randrange(len(data) + 1)
    data = (data[:cut], data + data[:cut], b'', data[::-1])[kind]
    message.data = array.array('B', data)


def _floats_in_data(message, random):
    data = bytearray(message.data)
    for _ in range(random.randrange(1, 200)):
        if len(data) >= 4:
            at = 4 * random.randrange(len(data) // 4)
            struct.pack_into('<f', data, at, _float32(random))
    message.data = array.array('B', bytes(data))


def _float32(random):
    value = random.choice((*ODD_FLOATS, random.uniform(-5.0, 5.0)))
    return value if not math.isfinite(value) else max(min(value, 3.4e38), -3.4e38)


def _image_shape(message, random):
    name = random.choice(('height', 'width', 'step', 'encoding', 'is_bigendian'))
    if name == 'encoding':
        message.encoding = random.choice(ENCODINGS)
    elif name == 'is_bigendian':
        message.is_bigendian = random.randrange(256)
    else:
        setattr(message, name, random.choice(ODD_SIZES))


def _cloud_shape(message, random):
    name = random.choice(('height', 'width', 'point_step', 'row_step', 'is_bigendian'))
    value = bool(random.randrange(2)) if name == 'is_bigendian' else random.choice(ODD_SIZES)
    setattr(message, name, value)


def _cloud_fields(message, random):
    fields = list(message.fields)
    kind = random.randrange(5)
    if not fields or kind == 0:
        fields.append(PointField(name=random.choice(ODD_NAMES), offset=0, datatype=7, count=1))
    elif kind == 1:
        fields.pop(random.randrange(len(fields)))
    else:
        field = random.choice(fields)
        if kind == 2:
            field.offset = random.choice(ODD_SIZES)
        elif kind == 3:
            field.datatype = random.randrange(256)
        else:
            field.count, field.name = random.choice(ODD_SIZES), random.choice(ODD_NAMES)
    message.fields = fields


def _intrinsics(message, random):
    k = list(message.k)
    k[random.randrange(9)] = random.choice(ODD_FLOATS)
    message.k = k


def _joint_values(message, random):
    values = list(getattr(message, name := random.choice(('position', 'velocity'))))
    if values and random.randrange(3):
        values[random.randrange(len(values))] = random.choice(ODD_FLOATS)
    else:
        values = values[: random.randrange(len(values) + 1)]
    setattr(message, name, values)


def _joint_names(message, random):
    names = list(message.name)
    if names:
        names[random.randrange(len(names))] = random.choice((*ODD_NAMES, names[0]))
    message.name = names[: random.choice((len(names), len(names) // 2))]


def _wrench(message, random):
    part = random.choice((message.wrench.force, message.wrench.torque))
    setattr(part, random.choice('xyz'), random.choice(ODD_FLOATS))


FAULTS = {
    'Image': (_bytes, _length, _floats_in_data, _image_shape),
    'PointCloud2': (_bytes, _length, _floats_in_data, _cloud_shape, _cloud_fields),
    'CameraInfo': (_intrinsics,),
    'JointState': (_joint_values, _joint_names),
    'WrenchStamped': (_wrench,),
}
