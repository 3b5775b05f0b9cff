"""Friction from a loosening grip, and the centre of mass from the wrist's torque."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import make_transform
from sakiyomi.sensing import TactileReading, WrenchReading
from world_model_node.contact_estimation.center_of_mass import (
    TORQUE_SIGMA_NM,
    CenterOfMassEstimator,
)
from world_model_node.contact_estimation.pad_loads import (
    friction_at_slip,
    measure_pad_loads,
    required_friction,
)

UP = np.array([0.0, 0.0, 1.0])
# both pads face each other along y; z of a pad points into its finger
PADS = np.array([[[1.0, 0, 0], [0, 0, 1], [0, -1, 0]], [[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]])
WEIGHT_N, PERIOD_S = 1.0, 1 / 60


def loosening(friction, press_n, looser=0.92, count=24, noise_n=0.0, seed=0):
    """Pads and wrist while each pad's normal force falls; what they no longer bear is missing."""
    rng, pads, wrench = np.random.default_rng(seed), ([], []), []
    for k in range(count):
        press = press_n * looser**k
        load = min(WEIGHT_N, 2.0 * friction * press)
        for side, R, readings in zip(('left', 'right'), PADS, pads, strict=True):
            force = R.T @ (-0.5 * load * UP) + press * UP
            forces = np.tile(force / 4.0, (4, 1)) + noise_n / 2.0 * rng.normal(size=(4, 3))
            readings.append(TactileReading(k * PERIOD_S, side, np.zeros((4, 3)), forces))
        force = -load * UP + noise_n * rng.normal(size=3)
        wrench.append(WrenchReading(k * PERIOD_S, force, np.zeros(3)))
    return measure_pad_loads(*pads, PADS), wrench


@pytest.mark.parametrize('friction', [0.15, 0.4, 0.9])
@pytest.mark.parametrize('noise_n', [0.0, 0.03])
def test_a_loosening_grip_tells_the_friction_at_which_it_slides(friction, noise_n):
    press_n = 1.6 * WEIGHT_N / (2.0 * friction)
    pads, wrench = loosening(friction, press_n, looser=0.97, count=36, noise_n=noise_n)
    assert friction_at_slip(pads, wrench, UP, 0.0, WEIGHT_N) == pytest.approx(friction, rel=0.2)


def test_a_load_that_goes_though_the_grip_stays_firm_did_not_slide():
    pads, wrench = loosening(0.4, 5.0, looser=1.0)
    for reading in wrench[12:]:
        reading.force_n[:] = 0.0  # set down on something
    assert friction_at_slip(pads, wrench, UP, 0.0, WEIGHT_N) is None


def test_a_grip_that_opens_at_once_did_not_slide():
    pads, wrench = loosening(0.4, 5.0, looser=0.3)
    assert friction_at_slip(pads, wrench, UP, 0.0, WEIGHT_N) is None


def test_a_grip_that_holds_or_says_little_did_not_slide():
    pads, wrench = loosening(0.4, 50.0, count=10)
    assert friction_at_slip(pads, wrench, UP, 0.0, WEIGHT_N) is None
    assert friction_at_slip(pads, wrench[:3], UP, 0.0, WEIGHT_N) is None
    assert measure_pad_loads([], [], PADS) is None


def test_what_is_held_bounds_friction_by_its_load_along_the_pads_alone():
    pads, _ = loosening(0.9, 5.0, looser=1.0)
    closing = PADS[0, :, 2]
    load = -WEIGHT_N * UP
    assert required_friction(pads, load, closing) == pytest.approx(0.1, abs=1e-3)
    assert required_friction(pads, load + 7.0 * closing, closing) == pytest.approx(0.1, abs=1e-3)


TILTS = ([0.0, 0.0, 0.0], [0.8, 0.0, 0.0], [0.0, 0.8, 0.0])
PRIOR_M = np.full(3, 0.012)


def weighed(center, tilts, mass_kg=0.2, seed=0, shift_m=0.0):
    """Looks at an object in a hand that stands still at each tilt; it may slip down between."""
    rng, center_of_mass = np.random.default_rng(seed), CenterOfMassEstimator()
    for k, tilt in enumerate(tilts):
        gravity = Rotation.from_rotvec(tilt).inv().apply([0.0, 0.0, -9.81 * mass_kg])
        R = Rotation.from_rotvec([0.1, 0.5, -0.3]).as_matrix()
        T = make_transform(R, np.array([0.0, 0.01, 0.11 + shift_m * k]))
        torque = np.cross(T[:3, :3] @ center + T[:3, 3], gravity)
        center_of_mass.update(torque + TORQUE_SIGMA_NM * rng.normal(size=3), gravity, T)
    return center_of_mass.posterior(PRIOR_M)


@pytest.mark.parametrize('shift_m', [0.0, 0.004])
def test_tilting_finds_the_centre_of_mass_though_the_object_shifts(shift_m):
    center = np.array([0.01, -0.006, 0.012])
    mean, covariance = weighed(center, TILTS * 3, shift_m=shift_m)
    assert np.linalg.norm(mean - center) < 0.003
    assert np.sqrt(np.trace(covariance)) < 0.006


def test_without_a_tilt_the_height_stays_unknown():
    _, covariance = weighed(np.array([0.01, -0.006, 0.012]), TILTS[:1] * 9)
    sigmas = np.sqrt(np.linalg.eigvalsh(covariance))
    assert sigmas[0] < 0.004 and sigmas[-1] > 0.9 * PRIOR_M[0]


def test_the_centre_of_mass_is_told_honestly():
    rng, inside = np.random.default_rng(5), 0
    for seed in range(100):
        center = PRIOR_M * rng.normal(size=3)
        mean, covariance = weighed(center, TILTS, mass_kg=0.05, seed=seed)
        gap = mean - center
        inside += gap @ np.linalg.solve(covariance, gap) < 6.251  # chi-squared, 90 %
    assert inside >= 85


def test_a_body_never_lifted_has_its_prior():
    mean, covariance = CenterOfMassEstimator().posterior(PRIOR_M)
    assert (mean == 0.0).all()
    np.testing.assert_allclose(covariance, np.diag(PRIOR_M**2))
