import numpy as np
import pytest

from world_model_node.course import Seen, followed, hypotheses

G, DT_S, SIGMA_M = 9.81, 0.1, 0.003
CHI2_3_90 = 6.25
NOISE = SIGMA_M**2 * np.eye(3)
STILL = np.zeros(6), np.diag([0.0005**2] * 3 + [0.015**2] * 3)


def seen_at(times, path, rng=None):
    noise = np.zeros((len(times), 3)) if rng is None else rng.normal(0.0, SIGMA_M, (len(times), 3))
    return [Seen(t, path(t) + e, NOISE) for t, e in zip(times, noise, strict=True)]


def struck(velocity, at_s):
    return lambda t: np.asarray(velocity) * max(0.0, t - at_s)


def after_rest(seen, aloft=False):
    return followed(*STILL, DT_S, seen, hypotheses(DT_S, None, aloft), G)


@pytest.mark.parametrize('at_s', [0.005, 0.02, 0.035])
def test_two_instants_tell_how_fast_a_blow_made_it(at_s):
    velocity = np.array([1.0, -0.5, 0.0])
    course = after_rest(seen_at((0.055, 0.1), struck(velocity, at_s)))
    assert np.linalg.norm(course.x[3:] - velocity) < 0.25 * np.linalg.norm(velocity)
    assert np.linalg.norm(course.x[:3] - struck(velocity, at_s)(DT_S)) < 0.004


def test_one_instant_leaves_the_speed_open_and_says_so():
    one = after_rest(seen_at((0.1,), struck([1.0, 0.0, 0.0], 0.02)))
    two = after_rest(seen_at((0.055, 0.1), struck([1.0, 0.0, 0.0], 0.02)))
    assert np.sqrt(one.P[3, 3]) > 1.2 * np.sqrt(two.P[3, 3])
    assert abs(one.x[3] - 1.0) < 2.0 * np.sqrt(one.P[3, 3])


def test_nine_in_ten_blows_lie_within_the_interval():
    rng = np.random.default_rng(4)
    inside = []
    for _ in range(300):
        velocity = rng.normal(0.0, 1.0, 3) * [1.0, 1.0, 0.3]
        path = struck(velocity, rng.uniform(0.0, DT_S))
        course = after_rest(seen_at(sorted(rng.uniform(0.05, DT_S, 2)), path, rng))
        off = course.x - np.concatenate([path(DT_S), velocity])
        inside.append(off[3:] @ np.linalg.solve(course.P[3:, 3:], off[3:]) < CHI2_3_90)
    assert 0.82 < np.mean(inside) < 0.98


def test_a_steady_motion_becomes_calm_and_sure():
    rng = np.random.default_rng(1)
    velocity = np.array([0.1, 0.05, 0.0])
    x, P, calm = np.concatenate([np.zeros(3), velocity]), np.diag([1e-5] * 3 + [0.04] * 3), 0.2
    for k in range(12):
        seen = seen_at((0.06, 0.1), lambda t, k=k: velocity * (DT_S * k + t), rng)
        x, P, calm = followed(x, P, DT_S, seen, hypotheses(DT_S, calm, False), G)
    assert calm > 0.7
    assert np.linalg.norm(x[3:] - velocity) < 0.03 and np.sqrt(P[3, 3]) < 0.04


def test_what_is_let_go_in_the_air_falls_as_fast_as_gravity_makes_it():
    path = lambda t: np.array([0.0, 0.0, -0.5 * G * max(0.0, t - 0.02) ** 2])  # noqa: E731
    seen = seen_at((0.06, 0.1), path)
    aloft, carried = after_rest(seen, aloft=True), after_rest(seen)
    assert aloft.x[5] == pytest.approx(-G * 0.08, abs=0.12)
    assert abs(aloft.x[5] + G * 0.08) < abs(carried.x[5] + G * 0.08)


def test_what_flies_keeps_to_its_parabola_with_no_look_at_it():
    x = np.array([0.0, 0.0, 0.3, 0.5, 0.0, 0.4])
    course = followed(x, 1e-6 * np.eye(6), DT_S, [], hypotheses(DT_S, 0.9, True), G)
    held = 0.3 + 0.4 * DT_S
    assert held - 0.5 * G * DT_S**2 - 1e-6 < course.x[2] < held
    assert course.x[3] == pytest.approx(0.5)


def test_the_order_in_which_sensors_report_does_not_matter():
    seen = seen_at((0.06, 0.1), struck([0.6, 0.2, 0.0], 0.03), np.random.default_rng(0))
    one, other = after_rest(seen), after_rest(seen[::-1])
    assert np.allclose(one.x, other.x) and np.allclose(one.P, other.P)
    assert np.allclose(one.P, one.P.T) and np.linalg.eigvalsh(one.P).min() > 0.0
