"""What the rigid-body step must get right whatever is learned on top of it."""

import pytest
import torch
from bodies import HALF_M, at, cube, energy, move, tumbling

from sakiyomi.constants import GRAVITY_MPS2
from world_model_node.model.contact.body_state import BodyState


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


@pytest.mark.parametrize('substep_s', [0.0125, 0.05])
def test_free_flight_is_exact(substep_s):
    state = move(at((0, 0, 5.0), (1.0, -2.0, 3.0), (1.0, 2.0, -0.5)), cube(), 0.5, substep_s)
    expected = torch.tensor([0.5, -1.0, 5.0 + 1.5 - 0.125 * GRAVITY_MPS2])
    assert torch.allclose(state.position[0], expected, atol=1e-5)
    assert torch.allclose(state.angular_velocity[0], torch.tensor([1.0, 2.0, -0.5]), atol=1e-4)


def test_free_spin_turns_by_rate_times_time():
    state = move(at((0, 0, 5.0), omega=(0, 0, 4.0)), cube(), 0.5)
    expected = torch.tensor([1.0, 0.0, 0.0, 0.0]) * torch.cos(torch.tensor(1.0))
    expected[3] = torch.sin(torch.tensor(1.0))
    assert torch.allclose(state.rotation[0], expected, atol=1e-4)


@pytest.mark.parametrize('substep_s', [0.002, 0.0125, 0.025])
def test_a_cube_dropped_flat_comes_to_rest_on_the_plane(substep_s):
    state = move(at((0, 0, 0.2)), cube(), 2.0, substep_s)
    assert state.position[0, 2].item() == pytest.approx(HALF_M, abs=1.5e-3)
    assert state.velocity.abs().max() < 1e-4
    assert state.angular_velocity.abs().max() < 1e-3


@pytest.mark.parametrize('friction', [0.2, 0.5])
@pytest.mark.parametrize('substep_s', [0.002, 0.0125])
def test_a_sliding_block_stops_where_coulomb_says(friction, substep_s):
    body = cube(friction=friction)
    settled = move(at((0, 0, HALF_M)), body, 0.5, substep_s)
    state = move(settled._replace(velocity=torch.tensor([[0.8, 0, 0]])), body, 1.5, substep_s)
    expected = 0.8**2 / (2.0 * friction * GRAVITY_MPS2)
    assert state.position[0, 0].item() == pytest.approx(expected, rel=0.05)
    assert state.velocity.abs().max() < 1e-3


def test_what_barely_slips_stops_at_once():
    state = move(at((0, 0, HALF_M), (0.002, 0, 0)), cube(), 1.0)
    assert state.position[0, 0] < 5e-4


def test_energy_never_grows():
    body, energies = cube(256), []
    move(tumbling(256, 0), body, 2.0, visit=lambda s: energies.append(energy(s, body)))
    steps = torch.stack(energies)
    assert (steps.max(0).values < 1.01 * steps[0]).all()
    assert (steps[-1] < steps[0]).all()


def test_what_is_thrown_comes_to_rest_on_a_face():
    state = move(tumbling(256, 1), cube(256), 4.0)
    assert state.position[:, 2].sub(HALF_M).abs().median() < 1.5e-3
    assert (state.velocity.norm(dim=1) < 0.02).float().mean() > 0.97


def test_nothing_sinks_into_the_plane():
    lowest = []
    move(tumbling(128, 2), cube(128), 2.0, visit=lambda s: lowest.append(s.position[:, 2].min()))
    assert min(lowest) > HALF_M - 0.01


def test_turning_the_world_about_the_vertical_turns_the_prediction():
    state, angle = tumbling(64, 3), torch.tensor(0.7)
    c, s = torch.cos(angle), torch.sin(angle)
    Z = torch.tensor([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    half = torch.tensor([torch.cos(angle / 2), torch.sin(angle / 2)])
    w, x, y, z = state.rotation.T
    real = torch.stack([half[0] * w - half[1] * z, half[0] * z + half[1] * w])
    rest = torch.stack([half[0] * x - half[1] * y, half[0] * y + half[1] * x])
    q = torch.stack([real[0], rest[0], rest[1], real[1]], 1)
    turned = BodyState(state.position @ Z.T, q, state.velocity @ Z.T, state.angular_velocity @ Z.T)
    first = move(state, cube(64), 0.3).position @ Z.T
    assert torch.allclose(first, move(turned, cube(64), 0.3).position, atol=2e-3)


@pytest.mark.parametrize('substep_s', [0.001, 1 / 60, 0.025])
def test_more_restitution_returns_more_speed_and_never_more_than_its_share(substep_s):
    returned = []
    for e in (0.2, 0.5, 0.8):
        seen = []
        move(at((0, 0, 0.3)), cube(restitution=e), 0.4, substep_s, visit=seen.append)
        speeds = torch.tensor([s.velocity[0, 2].item() for s in seen])
        returned.append((speeds.max() / -speeds.min()).item())
        assert returned[-1] < e + 0.05
    assert returned[0] < returned[1] < returned[2]


def test_gradients_reach_every_input_and_are_finite():
    with torch.enable_grad():
        state = BodyState(*(x.requires_grad_() for x in tumbling(32, 4)))
        body = cube(32)
        body = body._replace(friction=body.friction.clone().requires_grad_())
        end = move(state, body, 0.4)
        (end.position.sum() + end.rotation.sum()).backward()
    for x in (*state, body.friction):
        assert x.grad is not None and torch.isfinite(x.grad).all()
    assert body.friction.grad.abs().max() > 0.0
