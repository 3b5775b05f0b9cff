import numpy as np
import pytest
from scipy.special import ndtr

from sakiyomi.geometry import make_transform, transform_points
from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi.scene import CONTACT_SOURCES, NO_OBJECT, Gaussian
from sakiyomi.sensing import TactileReading, WrenchReading
from world_model_node.config import PredictionConfig, TouchConfig
from world_model_node.contact_estimation.friction_estimator import FrictionEstimator, bounded_below
from world_model_node.contact_estimation.grasp_detector import GraspDetector
from world_model_node.contact_estimation.payload import PayloadEstimator
from world_model_node.contact_estimation.property_prior import gaussian_product, prior_properties
from world_model_node.contact_estimation.slip_filter import SlipFilter, measure_pad_shear
from world_model_node.inputs.contacts import (
    ContactPatch,
    contact_from_wrench,
    merge_contacts,
    nearest_object,
    offset_to_contact,
    pad_contact_patch,
)
from world_model_node.inputs.hand_state import HandState
from world_model_node.tracking.in_hand_pose import InHandPose
from world_model_node.tracking.kalman_filter import ConstantVelocityFilter
from world_model_node.tracking.motion_config import ContactConfig, FilterConfig

HAND = read_robot_config().hand

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
    contacts = pad_contact_patch(
        pad([[0.3, 0.0, 2.0], [0.0, 0.0, 2.0], [0, 0, 0.01]]), T, TouchConfig()
    )
    assert len(contacts.points_m) == 2
    assert np.allclose(contacts.normal, [1.0, 0.0, 0.0])
    assert np.allclose(contacts.forces_n.sum(axis=0), T[:3, :3] @ [0.3, 0.0, 4.0], atol=1e-6)
    assert np.allclose(
        contacts.center_of_pressure_m, transform_points(T, np.array([[0.002, 0, 0]]))[0]
    )


@pytest.mark.parametrize('forces', [np.zeros((3, 3)), [[0, 0, 0.1]] * 3, [[5.0, 0, -1.0]] * 3])
def test_a_pad_on_which_nothing_presses_has_no_contacts(forces):
    assert pad_contact_patch(pad(forces), np.eye(4), TouchConfig(contact_force_n=0.31)) is None


def test_the_surface_moves_by_the_gap_to_where_it_is_felt():
    center = np.array([0.5, 0.0, 0.03])
    surface = box([0.02, 0.02, 0.03]) + center
    felt = center + np.array([0.025, 0.0, 0.0])
    contacts = ContactPatch(felt[None], np.array([[1.0, 0.0, 0.0]]), np.array([[1.0, 0.0, 0.0]]))
    assert offset_to_contact(surface, contacts, 0.008, 0.02) == pytest.approx(0.005, abs=1e-4)
    assert offset_to_contact(surface, contacts, 0.008, 0.004) is None


def test_two_pads_centre_an_object_between_them():
    half = np.array([0.03, 0.02, 0.03])
    points = box(half)
    T_hand = make_transform(DOWN, np.array([0.5, 0.0, 0.1]))
    T_wrong = make_transform(None, np.array([0.5, 0.006, 0.1]))
    grip = InHandPose(T_hand, T_wrong, np.eye(3) * 0.005**2, ContactConfig())
    felt = tuple(
        ContactPatch(
            np.array([[0.5, side * half[1], 0.1]]),
            np.array([[0.0, side, 0.0]]),
            np.array([[0.0, side, 0.0]]),
        )
        for side in (1.0, -1.0)
    )
    before = np.trace(grip.covariance(T_hand))
    for _ in range(3):
        grip.predict(T_hand)
        grip.correct_by_contacts(felt, T_hand, points, TouchConfig())
    assert grip.predict(T_hand)[1, 3] == pytest.approx(0.0, abs=0.0008)
    assert np.trace(grip.covariance(T_hand)) < before


def test_touch_narrows_the_belief_along_its_normal_alone():
    body = ConstantVelocityFilter(np.zeros(3), 0.01, FilterConfig(initial_speed_sigma_mps=0.1))
    body.update_along(np.array([0.0, 1.0, 0.0]), 0.004, 0.001)
    assert body.position_m == pytest.approx([0.0, 0.004, 0.0], abs=1e-4)
    assert np.sqrt(np.diag(body.P)[:3]) == pytest.approx([0.01, 0.001, 0.01], rel=0.01)


def hand(force, width):
    T = make_transform(DOWN, np.array([0.5, 0.0, 0.1]))
    return HandState(0.0, T, width, np.array([force, force]), geometry=HAND)


def test_touch_that_drops_out_lets_go_only_when_the_fingers_move():
    grasp_detector = GraspDetector(TouchConfig())
    shapes = {1: box([0.02, 0.02, 0.03]) + np.float32([0.5, 0.0, 0.1])}
    assert grasp_detector.update(shapes, hand(5.0, 0.04), 1.0) == 1
    assert grasp_detector.update(shapes, hand(0.0, 0.04), 1.5) == 1
    assert grasp_detector.update(shapes, hand(0.0, 0.04), 2.0) == 1
    assert grasp_detector.update(shapes, hand(0.0, 0.06), 2.1) is None


def wrench(force):
    return [WrenchReading(1.0, np.asarray(force, float), np.zeros(3))] * 5


@pytest.mark.parametrize('mass', [0.05, 0.2, 1.0])
def test_a_hanging_load_is_weighed_honestly(mass):
    payload = PayloadEstimator(9.81)
    rng = np.random.default_rng(3)
    for _ in range(300):
        payload.tare(wrench([0.02, 0.0, 0.05]), DOWN)
    assert payload.mass_kg is None
    for _ in range(20):
        payload.update(wrench(rng.normal([0.02, 0.0, 0.05 + mass * 9.81], 0.05)), DOWN, 0.0)
    told = payload.mass_kg
    assert abs(told.mean - mass) < 3.0 * np.sqrt(told.variance)
    assert np.sqrt(told.variance) < 0.01


def test_a_hand_that_speeds_up_or_is_pushed_aside_weighs_nothing():
    payload = PayloadEstimator(9.81)
    payload.update(wrench([2.0, 0.0, 1.0]), DOWN, 0.0)
    payload.update(wrench([0.0, 0.0, 1.0]), DOWN, 5.0)
    assert payload.mass_kg is None


def test_weighing_sharpens_the_prior():
    size, config = np.full(3, 0.05), PredictionConfig()
    prior = prior_properties(1.25e-4, size, config).mass_kg
    felt = prior_properties(1.25e-4, size, config, Gaussian(0.2, 0.005**2)).mass_kg
    assert felt.mean == pytest.approx(0.2, abs=0.005) and felt.variance < prior.variance
    even = gaussian_product(Gaussian(0.0, 1.0), Gaussian(2.0, 1.0))
    assert even.mean == pytest.approx(1.0) and even.variance == pytest.approx(0.5)


GRID = np.stack(np.meshgrid(*2 * [np.linspace(-0.008, 0.008, 6)]), -1).reshape(-1, 2)
PRESS = 0.4 * np.exp(-(GRID**2).sum(axis=1) / 5e-5)  # (36,) N


def pressed(shear, n=6, noise_n=0.002, seed=0):
    """`n` readings of a round contact whose taxels bear this shear (36,) or (n, 36) [N]."""
    rng = np.random.default_rng(seed)
    points = np.column_stack([GRID, np.zeros(36)]).astype(np.float32)
    readings = []
    for k, along in enumerate(np.broadcast_to(shear, (n, 36))):
        forces = np.column_stack([along, np.zeros(36), PRESS]) + noise_n * rng.normal(size=(36, 3))
        readings.append(TactileReading(1.0 + 0.02 * k, 'left', points, forces.astype(np.float32)))
    return readings


def sticking(ratio):
    """The same load, borne where the pressure is least (Mindlin, 1949)."""
    even = np.full(36, 1.0)
    return ratio * PRESS.sum() * even / even.sum()


def slip_after(shear, looks=3, friction=MU):
    told = SlipFilter()
    for k in range(looks):
        told.update([measure_pad_shear(pressed(shear, seed=k), 0.3)] * 2, friction)
    return told.probability


@pytest.mark.parametrize('ratio', [0.3, 0.5, 0.7])
def test_shear_that_follows_the_pressure_is_slip_and_shear_that_does_not_is_none(ratio):
    wide = Gaussian(0.5, 0.2**2)
    assert slip_after(ratio * PRESS, friction=wide) > 0.9
    assert slip_after(sticking(ratio), friction=wide) < 0.1


def test_a_shear_far_inside_the_friction_cone_is_no_slip():
    assert slip_after(0.1 * PRESS, friction=Gaussian(0.6, 0.05**2)) < 0.1


def test_a_trembling_shear_is_slip_and_a_growing_one_is_not():
    trembling = sticking(0.3) * np.array([0.2, 1.8, 0.2, 1.8, 0.2, 1.8])[:, None]
    growing = sticking(0.3) * np.linspace(0.2, 1.8, 6)[:, None]
    assert slip_after(trembling) > 0.9
    assert slip_after(growing) < 0.1


def test_nothing_that_presses_is_no_slip():
    assert measure_pad_shear([], 0.3) is None
    assert measure_pad_shear(pressed(0.0 * PRESS), 100.0) is None
    assert SlipFilter().update([], MU) == 0.0


def test_a_twisted_contact_uses_up_friction_though_its_shears_cancel():
    around = np.sign(GRID[:, 0]) * 0.4 * PRESS
    assert measure_pad_shear(pressed(around), 0.3).ratio == pytest.approx(0.4, abs=0.02)


PRIOR = Gaussian(0.5, 0.2**2)


def test_friction_is_at_least_what_was_borne():
    estimator = FrictionEstimator(PRIOR)
    for ratio in (0.2, 0.7, 0.3):
        estimator.observe_stick(ratio)
    told = estimator.posterior
    assert told.mean > 0.7 and told.variance < PRIOR.variance


def test_slipping_tells_friction_and_bearing_more_refutes_a_slip():
    estimator = FrictionEstimator(PRIOR)
    for ratio in (0.21, 0.19, 0.20):
        estimator.observe_slip(ratio)
    assert estimator.posterior.mean == pytest.approx(0.21, abs=0.02)
    assert estimator.posterior.variance < 0.05**2
    estimator.observe_stick(0.6)
    assert estimator.posterior.mean > 0.6


def test_what_slid_is_measured_and_unsure_as_shapes_make_it():
    estimator = FrictionEstimator(PRIOR)
    estimator.observe_stick(0.3)
    assert estimator.measured_friction is None
    estimator.observe_slip(0.4)
    assert estimator.measured_friction.mean == estimator.posterior.mean
    assert estimator.measured_friction.variance > estimator.posterior.variance


def test_a_slide_of_a_loosened_grip_lowers_what_seemed_to_be_borne():
    estimator = FrictionEstimator(PRIOR)
    estimator.observe_stick(0.8)
    estimator.observe_slip(0.3, loosened=True)
    assert estimator.posterior.mean == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize('bound', [-5.0, 0.1, 0.5, 0.9, 30.0])
def test_a_bounded_normal_has_the_moments_of_its_samples(bound):
    told = bounded_below(PRIOR, bound, 0.03)
    assert np.isfinite([told.mean, told.variance]).all() and told.variance > 0.0
    x = np.linspace(-1.0, 2.0, 30_001)
    weight = np.exp(-0.5 * ((x - 0.5) / 0.2) ** 2) * ndtr((x - bound) / 0.03)
    if weight.sum() > 1e-3:
        mean = np.average(x, weights=weight)
        assert told.mean == pytest.approx(mean, abs=1e-3)
        assert told.variance == pytest.approx(
            np.average((x - mean) ** 2, weights=weight), rel=0.01
        )


def test_a_load_on_what_is_held_is_found_where_it_acts():
    surface = box([0.02, 0.02, 0.05]) + np.float32([0.5, 0.0, 0.1])
    origin, at = np.array([0.5, 0.0, 0.25]), np.array([0.52, 0.005, 0.08])
    force = np.array([-4.0, 0.0, 0.0])  # a wall on the side of +x
    load = np.concatenate([force, np.cross(at - origin, force)])
    found = contact_from_wrench(load, origin, surface, 0.01)
    assert np.linalg.norm(found.points_m[0] - at) < 0.005
    assert found.normals[0] @ force > 0.0
    assert contact_from_wrench(load + np.eye(6)[4] * 4.0, origin, surface, 0.01) is None
    assert contact_from_wrench(np.zeros(6), origin, surface, 0.01) is None


def test_contacts_name_the_object_that_is_there():
    shapes = {3: box([0.02] * 3), 8: box([0.02] * 3) + np.float32([0.2, 0.0, 0.0])}
    assert nearest_object(shapes, np.array([0.22, 0.0, 0.0]), 0.01) == 8
    assert nearest_object(shapes, np.array([0.11, 0.0, 0.0]), 0.01) is None
    one = pad_contact_patch(
        pad([[0.0, 0.0, 2.0], [0.0, 0.0, 2.0], [0, 0, 0]]), np.eye(4), TouchConfig()
    )
    both = merge_contacts([(one, 8), (one, None)])
    assert both.object_ids.tolist() == [8, 8, NO_OBJECT, NO_OBJECT]
    assert [CONTACT_SOURCES[row] for row in both.sources] == ['left'] * 4
    assert len(merge_contacts([]).points_m) == 0
