"""One seed through the nodes over ROS 2 and through the closed loop: the same in both."""

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from rclpy.action import ActionClient
from test_lifecycle import state, transition

from planner_node.config import PlannerConfig
from sakiyomi_data.closed_loop.closed_loop import ClosedLoop
from sakiyomi_interfaces.action import Pick
from sakiyomi_interfaces.msg import Heartbeat, ObjectStateArray
from sakiyomi_ros.messages.beliefs import from_object_states
from sakiyomi_ros.messages.conversions import from_pose, from_stamp
from sakiyomi_ros.qos import topic_qos
from simulation_node.cell import SimulatedCell
from simulation_node.config import CameraConfig, SimulationConfig
from world_model_node.config import WorldModelConfig

SEED, COUNT, WIDTH, HEIGHT, FIXED_PLANNING_S = 11, 2, 320, 240, 1.0
PICK_S = 240.0  # on a loaded machine
OUTCOMES = {
    getattr(Pick.Result, name): name.lower()
    for name in dir(type(Pick.Result))
    if name[0].isupper()
}


def parameters(**values):
    return [word for name, value in values.items() for word in ('-p', f'{name}:={value}')]


@pytest.fixture
def nodes(start, observer):
    """All three in lockstep; simulated time begins when all of them listen."""
    common = parameters(use_sim_time='true')
    start('world_model_node.node', *common)
    start(
        'planner_node.node',
        *common,
        *parameters(lockstep='true', fixed_planning_s=FIXED_PLANNING_S),
    )
    start(
        'simulation_node.node',
        *parameters(lockstep='true', real_time_factor=0.0, autostart='false'),
        *parameters(seed=SEED, count=COUNT),
        '-p',
        f'camera.width:={WIDTH}',
        '-p',
        f'camera.height:={HEIGHT}',
    )
    for node, wanted in (
        ('world_model', 'active'),
        ('planner', 'active'),
        ('simulation', 'unconfigured'),
    ):
        observer.wait_for(lambda n=node, w=wanted: state(observer, n) == w, node)


class Witness:
    """What the nodes said and did in one pick."""

    def __init__(self, observer):
        self.observer = observer
        self.scenes = self._collect(ObjectStateArray, 'world_model/objects')
        self.beats = self._collect(Heartbeat, 'planner/heartbeat')
        self.feedback = []
        self._client = ActionClient(observer.node, Pick, '/planner/pick')

    def _collect(self, kind, topic):
        return self.observer.collect(kind, topic, topic_qos(topic).offered)

    def begin(self):
        self.observer.wait_for(self._client.server_is_ready, 'the planner')
        for number in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            assert transition(self.observer, 'simulation', number)

    def pick(self):
        self.observer.wait_for(lambda: any(len(s.objects) == COUNT for s in self.scenes), 'both')
        future = self._client.send_goal_async(
            Pick.Goal(), feedback_callback=lambda m: self.feedback.append(m.feedback)
        )
        self.observer.wait_for(future.done, 'the goal')
        result = future.result().get_result_async()
        self.observer.wait_for(result.done, 'the end of the pick', PICK_S)
        return result.result().result

    @property
    def began_s(self):
        """The first state that the pick was stepped by: a scene, too, makes the heart beat."""
        stamps = [from_stamp(beat.header.stamp) for beat in self.beats]
        steps = [k for k in range(1, len(stamps)) if stamps[k] != stamps[k - 1]]
        return next(stamps[k] for k in steps if self.beats[k].phase == 'plan')


@pytest.fixture
def loop():
    camera = CameraConfig(width=WIDTH, height=HEIGHT)
    cell = SimulatedCell(SimulationConfig(seed=SEED, count=COUNT, camera=camera))
    planner = PlannerConfig(fixed_planning_s=FIXED_PLANNING_S)
    yield ClosedLoop(cell, planner, WorldModelConfig(), predicts=True)
    cell.close()


def play(loop, began_s):
    """The same pick, begun at the same state; every scene by its stamp, and the job."""
    scenes = {}

    def note(loop):
        if loop.scene is not None:
            scenes[round(loop.scene.stamp_s, 6)] = loop.scene

    loop.on_step = note
    period_s = 1.0 / loop.cell.config.touch.rate_hz
    loop.run(began_s - period_s)
    job = loop.pick()
    loop.run(0.2)
    return scenes, job


def test_one_seed_gives_the_same_scenes_grasp_and_outcome_in_both(nodes, observer, loop):
    witness = Witness(observer)
    witness.begin()
    result = witness.pick()
    scenes, job = play(loop, witness.began_s)
    assert compare(witness.scenes, scenes) > 50
    assert OUTCOMES[result.outcome] == job.outcome, (result.reason, job.reason)
    assert result.reason == job.reason
    np.testing.assert_allclose(from_pose(result.grasp.pose), job.grasp.T_world_grasp, atol=1e-6)


def compare(messages, scenes):
    """How many scenes have been compared, all of them equal."""
    compared = 0
    for message in messages:
        ours = scenes.get(round(from_stamp(message.header.stamp), 6))
        if ours is None:
            continue
        theirs = from_object_states(message)
        assert [o.id for o in theirs.objects] == [o.id for o in ours.objects]
        for a, b in zip(theirs.objects, ours.objects, strict=True):
            np.testing.assert_allclose(a.T_world_object, b.T_world_object, atol=1e-6)
            np.testing.assert_allclose(a.twist, b.twist, atol=1e-6)
            np.testing.assert_allclose(a.pose_covariance, b.pose_covariance, atol=1e-6)
            np.testing.assert_allclose(a.points_m, b.points_m, atol=1e-6)
            assert (a.held, a.visible) == (b.held, b.visible)
            assert a.properties.mass_kg.mean == pytest.approx(b.properties.mass_kg.mean, abs=1e-6)
            assert a.surprise == pytest.approx(b.surprise, abs=1e-3)
        compared += 1
    return compared
