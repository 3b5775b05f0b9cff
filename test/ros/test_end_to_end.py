"""The simulation and the world model in processes of their own, over Fast DDS."""

import ast
from pathlib import Path

import numpy as np
import pytest
from sensor_msgs.msg import Image

import planner_node
import viewer_node
import world_model_node
from sakiyomi.scene import HandMotion
from sakiyomi_interfaces.msg import ObjectStateArray, PredictionArray, StageTimes
from sakiyomi_interfaces.srv import Imagine, PushObject, ResetScene
from sakiyomi_ros.messages.beliefs import from_object_states, from_predictions, to_hand_motion
from sakiyomi_ros.messages.conversions import from_stamp
from sakiyomi_ros.messages.images import from_color_image, from_depth_image
from sakiyomi_ros.qos import topic_qos
from simulation_node.cell import SimulatedCell
from simulation_node.config import PHYSICS_HZ, SimulationConfig

COUNT, SEED = 3, 4
SCENE = ('-p', f'count:={COUNT}', '-p', f'seed:={SEED}')
TRUTH = 'simulation/ground_truth'


def collect(observer, message_type, topic):
    return observer.collect(message_type, topic, topic_qos(topic).requested)


@pytest.fixture
def stack(start):
    start('simulation_node.node', *SCENE, '-p', 'real_time_factor:=0.5')
    start('world_model_node.node', '-p', 'use_sim_time:=true')


def test_objects_become_finite_predictions_at_the_rate_of_the_camera(stack, observer):
    predictions = collect(observer, PredictionArray, 'world_model/predictions')
    objects = collect(observer, ObjectStateArray, 'world_model/objects')
    times = collect(observer, StageTimes, 'world_model/processing_time')
    observer.wait_for(lambda: any(m.predictions for m in predictions), 'a prediction')
    predictions.clear()
    observer.wait_for(lambda: len(predictions) >= 20, 'twenty more')
    stamps_s = np.array([from_stamp(m.header.stamp) for m in predictions])
    # in simulated time: on a loaded machine the simulation slows down, the rate stays
    assert 1.0 / np.median(np.diff(stamps_s)) > 8.0
    for message in predictions:
        for prediction in from_predictions(message):  # refuses what is not finite
            assert prediction.T_world_object.shape == (20, 4, 4)
            steps_s = np.diff(prediction.stamps_s)
            np.testing.assert_allclose(steps_s, 0.05, atol=1e-6)
            eigenvalues = np.linalg.eigvalsh(prediction.pose_covariance)
            assert (eigenvalues > 0.0).all()
    scene = from_object_states(objects[-1])
    assert len(scene.objects) >= 1
    assert all(np.isfinite(state.points_m).all() for state in scene.objects)
    assert times[-1].latency_milliseconds > 0.0
    assert 'publish' in times[-1].stages


def test_what_if_is_answered_for_each_candidate_or_refused_with_a_reason(stack, observer):
    objects = collect(observer, ObjectStateArray, 'world_model/objects')
    observer.wait_for(lambda: any(m.objects for m in objects), 'an object')
    answer = observer.call(Imagine, '/world_model/imagine', Imagine.Request(object_ids=[99999]))
    assert not answer.success and '99999' in answer.message
    T_world_grasp = np.tile(np.diag([1.0, -1.0, -1.0, 1.0]), (3, 1, 1))  # pointing down
    T_world_grasp[:, :3, 3] = 0.5, 0.0, 0.3
    motion = HandMotion(np.array([0.0, 0.5, 1.0]), T_world_grasp, np.full(3, 0.08), 10.0)
    request = Imagine.Request(candidates=[to_hand_motion(motion, 0.0)] * 2)
    answer = observer.call(Imagine, '/world_model/imagine', request)
    assert answer.success, answer.message
    assert len(answer.outcomes) == 2
    first, second = (from_predictions(outcome) for outcome in answer.outcomes)
    assert len(first) == len(second) >= 1
    request.candidates[1].times = []
    answer = observer.call(Imagine, '/world_model/imagine', request)
    assert not answer.success and 'hand motion' in answer.message


def test_a_push_out_of_nowhere_surprises_and_what_rests_does_not(stack, observer):
    objects = collect(observer, ObjectStateArray, 'world_model/objects')

    def largest(messages):
        """The largest surprise in so many new messages."""
        objects.clear()
        observer.wait_for(lambda: len(objects) >= messages, f'{messages} looks')
        return max((o.surprise for message in objects for o in message.objects), default=0.0)

    pushed = []
    for seed in (9, 10, 11, 12):  # a push may throw an object out of sight
        scene = observer.call(
            ResetScene, '/simulation/reset', ResetScene.Request(seed=seed, count=1)
        )
        observer.wait_for(lambda: objects and objects[-1].objects, 'an object')
        largest(25)
        calm = largest(10)
        push = PushObject.Request(name=scene.names[0])
        push.impulse.x = 0.08
        assert observer.call(PushObject, '/simulation/push', push).success
        pushed.append(largest(15))
        if pushed[-1] > max(1.5, 3.0 * calm):
            return
    raise AssertionError(f'no push surprised: got {pushed} sigmas')


def test_the_same_seed_gives_the_same_pictures_with_and_without_ros(start, observer):
    colors = collect(observer, Image, 'camera/color/image_raw')
    depths = collect(observer, Image, 'camera/depth/image_rect_raw')
    start('simulation_node.node', *SCENE)

    def pair():
        known = {from_stamp(depth.header.stamp): depth for depth in depths}
        both = ((c, known.get(from_stamp(c.header.stamp))) for c in colors)
        return next((p for p in both if p[1] is not None), None)

    color, depth = observer.wait_for(pair, 'a picture')
    stamp_s = from_stamp(color.header.stamp)
    assert round(stamp_s * 1e9) % 100_000_000 == 0  # a multiple of the camera's period
    cell = SimulatedCell(SimulationConfig(count=COUNT, seed=SEED))
    for _ in range(round(stamp_s * PHYSICS_HZ)):
        cell.step(1.0 / PHYSICS_HZ)
    frame = cell.camera_frame()
    cell.close()
    assert frame.stamp_s == pytest.approx(stamp_s)
    np.testing.assert_array_equal(from_color_image(color), frame.color)
    np.testing.assert_allclose(from_depth_image(depth), frame.depth_m, atol=0.0006)


def test_a_reset_lays_the_scene_of_its_seed(start, observer):
    start('simulation_node.node', *SCENE)
    request = ResetScene.Request(seed=9, count=2)
    first = observer.call(ResetScene, '/simulation/reset', request)
    assert first.success and len(first.names) == 2, first.message
    again = observer.call(ResetScene, '/simulation/reset', request)
    assert again.names == first.names


def test_the_ground_truth_reaches_no_node_of_ours(stack, observer):
    truth = collect(observer, ObjectStateArray, TRUTH)
    observer.wait_for(lambda: truth, 'the ground truth')
    objects = collect(observer, ObjectStateArray, 'world_model/objects')
    observer.wait_for(lambda: objects, 'the world model')
    listeners = observer.node.get_subscriptions_info_by_topic(f'/{TRUTH}')
    assert {info.node_name for info in listeners} == {'observer'}


@pytest.mark.parametrize('package', [world_model_node, planner_node, viewer_node])
def test_no_source_of_perception_or_planning_names_the_ground_truth(package):
    files = list(Path(package.__file__).parent.rglob('*.py'))
    assert len(files) > 20
    for path in files:
        tree = ast.parse(path.read_text())
        texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
        names = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
        modules = {n.module or '' for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        named = {str(text) for text in texts | names}
        assert not any('ground_truth' in name for name in named), path
        assert not any(module.startswith('simulation_node') for module in modules), path
