import numpy as np
import pytest
from geometry_msgs.msg import Pose

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import from_xyz_rpy
from sakiyomi.scene import (
    ContactPoints,
    Gaussian,
    HandMotion,
    HiddenProperties,
    ObjectState,
    Prediction,
    Scene,
)
from sakiyomi_ros.messages.beliefs import (
    from_contacts,
    from_hand_motion,
    from_object_states,
    from_predictions,
    to_contacts,
    to_hand_motion,
    to_object_states,
    to_predictions,
    to_scene_cloud,
)
from sakiyomi_ros.messages.conversions import from_pose, from_stamp, to_pose, to_stamp
from world_model_node import conversions
from world_model_node.config import MarkerConfig

RNG = np.random.default_rng(0)
T = np.stack([from_xyz_rpy(RNG.normal(size=3), RNG.normal(size=3)) for _ in range(20)])


def covariances(n):
    A = RNG.normal(size=(n, 6, 6))
    return A @ A.transpose(0, 2, 1)


def make_state(number=7):
    return ObjectState(
        id=number,
        stamp_s=12.5,
        T_world_object=T[0],
        pose_covariance=covariances(1)[0],
        twist=RNG.normal(size=6),
        twist_covariance=covariances(1)[0],
        points_m=RNG.normal(size=(40, 3)).astype(np.float32),
        colors=RNG.integers(0, 256, (40, 3)).astype(np.uint8),
        properties=HiddenProperties(
            Gaussian(0.2, 0.01), Gaussian(0.5, 0.04), Gaussian(0.1, 0.02), T[1, :3, 3], np.eye(3)
        ),
        held=True,
        completed=np.arange(40) >= 30,
        slip_probability=0.3,
        surprise=4.5,
    )


def make_prediction(number=7):
    return Prediction(
        object_id=number,
        stamps_s=12.5 + 0.05 * np.arange(1, 21),
        T_world_object=T,
        pose_covariance=covariances(20),
        twist=RNG.normal(size=(20, 6)),
        twist_covariance=covariances(20),
        held_probability=np.linspace(0.0, 1.0, 20),
        slip_probability=np.linspace(1.0, 0.0, 20),
    )


def assert_same(a, b):
    assert type(a) is type(b)
    for name, value in vars(a).items():
        other = getattr(b, name)
        if isinstance(value, np.ndarray):
            np.testing.assert_allclose(other, value, atol=1e-9, err_msg=name)
        elif hasattr(value, '__dataclass_fields__'):
            assert_same(value, other)
        else:
            assert value == other, name


def test_an_object_survives_the_round_trip():
    scene = Scene(12.5, (make_state(),), np.empty((0, 3), np.float32), 0.01, ('lidar',))
    read = from_object_states(to_object_states(scene))
    assert (read.stamp_s, read.table_height_m, read.stale) == (12.5, 0.01, ('lidar',))
    assert_same(scene.objects[0], read.objects[0])


def test_the_fused_cloud_keeps_its_normals():
    cloud, normals = np.random.default_rng(0).standard_normal((2, 50, 3)).astype(np.float32)
    scene = Scene(12.5, (), cloud, normals=normals)
    read = from_object_states(to_object_states(scene), to_scene_cloud(scene))
    np.testing.assert_array_equal(read.cloud_m, cloud)
    np.testing.assert_array_equal(read.normals, normals)


def test_contacts_survive_the_round_trip():
    rows = np.random.default_rng(0).standard_normal((3, 5, 3)).astype(np.float32)
    contacts = ContactPoints(*rows, np.array([7, 7, -1, 8, 8]), np.array([0, 1, 1, 2, 0]))
    cloud = np.zeros((0, 3), np.float32)
    assert_same(contacts, from_contacts(to_contacts(Scene(1.0, (), cloud, contacts=contacts))))
    assert_same(ContactPoints(), from_contacts(to_contacts(Scene(1.0, (), cloud))))


def test_a_prediction_survives_the_round_trip():
    prediction = make_prediction()
    message = to_predictions([prediction], 12.5, 'physics_prior')
    assert message.model == 'physics_prior'
    assert_same(prediction, from_predictions(message)[0])


def test_a_hand_motion_survives_the_round_trip():
    motion = HandMotion(0.1 * np.arange(20), T, np.full(20, 0.04), 15.0)
    assert_same(motion, from_hand_motion(to_hand_motion(motion, 1.0)))


def test_a_hand_motion_of_unequal_lengths_is_refused():
    message = to_hand_motion(HandMotion(0.1 * np.arange(20), T, np.full(20, 0.04), 15.0), 1.0)
    message.finger_width = message.finger_width[:-1]
    with pytest.raises(BadInputError, match='19 widths'):
        from_hand_motion(message)


def test_a_prediction_of_unequal_lengths_is_refused():
    message = to_predictions([make_prediction()], 12.5, 'physics_prior')
    message.predictions[0].held_probability = []
    with pytest.raises(BadInputError, match='0 held_probability'):
        from_predictions(message)


def test_stamps_are_exact_to_the_nanosecond():
    for stamp_s in (0.0, 1.0 / 240.0, 123456.789, 1.9e9 + 0.25):
        assert abs(from_stamp(to_stamp(stamp_s)) - stamp_s) < 1e-6
    assert to_stamp(24 * (1.0 / 240.0)).nanosec == 100_000_000


def test_a_quaternion_of_length_zero_is_refused():
    pose = to_pose(T[0])
    np.testing.assert_allclose(from_pose(pose), T[0], atol=1e-9)
    pose.orientation.w = pose.orientation.x = pose.orientation.y = pose.orientation.z = 0.0
    with pytest.raises(BadInputError, match='quaternion'):
        from_pose(pose)
    np.testing.assert_array_equal(from_pose(Pose()), np.eye(4))  # ROS's default is the identity


def test_the_mirrors_say_what_the_predictions_say():
    predictions = [make_prediction(3), make_prediction(9)]
    trajectories = conversions.predicted_trajectories(predictions, 12.5)
    assert trajectories.joint_names == ['object_3', 'object_9']
    assert len(trajectories.points) == 20
    last = trajectories.points[-1]
    assert last.time_from_start.sec == 1
    end = predictions[1].T_world_object[-1, :3, 3]
    got = last.transforms[1].translation
    np.testing.assert_allclose([got.x, got.y, got.z], end)
    pose = conversions.predicted_poses(predictions, 12.5).poses[1]
    np.testing.assert_allclose(from_pose(pose)[:3, 3], end)
    scene = Scene(12.5, (make_state(3),), np.empty((0, 3), np.float32))
    markers = conversions.markers(scene, predictions, MarkerConfig())
    names = {marker.ns for marker in markers.markers}
    assert {'objects', 'ids', 'predictions'} <= names
