"""Streams as they really come: late, twice, out of order, silent, and with a clock that jumps."""

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState, PointCloud2

from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi.sensing import JointReading
from sakiyomi_interfaces.msg import ObjectStateArray, PredictionArray
from sakiyomi_ros.messages.beliefs import from_object_states
from sakiyomi_ros.messages.conversions import from_stamp, to_joint_state, to_stamp
from sakiyomi_ros.messages.images import to_camera_info, to_depth_image, to_image
from sakiyomi_ros.messages.point_clouds import to_cloud, to_xyz_cloud
from sakiyomi_ros.qos import topic_qos
from simulation_node.cell import SimulatedCell
from simulation_node.config import CameraConfig, SimulationConfig
from world_model_node.conversions import TAXEL_FIELDS

SENSORS = read_robot_config().sensors

PERIOD_S = 0.1
KINDS = {
    'camera/camera_info': CameraInfo,
    'camera/color/image_raw': Image,
    'camera/depth/image_rect_raw': Image,
    'lidar/points': PointCloud2,
    'tactile/left': PointCloud2,
    'tactile/right': PointCloud2,
    'joint_states': JointState,
}
CAMERA = tuple(topic for topic in KINDS if topic.startswith('camera/'))


@pytest.fixture(scope='module')
def readings():
    """The same two objects in every picture."""
    camera = CameraConfig(width=320, height=240)
    cell = SimulatedCell(SimulationConfig(count=2, seed=1, camera=camera))
    cell.step(0.5)
    yield cell.camera_frame(), cell.lidar_scan(), cell.tactile(), cell.joints()
    cell.close()


def messages(readings, t):
    """One of each topic, stamped `t`."""
    frame, scan, pads, joints = readings
    height, width = frame.depth_m.shape
    taxels = [
        to_cloud(
            dict(zip(TAXEL_FIELDS, np.hstack([p.points_m, p.forces_n]).T, strict=True)), t, 'pad'
        )
        for p in pads
    ]
    made = (
        to_camera_info(frame.intrinsics, width, height, t, SENSORS.camera_frame),
        to_image(frame.color, 'rgb8', t, SENSORS.camera_frame),
        to_depth_image(frame.depth_m, t, SENSORS.camera_frame),
        to_xyz_cloud(scan.points_m, t, SENSORS.lidar_frame),
        *taxels,
        to_joint_state(JointReading(t, joints.names, joints.position, joints.velocity)),
    )
    return dict(zip(KINDS, made, strict=True))


class Robot:
    """Plays the streams, the clock too."""

    def __init__(self, observer, readings):
        self._observer, self._readings = observer, readings
        node = observer.node
        self._publishers = {
            topic: node.create_publisher(kind, topic, topic_qos(topic).offered)
            for topic, kind in KINDS.items()
        }
        self._clock = node.create_publisher(Clock, '/clock', topic_qos('/clock').offered)
        self.t = 100.0
        for publisher in self._publishers.values():
            observer.wait_for(publisher.get_subscription_count, 'the world model')

    def instant(self, without=(), offsets=(0.0,)):
        """Let a period pass; every topic is sent once per offset of its stamp."""
        self.t += PERIOD_S
        for _ in range(2):  # best effort
            self._clock.publish(Clock(clock=to_stamp(self.t)))
        for offset in offsets:
            for topic, message in messages(self._readings, self.t + offset).items():
                if topic not in without:
                    self._publishers[topic].publish(message)
        self._observer.spin(0.25)

    def play_until(self, condition, what, **options):
        for _ in range(200):
            self.instant(**options)
            if condition():
                return
        raise AssertionError(f'waited 200 instants for {what}')


@pytest.fixture
def robot(start, observer, readings):
    start('world_model_node.node', '-p', 'use_sim_time:=true', '-p', 'diagnostics_period_s:=0.1')
    return Robot(observer, readings)


@pytest.fixture
def scenes(observer):
    return observer.collect(ObjectStateArray, 'world_model/objects')


def ids(message):
    return {state.id for state in message.objects}


def spread(message):
    return np.mean(
        [np.trace(o.pose_covariance[:3, :3]) for o in from_object_states(message).objects]
    )


def settle(robot, scenes):
    """Everything is fresh and all objects are there."""
    robot.play_until(
        lambda: scenes and len(scenes[-1].objects) >= 2 and not scenes[-1].stale_modalities,
        'the objects',
    )
    for _ in range(5):
        robot.instant()


@pytest.mark.parametrize(
    ('silent', 'name'),
    [(CAMERA, 'camera'), (('lidar/points',), 'lidar'), (('tactile/left',), 'tactile')],
)
def test_a_silent_modality_is_named_and_the_scene_goes_on(robot, scenes, observer, silent, name):
    reports = observer.collect(DiagnosticArray, '/diagnostics')
    settle(robot, scenes)
    before = scenes[-1]
    robot.play_until(
        lambda: name in scenes[-1].stale_modalities, f'a stale {name}', without=silent
    )
    for _ in range(3):
        robot.instant(without=silent)
    assert ids(scenes[-1]) == ids(before)
    if name != 'tactile':
        assert spread(scenes[-1]) > spread(before)

    def reported():
        lines = (line for report in reports[-5:] for line in report.status)
        return any(
            line.name == 'world_model: fusion'
            and line.level == DiagnosticStatus.WARN
            and name in line.message
            for line in lines
        )

    robot.play_until(reported, f'{name} on /diagnostics', without=silent)
    robot.play_until(lambda: not scenes[-1].stale_modalities, f'{name} again')
    assert ids(scenes[-1]) == ids(before)


@pytest.mark.parametrize(
    'offsets',
    [(0.0, 0.0), (0.0, -0.05, -0.1), (-0.15,), (0.0, -3.0)],
    ids=['twice', 'backwards', 'late', 'one straggler'],
)
def test_disorder_changes_neither_ids_nor_the_order_of_what_is_said(
    robot, scenes, observer, offsets
):
    settle(robot, scenes)
    before = scenes[-1]
    predictions = observer.collect(PredictionArray, 'world_model/predictions')
    scenes.clear()
    for _ in range(10):
        robot.instant(offsets=offsets)
    assert scenes and all(ids(message) == ids(before) for message in scenes)
    stamps = [from_stamp(message.header.stamp) for message in predictions]
    assert len(stamps) > 3 and (np.diff(stamps) >= 0.0).all()
    moved = [np.linalg.norm(o.twist[:3]) for m in scenes for o in from_object_states(m).objects]
    assert max(moved) < 0.1  # what lies still does not seem to move


def test_after_a_clock_that_jumped_back_the_world_is_built_anew(robot, scenes):
    settle(robot, scenes)
    robot.t = 20.0
    scenes.clear()
    robot.play_until(
        lambda: scenes and from_stamp(scenes[-1].header.stamp) < 60.0 and scenes[-1].objects,
        'objects in the new time',
    )
    stamps = [from_stamp(message.header.stamp) for message in scenes]
    late = next(k for k, stamp in enumerate(stamps) if stamp < 60.0)
    assert max(stamps[late:]) < 60.0  # nothing of the old time comes back
