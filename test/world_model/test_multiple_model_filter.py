import numpy as np
import pytest

from world_model_node.tracking.friction_grid import FrictionGrid
from world_model_node.tracking.motion_config import FrictionGridConfig, MultipleModelConfig
from world_model_node.tracking.motion_hypotheses import hypotheses
from world_model_node.tracking.multiple_model_filter import (
    PositionMeasurement,
    filter_step,
    free,
    sliding,
)

G, DT_S, SIGMA_M = 9.81, 0.1, 0.003
CHI2_3_90 = 6.25
CONFIG, GRID = MultipleModelConfig(), FrictionGrid(FrictionGridConfig())
NOISE = SIGMA_M**2 * np.eye(3)
STILL = np.zeros(6), np.diag([0.0005**2] * 3 + [0.015**2] * 3)


def seen_at(times, path, rng=None):
    noise = np.zeros((len(times), 3)) if rng is None else rng.normal(0.0, SIGMA_M, (len(times), 3))
    return [PositionMeasurement(t, path(t) + e, NOISE) for t, e in zip(times, noise, strict=True)]


def struck(velocity, at_s):
    return lambda t: np.asarray(velocity) * max(0.0, t - at_s)


def step(bank, seen, steady, unsupported=False):
    h = hypotheses(DT_S, steady, unsupported, CONFIG)
    return filter_step(bank, DT_S, seen, h, G, CONFIG)


def state(result):
    return result.bank.mean, result.bank.covariance, result.steady


def after_rest(seen, unsupported=False):
    return state(step(free(*STILL), seen, None, unsupported))


@pytest.mark.parametrize('at_s', [0.005, 0.02, 0.035])
def test_two_measurements_give_the_velocity_after_an_impulse(at_s):
    velocity = np.array([1.0, -0.5, 0.0])
    x, _, _ = after_rest(seen_at((0.055, 0.1), struck(velocity, at_s)))
    assert np.linalg.norm(x[3:] - velocity) < 0.25 * np.linalg.norm(velocity)
    assert np.linalg.norm(x[:3] - struck(velocity, at_s)(DT_S)) < 0.004


def test_one_measurement_leaves_the_speed_uncertain():
    x, one, _ = after_rest(seen_at((0.1,), struck([1.0, 0.0, 0.0], 0.02)))
    _, two, _ = after_rest(seen_at((0.055, 0.1), struck([1.0, 0.0, 0.0], 0.02)))
    assert np.sqrt(one[3, 3]) > 1.2 * np.sqrt(two[3, 3])
    assert abs(x[3] - 1.0) < 2.0 * np.sqrt(one[3, 3])


def test_nine_in_ten_impulses_lie_within_the_interval():
    rng = np.random.default_rng(4)
    inside = []
    for _ in range(300):
        velocity = rng.normal(0.0, 1.0, 3) * [1.0, 1.0, 0.3]
        path = struck(velocity, rng.uniform(0.0, DT_S))
        x, P, _ = after_rest(seen_at(sorted(rng.uniform(0.05, DT_S, 2)), path, rng))
        off = x - np.concatenate([path(DT_S), velocity])
        inside.append(off[3:] @ np.linalg.solve(P[3:, 3:], off[3:]) < CHI2_3_90)
    assert 0.82 < np.mean(inside) < 0.98


def test_a_constant_motion_becomes_steady_and_certain():
    rng = np.random.default_rng(1)
    velocity = np.array([0.1, 0.05, 0.0])
    x, P, steady = np.concatenate([np.zeros(3), velocity]), np.diag([1e-5] * 3 + [0.04] * 3), 0.2
    for k in range(12):
        seen = seen_at((0.06, 0.1), lambda t, k=k: velocity * (DT_S * k + t), rng)
        x, P, steady = state(step(free(x, P), seen, steady))
    assert steady > 0.7
    assert np.linalg.norm(x[3:] - velocity) < 0.03 and np.sqrt(P[3, 3]) < 0.04


def test_an_object_released_in_the_air_falls_with_gravity():
    path = lambda t: np.array([0.0, 0.0, -0.5 * G * max(0.0, t - 0.02) ** 2])  # noqa: E731
    seen = seen_at((0.06, 0.1), path)
    unsupported, carried = after_rest(seen, unsupported=True)[0], after_rest(seen)[0]
    assert unsupported[5] == pytest.approx(-G * 0.08, abs=0.12)
    assert abs(unsupported[5] + G * 0.08) < abs(carried[5] + G * 0.08)


def test_a_flying_object_keeps_to_its_parabola_without_measurements():
    x = np.array([0.0, 0.0, 0.3, 0.5, 0.0, 0.4])
    start = free(x, 1e-6 * np.eye(6))
    x, _, _ = state(step(start, [], 0.9, unsupported=True))
    held = 0.3 + 0.4 * DT_S
    assert held - 0.5 * G * DT_S**2 - 1e-6 < x[2] < held
    assert x[3] == pytest.approx(0.5)


def test_the_order_in_which_sensors_report_does_not_matter():
    seen = seen_at((0.06, 0.1), struck([0.6, 0.2, 0.0], 0.03), np.random.default_rng(0))
    one, other = after_rest(seen), after_rest(seen[::-1])
    (x, P, _), (other_x, other_P, _) = one, other
    assert np.allclose(x, other_x) and np.allclose(P, other_P)
    assert np.allclose(P, P.T) and np.linalg.eigvalsh(P).min() > 0.0


def slid(friction, speed_mps, looks, rng, frames=(0.033, 0.067, 0.1)):
    """The bank after some updates of an object that slides along x, and its true speed."""
    a = friction * G
    x, P = np.array([0.0, 0.0, 0.0, speed_mps, 0.0, 0.0]), np.diag([1e-6] * 3 + [0.3**2] * 3)
    bank, steady = sliding(x, P, GRID.prior_weights, GRID.values * G), 0.5

    def at(t):
        t = min(t, speed_mps / a)
        return np.array([speed_mps * t - 0.5 * a * t * t, 0.0, 0.0])

    for k in range(looks):
        noise = rng.normal(0.0, 0.001, (len(frames), 3))
        seen = [
            PositionMeasurement(t, at(k * DT_S + t) + e, 1e-6 * np.eye(3))
            for t, e in zip(frames, noise, strict=True)
        ]
        bank, steady = step(bank, seen, steady)
    return bank, max(0.0, speed_mps - a * looks * DT_S)


@pytest.mark.parametrize('friction', [0.16, 0.34, 0.6])
def test_braking_gives_the_friction_and_the_speed_of_a_sliding_object(friction):
    bank, speed = slid(friction, 1.2, 2, np.random.default_rng(2))
    believed = bank.weight[1:] @ GRID.values[1:] / bank.weight[1:].sum()
    assert believed == pytest.approx(friction, abs=0.08)
    assert bank.weight[0] < 0.05
    assert bank.mean[3] == pytest.approx(speed, abs=0.06)


def test_an_object_stopped_by_friction_stays_in_place():
    bank, _ = slid(0.6, 0.4, 2, np.random.default_rng(3))
    assert np.linalg.norm(bank.mean[3:]) < 0.02
    assert bank.mean[0] == pytest.approx(0.4**2 / (2 * 0.6 * G), abs=0.002)


def test_rolling_is_no_evidence_of_friction():
    bank, _ = slid(1e-6, 0.3, 3, np.random.default_rng(4))
    assert bank.weight[0] > 0.8
