"""Write recordings."""

from mcap_ros2.writer import Writer
from rclpy.serialization import serialize_message

from sakiyomi.geometry import quat_xyzw

TF = """geometry_msgs/TransformStamped[] transforms
================================================================================
MSG: geometry_msgs/TransformStamped
std_msgs/Header header
string child_frame_id
geometry_msgs/Transform transform
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
================================================================================
MSG: geometry_msgs/Transform
geometry_msgs/Vector3 translation
geometry_msgs/Quaternion rotation
================================================================================
MSG: geometry_msgs/Vector3
float64 x
float64 y
float64 z
================================================================================
MSG: geometry_msgs/Quaternion
float64 x
float64 y
float64 z
float64 w
"""


class Bag:
    """An MCAP as rosbag2 writes it."""

    def __init__(self, path):
        self.path = path
        self._stream = path.open('wb')
        self._writer = Writer(self._stream)
        self._channels = {}

    def add(self, topic, message, stamp_s):
        raw, ns = self._writer._writer, round(stamp_s * 1e9)
        kind = type(message).__name__
        if topic not in self._channels:
            schema = raw.register_schema(f'sensor_msgs/msg/{kind}', 'ros2msg', b'')
            self._channels[topic] = raw.register_channel(topic, 'cdr', schema)
        raw.add_message(self._channels[topic], ns, serialize_message(message), ns)

    def add_tf(self, topic, parent, child, T, stamp_s):
        if 'tf' not in self._channels:
            self._channels['tf'] = self._writer.register_msgdef('tf2_msgs/msg/TFMessage', TF)
        seconds, ns = divmod(round(stamp_s * 1e9), 10**9)
        x, y, z, w = quat_xyzw(T)
        place = dict(zip('xyz', T[:3, 3].tolist(), strict=True))
        transform = {
            'header': {'stamp': {'sec': seconds, 'nanosec': ns}, 'frame_id': parent},
            'child_frame_id': child,
            'transform': {'translation': place, 'rotation': {'x': x, 'y': y, 'z': z, 'w': w}},
        }
        ns = round(stamp_s * 1e9)
        message = {'transforms': [transform]}
        self._writer.write_message(topic, self._channels['tf'], message, ns, ns)

    def close(self):
        self._writer.finish()
        self._stream.close()
        return str(self.path)
