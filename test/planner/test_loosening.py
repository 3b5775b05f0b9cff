"""The grip that loosens until something slides."""

import numpy as np
import pytest

from planner_node.loosening import LEAST_N, Loosening

WEIGHT_N, FIRM_N = 1.0, 20.0


def loosened(friction, noise_n=0.0, seed=0):
    """Let it loosen on a load that slides at 2 x friction x force; the forces commanded."""
    rng, loosening, forces = np.random.default_rng(seed), Loosening(FIRM_N), [FIRM_N]
    while not loosening.done:
        load = min(WEIGHT_N, 2.0 * friction * forces[-1]) + noise_n * rng.normal()
        forces.append(loosening.force_n(load))
        assert len(forces) < 500, 'it never ends'
    return loosening, np.array(forces)


@pytest.mark.parametrize('friction', [0.1, 0.5, 1.0])
@pytest.mark.parametrize('noise_n', [0.0, 0.05])
def test_it_loosens_until_the_load_slides_and_grips_again(friction, noise_n):
    loosening, forces = loosened(friction, noise_n)
    assert loosening.slid and forces[-1] == FIRM_N
    assert forces.min() == pytest.approx(0.5 * WEIGHT_N / friction, rel=0.4)


def test_what_never_slides_is_gripped_again_too():
    loosening = Loosening(FIRM_N)
    forces = []
    while not loosening.done:
        forces.append(loosening.force_n(WEIGHT_N))
    assert not loosening.slid and forces[-1] == FIRM_N
    assert min(forces) > 0.5 * LEAST_N
    assert loosening.force_n(0.0) == FIRM_N
