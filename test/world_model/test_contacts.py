import numpy as np
import pytest

from sakiyomi.geometry import make_transform, transform_points
from sakiyomi.scene import Gaussian
from sakiyomi.sensing import TactileReading, WrenchReading
from world_model_node.config import PredictionConfig, TouchConfig
from world_model_node.contacts import Contacts, offset_to_contact, pad_contacts
from world_model_node.grip_pose import GripPose
from world_model_node.holding import Holding
from world_model_node.kalman import PointFilter
from world_model_node.properties import combined, prior_properties
from world_model_node.slip import pad_slip
from world_model_node.touch import HandState
from world_model_node.weighing import Scale

DOWN = np.diag([1.0, -1.0, -1.0])
TAXELS = np.float32([[0.0, 0.0, 0.0], [0.004, 0.0, 0.0], [0.0, 0.004, 0.0]])
MU = Gaussian(0.5, 0.1**2)


def pad(forces, stamp_s=1.0):
    return TactileReading(stamp_s, 'left', TAXELS, np.float32(forces))


def box(half, n=3000, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-1.0, 1.0, (n, 3))
    face = rng.integers(0, 3, n)
    points[np.arange(n), face] = np.sign(points[np.arange(n), face])
    return (points * half).astype(np.float32)


def test_contacts_turn_with_the_pad_and_keep_the_force():
    T = make_transform(np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]), np.array([0.5, 0.1, 0.2]))
    contacts = pad_contacts(pad([[0.3, 0.0, 2.0], [0.0, 0.0, 2.0], [0, 0, 0.01]]), T, 0.3)
    assert len(contacts.points_m) == 2
    assert np.allclose(contacts.normal, [1.0, 0.0, 0.0])
    assert np.allclose(contacts.forces_n.sum(axis=0), T[:3, :3] @ [0.3, 0.0, 4.0], atol=1e-6)
    assert np.allclose(contacts.center_m, transform_points(T, np.array([[0.002, 0, 0]]))[0])


@pytest.mark.parametrize('forces', [np.zeros((3, 3)), [[0, 0, 0.1]] * 3, [[5.0, 0, -1.0]] * 3])
def test_a_pad_on_which_nothing_presses_has_no_contacts(forces):
    assert pad_contacts(pad(forces), np.eye(4), 0.31) is None


def test_the_surface_moves_by_the_gap_to_where_it_is_felt():
    center = np.array([0.5, 0.0, 0.03])
    surface = box([0.02, 0.02, 0.03]) + center
    felt = center + np.array([0.025, 0.0, 0.0])
    contacts = Contacts(felt[None], np.array([[1.0, 0.0, 0.0]]), np.array([[1.0, 0.0, 0.0]]))
    assert offset_to_contact(surface, contacts, 0.008, 0.02) == pytest.approx(0.005, abs=1e-4)
    assert offset_to_contact(surface, contacts, 0.008, 0.004) is None


def test_two_pads_centre_an_object_between_them():
    half = np.array([0.03, 0.02, 0.03])
    points = box(half)
    T_hand = make_transform(DOWN, np.array([0.5, 0.0, 0.1]))
    T_wrong = make_transform(None, np.array([0.5, 0.006, 0.1]))
    grip = GripPose(T_hand, T_wrong, np.eye(3) * 0.005**2)
    felt = tuple(
        Contacts(
            np.array([[0.5, side * half[1], 0.1]]),
            np.array([[0.0, side, 0.0]]),
            np.array([[0.0, side, 0.0]]),
        )
        for side in (1.0, -1.0)
    )
    before = np.trace(grip.covariance(T_hand))
    for _ in range(3):
        grip.move(T_hand)
        grip.feel(felt, T_hand, points, TouchConfig())
    assert grip.move(T_hand)[1, 3] == pytest.approx(0.0, abs=0.0008)
    assert np.trace(grip.covariance(T_hand)) < before


def test_touch_narrows_the_belief_along_its_normal_alone():
    body = PointFilter(np.zeros(3), 0.01, 0.1)
    body.update_along(np.array([0.0, 1.0, 0.0]), 0.004, 0.001)
    assert body.position_m == pytest.approx([0.0, 0.004, 0.0], abs=1e-4)
    assert np.sqrt(np.diag(body.P)[:3]) == pytest.approx([0.01, 0.001, 0.01], rel=0.01)


def hand(force, width):
    T = make_transform(DOWN, np.array([0.5, 0.0, 0.1]))
    return HandState(0.0, T, width, np.array([force, force]))


def test_touch_that_drops_out_lets_go_only_when_the_fingers_move():
    holding = Holding(TouchConfig())
    shapes = {1: box([0.02, 0.02, 0.03]) + np.float32([0.5, 0.0, 0.1])}
    assert holding.update(shapes, hand(5.0, 0.04), 1.0) == 1
    assert holding.update(shapes, hand(0.0, 0.04), 1.5) == 1
    assert holding.update(shapes, hand(0.0, 0.04), 2.0) == 1
    assert holding.update(shapes, hand(0.0, 0.06), 2.1) is None


def wrench(force):
    return [WrenchReading(1.0, np.asarray(force, float), np.zeros(3))] * 5


@pytest.mark.parametrize('mass', [0.05, 0.2, 1.0])
def test_a_hanging_load_is_weighed_honestly(mass):
    scale = Scale(9.81)
    rng = np.random.default_rng(3)
    for _ in range(300):
        scale.tare(wrench([0.02, 0.0, 0.05]), DOWN)
    assert scale.mass_kg is None
    for _ in range(20):
        scale.weigh(wrench(rng.normal([0.02, 0.0, 0.05 + mass * 9.81], 0.05)), DOWN, 0.0)
    told = scale.mass_kg
    assert abs(told.mean - mass) < 3.0 * np.sqrt(told.variance)
    assert np.sqrt(told.variance) < 0.01


def test_a_hand_that_speeds_up_or_is_pushed_aside_weighs_nothing():
    scale = Scale(9.81)
    scale.weigh(wrench([2.0, 0.0, 1.0]), DOWN, 0.0)
    scale.weigh(wrench([0.0, 0.0, 1.0]), DOWN, 5.0)
    assert scale.mass_kg is None


def test_weighing_sharpens_the_prior():
    size, config = np.full(3, 0.05), PredictionConfig()
    prior = prior_properties(1.25e-4, size, config).mass_kg
    felt = prior_properties(1.25e-4, size, config, Gaussian(0.2, 0.005**2)).mass_kg
    assert felt.mean == pytest.approx(0.2, abs=0.005) and felt.variance < prior.variance
    even = combined(Gaussian(0.0, 1.0), Gaussian(2.0, 1.0))
    assert even.mean == pytest.approx(1.0) and even.variance == pytest.approx(0.5)


def shears(values, press=4.0):
    return [pad([[s, 0.0, press], [0, 0, 0], [0, 0, 0]], 1.0 + 0.02 * k) for k, s in values]


def test_slip_is_likelier_the_nearer_the_shear_is_to_the_friction_cone():
    told = [
        pad_slip(shears(enumerate([r * 4.0] * 6)), MU, 0.3).probability
        for r in (0.0, 0.2, 0.4, 0.5, 0.7)
    ]
    assert told == sorted(told) and told[0] < 0.01 and told[3] == pytest.approx(0.5, abs=0.01)


def test_a_trembling_shear_is_slip_and_a_growing_one_is_not():
    trembling = shears(enumerate([0.4, 1.2, 0.3, 1.1, 0.2, 1.2]))
    growing = shears(enumerate(np.linspace(0.0, 1.0, 6)))
    assert pad_slip(trembling, MU, 0.3).probability > 0.9
    assert pad_slip(growing, MU, 0.3).probability < 0.1
    assert pad_slip([], MU, 0.3).probability == 0.0
