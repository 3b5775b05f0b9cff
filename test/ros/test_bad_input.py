import array
import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, PointCloud2
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from sakiyomi.paths import share_dir
from sakiyomi_interfaces.srv import PushObject, ResetScene, SetConveyor, SpawnObject
from sakiyomi_ros.messages.conversions import to_stamp
from sakiyomi_ros.messages.point_clouds import to_xyz_cloud
from sakiyomi_ros.qos import topic_qos
from world_model_node.model.card import read_card

MODEL = read_card(share_dir('models')).short_hash
POINTS = np.random.default_rng(0).uniform(0.3, 0.6, (100, 3)).astype(np.float32)


def status_of(reports, name):
    every = (status for report in reversed(reports) for status in report.status)
    return next((status for status in every if status.name == name), None)


def values_of(reports, name):
    status = status_of(reports, name)
    return {value.key: value.value for value in status.values} if status else {}


def send_until(observer, publisher, make, condition, what):
    """Send again and again: the other side may not have found the publisher yet."""

    def attempt():
        publisher.publish(make())
        observer.spin(0.2)
        return condition()

    observer.wait_for(attempt, what)


def test_malformed_messages_are_counted_and_the_node_lives_on(start, observer):
    process = start('world_model_node.node', '-p', 'diagnostics_period_s:=0.1')
    reports = observer.collect(DiagnosticArray, '/diagnostics')
    clouds = observer.node.create_publisher(PointCloud2, 'lidar/points', 5)
    images = observer.node.create_publisher(Image, 'camera/color/image_raw', 5)
    stamps = itertools.count(100)
    observer.wait_for(lambda: clouds.get_subscription_count(), 'the subscription')
    observer.wait_for(lambda: images.get_subscription_count(), 'the subscription')
    lidar, color = 'world_model: lidar/points', 'world_model: camera/color/image_raw'

    def wrong_step():
        message = to_xyz_cloud(POINTS, next(stamps), 'lidar_link')
        message.point_step = 10
        return message

    def with_nans():
        points = POINTS.copy()
        points[::2] = np.nan
        return to_xyz_cloud(points, next(stamps), 'lidar_link')

    def unknown_frame():
        return to_xyz_cloud(POINTS, next(stamps), 'nowhere')

    def dropped(name):
        return int(values_of(reports, name).get('dropped', 0))

    send_until(
        observer, clouds, wrong_step, lambda: dropped(lidar) >= 1, 'a wrong step to be counted'
    )
    assert 'point_step' in values_of(reports, lidar)['last_reason']
    assert status_of(reports, lidar).level in (DiagnosticStatus.WARN, DiagnosticStatus.STALE)
    reason = 'nowhere'
    send_until(
        observer,
        clouds,
        unknown_frame,
        lambda: reason in values_of(reports, lidar)['last_reason'],
        'an unknown frame to be counted',
    )
    before = int(values_of(reports, lidar)['received'])
    send_until(
        observer,
        clouds,
        with_nans,
        lambda: int(values_of(reports, lidar)['received']) > before,
        'a cloud with NaNs to be used without them',
    )
    send_until(
        observer, images, Image, lambda: dropped(color) >= 1, 'an empty image to be counted'
    )
    assert process.running
    status, errors = process.end()
    assert status == 0, errors
    assert errors.count('point_step') == 1  # throttled


def test_a_clock_that_jumps_back_makes_the_world_model_start_over(start, observer):
    period = ('-p', 'diagnostics_period_s:=0.1')
    process = start('world_model_node.node', '-p', 'use_sim_time:=true', *period)
    clock = observer.node.create_publisher(Clock, '/clock', topic_qos('/clock').offered)
    reports = observer.collect(DiagnosticArray, '/diagnostics')
    tick = itertools.count(1000)

    def later():
        return Clock(clock=to_stamp(0.1 * next(tick)))

    def is_active():
        return status_of(reports, 'world_model: dynamics')

    send_until(observer, clock, later, is_active, 'the active node')
    for time_s in (1000.0, 3.0):
        for _ in range(20):
            clock.publish(Clock(clock=to_stamp(time_s)))
            observer.spin(0.1)
    status, errors = process.end()
    assert status == 0
    assert errors.count('the clock jumped back') == 1


@pytest.mark.parametrize(
    ('dynamics', 'level', 'words'),
    [
        (
            'learned',
            DiagnosticStatus.OK,
            f'world_model onnxruntime {MODEL}',
        ),
        ('physics_prior', DiagnosticStatus.WARN, 'physics prior in place of the learned model'),
    ],
)
def test_what_predicts_says_what_it_is(start, observer, dynamics, level, words):
    parameters = ('-p', f'dynamics:={dynamics}', '-p', 'engine:=onnxruntime')
    start('world_model_node.node', '-p', 'diagnostics_period_s:=0.1', *parameters)
    reports = observer.collect(DiagnosticArray, '/diagnostics')
    name = 'world_model: dynamics'
    status = observer.wait_for(lambda: status_of(reports, name), 'the dynamics on /diagnostics')
    assert status.level == level
    assert words in status.message


def segmentation_of(observer, reports):
    name = 'world_model: segmentation'
    return observer.wait_for(lambda: status_of(reports, name), 'the segmenter on /diagnostics')


@pytest.mark.parametrize('wanted', ['network', 'clustering'])
def test_the_segmenter_that_was_asked_for_is_well(start, observer, wanted):
    parameters = ('-p', 'diagnostics_period_s:=0.1', '-p', f'segmenter:={wanted}')
    start('world_model_node.node', *parameters)
    reports = observer.collect(DiagnosticArray, '/diagnostics')
    status = segmentation_of(observer, reports)
    assert status.level == DiagnosticStatus.OK
    assert status.message.startswith(wanted)


WITHOUT_MODEL = """import sys
from pathlib import Path

from world_model_node.segmentation import segmenter

segmenter.share_dir = lambda _: Path('/nowhere')
from world_model_node.node import main

sys.exit(main())
"""


def test_a_network_that_does_not_load_is_said_to_be_replaced(
    start, observer, tmp_path, monkeypatch
):
    (tmp_path / 'without_model.py').write_text(WITHOUT_MODEL)
    folders = [str(tmp_path), str(Path(__file__).parents[2]), os.environ.get('PYTHONPATH', '')]
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(filter(None, folders)))
    process = start('without_model', '-p', 'diagnostics_period_s:=0.1')
    reports = observer.collect(DiagnosticArray, '/diagnostics')
    status = segmentation_of(observer, reports)
    assert status.level == DiagnosticStatus.WARN
    assert status.message == 'clustering in place of the network'
    assert process.running


def test_an_input_that_never_comes_is_stale(start, observer):
    start('world_model_node.node', '-p', 'diagnostics_period_s:=0.1')
    reports = observer.collect(DiagnosticArray, '/diagnostics')

    def stale():
        status = status_of(reports, 'world_model: camera/color/image_raw')
        return status and status.level == DiagnosticStatus.STALE

    observer.wait_for(stale, 'a stale camera on /diagnostics')
    assert stale()


def test_the_simulation_answers_bad_requests_and_counts_bad_commands(start, observer):
    arguments = ('-p', 'count:=0', '-p', 'scene:=empty', '-p', 'diagnostics_period_s:=0.1')
    process = start('simulation_node.node', *arguments)
    nan = float('nan')
    push = PushObject.Request(name='nobody')
    answer = observer.call(PushObject, '/simulation/push', push)
    assert not answer.success and 'nobody' in answer.message
    spawn = SpawnObject.Request(path='/nowhere/thing.urdf')
    assert not observer.call(SpawnObject, '/simulation/spawn', spawn).success
    reset = ResetScene.Request(objects='/nowhere', seed=1)
    answer = observer.call(ResetScene, '/simulation/reset', reset)
    assert not answer.success and '/nowhere' in answer.message
    reset = ResetScene.Request(scene='heap', seed=1)
    answer = observer.call(ResetScene, '/simulation/reset', reset)
    assert not answer.success and 'heap' in answer.message
    conveyor = SetConveyor.Request()
    conveyor.velocity.x = nan
    assert not observer.call(SetConveyor, '/simulation/conveyor', conveyor).success
    reports = observer.collect(DiagnosticArray, '/diagnostics')
    topic = 'arm_controller/joint_trajectory'
    arm = observer.node.create_publisher(JointTrajectory, topic, topic_qos(topic).offered)
    observer.wait_for(lambda: arm.get_subscription_count(), 'the subscription')
    message = JointTrajectory(joint_names=['elbow'])
    message.points = [_point([0.0])]
    send_until(
        observer,
        arm,
        lambda: message,
        lambda: 'elbow' in values_of(reports, f'simulation: {topic}').get('last_reason', ''),
        'the bad command to be counted',
    )
    assert process.running


def _point(positions):
    return JointTrajectoryPoint(positions=array.array('d', positions))
