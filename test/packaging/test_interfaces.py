from importlib import import_module

import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseWithCovariance
from project_files import ROOT
from rclpy.serialization import deserialize_message, serialize_message

from sakiyomi_interfaces.action import Pick
from sakiyomi_interfaces.msg import ObjectPrediction, ObjectState, ObjectStateArray
from sakiyomi_interfaces.srv import Imagine

INTERFACES = ROOT / 'sakiyomi_interfaces'
PARTS = {'msg': [''], 'srv': ['Request', 'Response'], 'action': ['Goal', 'Result', 'Feedback']}


def message_types():
    for kind, parts in PARTS.items():
        module = import_module(f'sakiyomi_interfaces.{kind}')
        for path in sorted((INTERFACES / kind).glob(f'*.{kind}')):
            interface = getattr(module, path.stem)
            yield from (getattr(interface, part) if part else interface for part in parts)


def round_trip(message):
    return deserialize_message(serialize_message(message), type(message))


@pytest.mark.parametrize('message_type', list(message_types()), ids=lambda each: each.__name__)
def test_every_message_survives_the_wire(message_type):
    assert round_trip(message_type()) == message_type()


def test_nested_values_survive_the_wire():
    state = ObjectState(id=7, visible=True)
    state.pose.covariance[35] = 0.25
    state.properties.center_of_mass_covariance[4] = 2.5
    state.points.data = bytes(range(256))
    message = ObjectStateArray(objects=[state, ObjectState()], stale_modalities=['lidar'])
    assert round_trip(message) == message


def test_a_prediction_keeps_its_steps():
    stamps = [Time(sec=1, nanosec=50_000_000 * step) for step in range(20)]
    poses = [PoseWithCovariance() for _ in stamps]
    message = ObjectPrediction(stamps=stamps, poses=poses, held_probability=[0.5] * len(stamps))
    assert round_trip(message) == message


def outcome_lines():
    result = (INTERFACES / 'action' / 'Pick.action').read_text().split('---')[1]
    return [line for line in result.splitlines() if '=' in line]


def test_every_outcome_of_a_pick_has_its_own_number():
    values = [int(line.partition('=')[2].split()[0]) for line in outcome_lines()]
    assert sorted(values) == list(range(Pick.Result.OBSTRUCTED + 1))


def test_an_imagined_outcome_is_empty_by_default():
    assert not Imagine.Response().success
    assert Imagine.Response().outcomes == []
