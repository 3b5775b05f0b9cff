from dataclasses import replace

import numpy as np
import pytest

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import make_transform
from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi.scene import Gaussian, HandMotion, HiddenProperties, ObjectState, Scene
from world_model_node.config import PredictionConfig
from world_model_node.inference.grasp_physics import grasp_hold_probability
from world_model_node.inference.physics_prior import PhysicsPrior
from world_model_node.model.hand_motion import check_hand_motion
from world_model_node.tracking.motion_models import ballistic, slide

HAND = read_robot_config().hand

G = 9.81
STEPS = 0.05 * np.arange(1, 21)
SIDE = np.linspace(-0.02, 0.02, 9)
CUBE = np.stack(np.meshgrid(SIDE, SIDE, SIDE), -1).reshape(-1, 3).astype(np.float32)
DOWN = np.diag([1.0, -1.0, -1.0])


def properties(mass=0.2, friction=0.5):
    return HiddenProperties(
        mass_kg=Gaussian(mass, (0.2 * mass) ** 2),
        friction=Gaussian(friction, 0.1**2),
        restitution=Gaussian(0.2, 0.01),
        center_of_mass_m=np.zeros(3),
        center_of_mass_covariance=np.eye(3) * 1e-6,
    )


def cube(position=(0.5, 0.0, 0.02), velocity=(0.0, 0.0, 0.0), held=False, **hidden):
    return ObjectState(
        id=7,
        stamp_s=0.0,
        T_world_object=make_transform(None, np.array(position)),
        pose_covariance=np.eye(6) * 1e-6,
        twist=np.array([*velocity, 0.0, 0.0, 0.0]),
        twist_covariance=np.eye(6) * 1e-4,
        points_m=CUBE,
        colors=np.zeros((len(CUBE), 3), np.uint8),
        properties=properties(**hidden),
        held=held,
    )


def predict(state, action=None, prior=None):
    scene = Scene(0.0, (state,), np.zeros((0, 3), np.float32))
    prior = PhysicsPrior(PredictionConfig(), HAND) if prior is None else prior
    return prior.roll_out(scene, STEPS, action)[0]


def grasp(width_closed, force=20.0, lift_m=0.15):
    """Close on the cube at rest, then lift."""
    T = np.tile(make_transform(DOWN, np.array([0.5, 0.0, 0.02])), (4, 1, 1))
    T[3, 2, 3] += lift_m
    width = np.array([0.08, width_closed, width_closed, width_closed])
    return HandMotion(np.array([0.0, 0.2, 0.3, 1.0]), T, width, force)


def test_what_rests_stays():
    p = predict(cube())
    assert np.allclose(p.T_world_object, cube().T_world_object)
    assert (p.held_probability == 0.0).all()


def test_a_flight_is_the_closed_form_parabola_until_it_lands():
    v, z = np.array([0.3, 0.1, 1.0]), 0.30
    p = predict(cube((0.5, 0.0, z), v))
    landing_s = (v[2] + np.sqrt(v[2] ** 2 + 2 * G * (z - 0.02))) / G
    t = STEPS[landing_s > STEPS]
    expected = np.array([0.5, 0.0, z]) + t[:, None] * v - 0.5 * G * t[:, None] ** 2 * [0, 0, 1]
    assert np.allclose(p.T_world_object[: len(t), :3, 3], expected, atol=1e-6)
    assert p.T_world_object[:, 2, 3].min() > 0.02 - 1e-6  # never through the table


def test_a_bounce_keeps_restitution_of_the_impact_speed():
    e, h = 0.5, 0.2
    t = np.linspace(0.0, 1.0, 2001)
    displacement, _ = ballistic(np.zeros(3), h, e, 5.0, G, t)
    landed = np.sqrt(2 * h / G)
    apex = displacement[(t > landed) & (t < landed * (1 + 2 * e)), 2].max() + h
    assert apex == pytest.approx(e**2 * h, rel=1e-3)


def test_sliding_stops_where_friction_has_eaten_the_energy():
    distance, speed = slide(1.0, 5.0, np.array([0.1, 10.0]))
    assert distance[1] == pytest.approx(1.0 / (2 * 5.0)) and speed[1] == 0.0
    assert distance[0] == pytest.approx(0.1 - 0.5 * 5.0 * 0.01)


def test_what_does_not_brake_goes_on_as_on_a_conveyor():
    prior = PhysicsPrior(PredictionConfig(), HAND)
    for k in range(10):
        state = cube((0.4 + 0.01 * k, 0.0, 0.02), (0.1, 0.0, 0.0))
        prior.observe(Scene(0.1 * k, (state,), np.zeros((0, 3), np.float32)))
    carried, braked = predict(state, prior=prior), predict(state)
    assert carried.T_world_object[-1, 0, 3] - 0.49 == pytest.approx(0.1, rel=0.1)
    assert braked.T_world_object[-1, 0, 3] - 0.49 < 0.01


@pytest.mark.parametrize(
    'state', [cube(), cube(velocity=(0.3, 0.0, 0.0)), cube((0.5, 0, 0.4), (0.5, 0.0, 0.5))]
)
def test_covariance_never_shrinks_with_time_and_stays_a_covariance(state):
    p = predict(state)
    growth = np.diff(np.trace(p.pose_covariance, axis1=1, axis2=2))
    assert (growth >= 0.0).all() and growth.sum() > 0.0
    assert np.linalg.eigvalsh(p.pose_covariance).min() > 0.0


def test_a_closed_hand_carries_the_object_rigidly():
    p = predict(cube(), grasp(width_closed=0.039))
    assert p.held_probability[0] == 0.0 and p.held_probability[-1] > 0.95
    assert p.T_world_object[-1, 2, 3] == pytest.approx(0.17, abs=1e-3)
    assert np.allclose(p.slip_probability[-1], 1.0 - p.held_probability[-1])


def test_a_hand_that_stays_open_carries_nothing():
    p = predict(cube(), grasp(width_closed=0.06))
    assert (p.held_probability == 0.0).all() and p.T_world_object[-1, 2, 3] < 0.021


def test_a_hand_that_opens_lets_go():
    lift = grasp(width_closed=0.039)
    times = np.append(lift.times_s[:3], [0.7, 0.75])
    T = lift.T_world_grasp[[0, 1, 2, 3, 3]]
    action = HandMotion(times, T, np.array([0.08, 0.039, 0.039, 0.039, 0.08]), 20.0)
    p = predict(cube(), action)
    assert p.held_probability[12] > 0.9 and p.held_probability[-1] == 0.0
    assert p.T_world_object[-1, 2, 3] < p.T_world_object[13, 2, 3] - 0.05


def test_more_force_never_holds_worse_and_more_mass_never_better():
    hold = [predict(cube(mass=1.5), grasp(0.039, f)).held_probability[-1] for f in (5, 10, 20, 40)]
    assert np.all(np.diff(hold) > 0.0)
    load = [predict(cube(mass=m), grasp(0.039)).held_probability[-1] for m in (0.2, 1.0, 2.0, 4.0)]
    assert np.all(np.diff(load) < 0.0)


def test_the_hold_probability_is_that_of_sampled_friction_and_mass():
    rng = np.random.default_rng(0)
    mu, m = rng.normal(0.5, 0.1, 200_000), rng.normal(1.5, 0.3, 200_000)
    sampled = np.mean(2 * mu * 15.0 > m * G)
    closed = grasp_hold_probability(15.0, np.array([G]), np.zeros(1), properties(mass=1.5))[0]
    assert closed == pytest.approx(sampled, abs=0.005)


def test_what_slips_in_the_hand_is_predicted_to_slip():
    firm = cube((0.5, 0.0, 0.3), held=True)
    slips = [predict(replace(firm, slip_probability=p)) for p in (0.0, 0.5, 1.0)]
    told = np.array([p.slip_probability for p in slips])
    assert (np.diff(told, axis=0) > 0.1).all() and (told[2] == 1.0).all()
    assert np.allclose([p.held_probability for p in slips], 1.0 - told)


def test_a_held_object_follows_the_hand():
    action = HandMotion(
        np.array([0.0, 1.0]),
        np.stack(
            [make_transform(DOWN, np.array([0.5, 0.0, z])) for z in (0.3, 0.4)],
        ),
        np.array([0.04, 0.04]),
        20.0,
    )
    p = predict(cube((0.5, 0.0, 0.3), held=True), action)
    assert p.T_world_object[-1, 2, 3] == pytest.approx(0.4)


@pytest.mark.parametrize(
    'bad',
    [
        HandMotion(np.zeros(0), np.zeros((0, 4, 4)), np.zeros(0), 1.0),
        HandMotion(np.array([0.0, 0.0]), np.tile(np.eye(4), (2, 1, 1)), np.zeros(2), 1.0),
        HandMotion(np.array([0.0]), np.tile(np.eye(4), (2, 1, 1)), np.zeros(1), 1.0),
        HandMotion(np.array([0.0]), np.full((1, 4, 4), np.nan), np.zeros(1), 1.0),
        HandMotion(np.array([0.0]), np.eye(4)[None], np.zeros(1), -1.0),
    ],
)
def test_malformed_hand_motions_are_refused(bad):
    with pytest.raises(BadInputError):
        check_hand_motion(bad)
