"""In lockstep the simulation goes on when it is answered: a seed gives the same run each time."""

import itertools
import multiprocessing

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from test_bad_input import status_of
from test_lifecycle import state, transition
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from sakiyomi.robot.robot_description import compose
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi_interfaces.msg import Heartbeat, ObjectStateArray, StageTimes
from sakiyomi_ros.messages.conversions import from_stamp
from sakiyomi_ros.qos import topic_qos

LOCKSTEP = ('-p', 'lockstep:=true', '-p', 'real_time_factor:=0.0', '-p', 'autostart:=false')
SCENE = ('-p', 'count:=2', '-p', 'seed:=5')
COMMANDS = 'arm_controller/joint_trajectory'


def publisher(observer, kind, topic):
    return observer.node.create_publisher(kind, topic, topic_qos(topic).offered)


def collect(observer, kind, topic):
    return observer.collect(kind, topic, topic_qos(topic).requested)


def begin(observer, node='simulation'):
    for number in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        assert transition(observer, node, number)


class FakePlanner:
    """Answers a state when the test says so, after commands that hold the arm."""

    def __init__(self, observer):
        self.observer = observer
        self.heartbeats = publisher(observer, Heartbeat, 'planner/heartbeat')
        self.arm = publisher(observer, JointTrajectory, COMMANDS)
        self.states = collect(observer, JointState, 'joint_states')
        self.robot = RobotModel(compose())
        self.sent = 0

    def answer(self, commands=0):
        """The newest state."""
        newest, names = self.states[-1], list(self.robot.arm_joint_names)
        for _ in range(commands):
            at = dict(zip(newest.name, newest.position, strict=True))
            q = [at[name] for name in names]
            point = JointTrajectoryPoint(positions=q, velocities=[0.0] * len(q))
            self.arm.publish(JointTrajectory(joint_names=names, points=[point]))
        self.sent += commands
        beat = Heartbeat(commands=self.sent)
        beat.header.stamp = beat.scene = newest.header.stamp
        self.heartbeats.publish(beat)

    def instants(self):
        """How many instants there were: a state that waits for its answer is sent again."""
        return len({from_stamp(state.header.stamp) for state in self.states})

    def next_state(self):
        count = self.instants()
        self.observer.wait_for(lambda: self.instants() > count, 'the next state')


@pytest.fixture
def simulation(start, observer):
    process = start('simulation_node.node', *LOCKSTEP, *SCENE, '-p', 'diagnostics_period_s:=0.1')
    observer.wait_for(lambda: state(observer, 'simulation') == 'unconfigured', 'the simulation')
    return process


def test_each_state_waits_for_the_planner_and_no_longer(simulation, observer):
    planner = FakePlanner(observer)
    clocks = collect(observer, Clock, '/clock')
    observer.wait_for(lambda: state(observer, 'simulation'), 'the simulation')
    begin(observer)
    observer.wait_for(lambda: planner.states, 'the first state')
    for _ in range(5):
        observer.spin(0.3)  # time stands still
        stamp_s = from_stamp(planner.states[-1].header.stamp)
        assert clocks[-1].clock == planner.states[-1].header.stamp
        planner.answer()
        planner.next_state()
        step_s = from_stamp(planner.states[-1].header.stamp) - stamp_s
        assert step_s == pytest.approx(1 / 60, abs=1e-6)


def test_time_goes_on_when_every_command_that_was_announced_has_come_in(simulation, observer):
    planner = FakePlanner(observer)
    begin(observer)
    observer.wait_for(lambda: planner.states, 'the first state')
    observer.wait_for(planner.arm.get_subscription_count, 'the simulation to listen')
    for commands in (0, 2, 1):
        planner.answer(commands)
        planner.next_state()
    planner.sent += 1  # announced, and never sent
    planner.answer()
    count = planner.instants()
    observer.spin(1.0)
    assert planner.instants() == count
    planner.sent -= 1
    planner.answer(1)
    planner.next_state()


def test_each_picture_waits_for_the_world_model(simulation, observer):
    answers = publisher(observer, StageTimes, 'world_model/processing_time')
    pictures = collect(observer, Image, 'camera/depth/image_rect_raw')
    begin(observer)
    observer.wait_for(lambda: pictures, 'the first picture')
    for _ in range(4):
        count = len(pictures)
        observer.spin(0.5)
        assert len(pictures) == count
        answer = StageTimes()
        answer.header.stamp = pictures[-1].header.stamp
        answers.publish(answer)
        observer.wait_for(lambda n=count: len(pictures) > n, 'the next picture')


def test_a_planner_that_never_answers_stops_the_run_once_and_is_told(simulation, observer):
    planner = FakePlanner(observer)
    reports = observer.collect(DiagnosticArray, '/diagnostics')
    begin(observer)
    observer.wait_for(lambda: planner.instants() > 20, 'the simulation to go on')
    status = observer.wait_for(lambda: status_of(reports, 'simulation: pace'), 'the pace')
    assert status.level == DiagnosticStatus.ERROR
    assert status.message == 'no answer from planner'
    _, errors = simulation.end()
    assert errors.count('planner: no answer within 10 s') == 1


def keep_busy():
    for _ in itertools.count():
        pass


@pytest.fixture
def other_load():
    """A machine that does something else as well, for a run that must not notice."""
    processes = [multiprocessing.Process(target=keep_busy, daemon=True) for _ in range(2)]
    yield processes
    for process in processes:
        if process.is_alive():
            process.kill()
            process.join()


def scenes_of_a_run(start, observer, count):
    """The first scenes, from the first picture on."""
    world_model = start(
        'world_model_node.node', '-p', 'use_sim_time:=true', '-p', 'engine:=onnxruntime'
    )
    simulation = start('simulation_node.node', *LOCKSTEP, *SCENE)
    scenes = collect(observer, ObjectStateArray, 'world_model/objects')
    observer.wait_for(lambda: state(observer, 'world_model') == 'active', 'the world model')
    observer.spin(2.0)  # until every end has found its other end
    begin(observer)
    observer.wait_for(lambda: len(scenes) >= count, f'{count} scenes')
    assert simulation.end()[0] == 0
    assert world_model.end()[0] == 0
    return scenes[:count]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_scenes_whatever_else_the_machine_does(
    start, observer, other_load
):
    calm = scenes_of_a_run(start, observer, 25)
    for process in other_load:
        process.start()
    busy = scenes_of_a_run(start, observer, 25)
    assert calm[-1].objects
    for one, other in zip(calm, busy, strict=True):
        assert one.header.stamp == other.header.stamp
        assert not one.stale_modalities or one is calm[0]
        assert [o.id for o in one.objects] == [o.id for o in other.objects]
        for a, b in zip(one.objects, other.objects, strict=True):
            assert a.pose == b.pose and a.twist == b.twist
            np.testing.assert_array_equal(a.pose.covariance, b.pose.covariance)
