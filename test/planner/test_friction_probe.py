"""The grip that loosens until something slides."""

import numpy as np
import pytest

from planner_node.friction_probe import FrictionProbe, FrictionProbeConfig

CONFIG = FrictionProbeConfig()
WEIGHT_N, GRIP_FORCE_N = 1.0, 20.0


def probed(friction, noise_n=0.0, seed=0):
    """Let it loosen on a load that slides at 2 x friction x force; the forces commanded."""
    rng, probe, forces = (
        np.random.default_rng(seed),
        FrictionProbe(GRIP_FORCE_N, CONFIG),
        [GRIP_FORCE_N],
    )
    while not probe.done:
        load = min(WEIGHT_N, 2.0 * friction * forces[-1]) + noise_n * rng.normal()
        forces.append(probe.force_n(load))
        assert len(forces) < 500, 'it never ends'
    return probe, np.array(forces)


@pytest.mark.parametrize('friction', [0.1, 0.5, 1.0])
@pytest.mark.parametrize('noise_n', [0.0, 0.05])
def test_it_loosens_until_the_load_slides_and_grips_again(friction, noise_n):
    probe, forces = probed(friction, noise_n)
    assert probe.slipped and forces[-1] == GRIP_FORCE_N
    assert forces.min() == pytest.approx(0.5 * WEIGHT_N / friction, rel=0.4)


def test_what_never_slides_is_gripped_again_too():
    probe = FrictionProbe(GRIP_FORCE_N, CONFIG)
    forces = []
    while not probe.done:
        forces.append(probe.force_n(WEIGHT_N))
    assert not probe.slipped and forces[-1] == GRIP_FORCE_N
    assert min(forces) > 0.5 * CONFIG.min_force_n
    assert probe.force_n(0.0) == GRIP_FORCE_N
