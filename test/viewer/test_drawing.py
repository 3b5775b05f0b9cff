"""What the page draws, where that can be computed."""

from dataclasses import replace

import numpy as np
import pytest
from fake_world import objects, prediction, touch
from hypothesis import given
from hypothesis import strategies as st

from planner_node.execution.pick_execution import PHASES as EXECUTED
from sakiyomi.constants import GRAVITY_MPS2
from sakiyomi.errors import BadInputError
from sakiyomi.sensing import TactileReading
from viewer_node.layers.ghosts import SIGMAS, ellipsoid, motion_m
from viewer_node.layers.objects import box_of, label_of
from viewer_node.layers.plan import BAR_M, gripper_glyph
from viewer_node.layers.visuals import load_visuals
from viewer_node.panels.camera_labels import CameraLabels
from viewer_node.panels.cards import (
    MAX_STAGES,
    health_card,
    message_card,
    objects_card,
    pick_card,
    summed,
)
from viewer_node.panels.disturbances import inward_push, random_throw, throw_velocity
from viewer_node.panels.pads import draw_pads, force_map
from viewer_node.panels.status import PHASES, HealthLine, PickStatus
from viewer_node.theme import color_of_id, color_of_probability

URDF = """<robot name="r"><link name="a">
  <visual><geometry><box size="0.2 0.4 0.6"/></geometry>
    <material name="red"><color rgba="1 0 0 1"/></material></visual>
  <visual><origin xyz="0 0 1"/><geometry><sphere radius="0.1"/></geometry>
    <material name="red"/></visual>
  <visual><geometry><cylinder radius="0.1" length="0.2"/></geometry>{more}</visual>
</link></robot>"""


@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6), st.floats(0.2, 2.0))
def test_a_thrown_body_is_at_the_target_after_the_flight(numbers, flight_s):
    start, target = np.array(numbers[:3]), np.array(numbers[3:])
    velocity = throw_velocity(start, target, flight_s)
    end = start + velocity * flight_s + np.array([0.0, 0.0, -GRAVITY_MPS2]) * flight_s**2 / 2
    np.testing.assert_allclose(end, target, atol=1e-9)


def test_a_throw_never_starts_downwards():
    rng = np.random.default_rng(0)
    assert all(random_throw(rng, 0.6)[1][2] > 0 for _ in range(50))


@given(st.floats(0.3, 0.7), st.floats(-0.2, 0.2))
def test_a_push_is_level_as_strong_as_asked_and_not_outwards(x, y):
    position = np.array([x, y, 0.03])
    impulse = inward_push(position, 0.05)
    assert impulse[2] == 0.0
    assert abs(np.linalg.norm(impulse) - 0.05) < 1e-12
    outwards = position[:2] - [0.5, 0.0]
    assert np.linalg.norm(outwards) < 0.02 or impulse[:2] @ outwards < 0


def test_the_ellipsoid_spans_two_sigma_along_its_axes():
    R = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    sigmas = np.array([0.01, 0.02, 0.05])
    semi_axes, axes = ellipsoid(R @ np.diag(sigmas**2) @ R.T)
    np.testing.assert_allclose(semi_axes, SIGMAS * sigmas, rtol=1e-9)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    spread = axes @ np.diag((semi_axes / SIGMAS) ** 2) @ axes.T
    np.testing.assert_allclose(spread, R @ np.diag(sigmas**2) @ R.T, atol=1e-12)


def test_a_covariance_that_is_not_positive_still_gives_an_ellipsoid():
    semi_axes, _ = ellipsoid(np.diag([-1e-6, 0.0, 1e-4]))
    assert (semi_axes > 0).all()


def test_only_what_moves_counts_as_moving():
    moving = {state.id: motion_m(prediction(state)) for state in objects()}
    assert [object_id for object_id, m in moving.items() if m > 0.005] == [3]


def test_the_box_holds_every_point():
    for state in objects():
        center, size = box_of(state.points_m)
        assert (np.abs(state.points_m - center) <= size / 2 + 1e-7).all()
    assert (box_of(np.empty((0, 3)))[1] > 0).all()


def test_the_label_tells_the_speed_of_what_moves():
    assert label_of(objects()[2]) == '#3  0.13 m/s'
    assert label_of(objects()[0]) == '#1'


@given(st.floats(0.0, 0.08))
def test_the_glyph_leaves_the_opening_free_between_its_fingers(width_m):
    y = gripper_glyph(width_m).vertices[:8, 1]
    assert y.min() == pytest.approx(width_m / 2, abs=1e-9)
    assert y.max() == pytest.approx(width_m / 2 + BAR_M, abs=1e-9)


def test_neighbouring_ids_differ_and_an_id_keeps_its_color():
    colors = np.array([color_of_id(i) for i in range(8)])
    assert color_of_id(3) == tuple(colors[3])
    assert (np.abs(np.diff(colors, axis=0)).max(1) > 60).all()


def test_a_sure_grasp_is_green_and_a_doubtful_one_red():
    red, green = color_of_probability(0.0), color_of_probability(1.0)
    assert red[0] > red[1] and green[1] > green[0]


def test_the_heat_map_is_hottest_where_the_force_is():
    reading = touch('left')
    heat = force_map(reading, 0.5, (40, 40))
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    x = np.interp(row / 39, [0.08, 0.92], [-0.008, 0.008])
    y = np.interp(column / 39, [0.08, 0.92], [-0.008, 0.008])
    assert abs(x - 0.002) < 0.002 and abs(y + 0.001) < 0.002
    assert heat.min() >= 0.0 and heat.max() <= 1.0


def test_a_pad_without_data_or_with_nan_is_drawn_dark():
    nan = TactileReading(0.0, 'left', np.zeros((4, 3)), np.full((4, 3), np.nan))
    assert not force_map(None, 0.5, (4, 4)).any()
    assert not force_map(nan, 0.5, (4, 4)).any()
    assert draw_pads(None, nan, 0.5).shape == draw_pads(touch('left'), touch('right'), 0.5).shape


def test_an_idle_pad_shows_its_taxels_and_a_pressed_one_its_heat():
    idle = draw_pads(touch('left', 0.0), None, 0.3)
    left, right = idle[40:, :300], idle[40:, -300:]
    assert left.mean() > 1.5 * right.mean()  # a pad without data is dark
    assert len(np.unique(left.reshape(-1, 3), axis=0)) > 2  # the taxels stand out
    pressed = draw_pads(touch('left', 0.3), None, 0.3)
    assert pressed[40:, :300].max() > idle[40:, :300].max() + 50


def test_ids_stand_on_the_picture_where_their_objects_are():
    labels, state = CameraLabels(), objects()[0]
    T_world_camera = np.eye(4)
    T_world_camera[:3, :3] = np.diag([1.0, -1.0, -1.0])
    T_world_camera[:3, 3] = state.T_world_object[:3, 3] + [0.0, 0.0, 0.8]
    labels.place(T_world_camera, np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]), (480, 640))
    plain = np.full((240, 320, 3), 127, np.uint8)
    drawn = np.argwhere((labels.draw(plain, (state,)) != plain).any(axis=-1))
    assert len(drawn) > 10
    assert np.abs(drawn.mean(axis=0) - [120, 160]).max() < 30  # the middle, at half the size
    hidden = replace(state, visible=False)
    np.testing.assert_array_equal(labels.draw(plain, (hidden,)), plain)


def test_the_page_has_a_place_for_each_phase_of_a_pick_in_their_order():
    assert [phase for phase in PHASES if phase in EXECUTED] == list(EXECUTED)


def test_a_card_tells_mass_friction_and_their_doubt():
    card = objects_card(objects()[:1])
    assert '200 ± 100 g' in card and '0.20 ± 0.10' in card
    assert 'no object' in objects_card(())


def test_shapes_become_triangles_grouped_by_color():
    visuals = load_visuals(URDF.format(more=''))
    assert (visuals[0].link, visuals[0].color) == ('a', (255, 0, 0))
    assert len(visuals) == 2
    red = visuals[0].vertices_m
    np.testing.assert_allclose(red.min(0), [-0.1, -0.2, -0.3], atol=1e-6)
    assert red[:, 2].max() == pytest.approx(1.1, abs=1e-3)
    assert visuals[0].faces.max() == len(red) - 1


@pytest.mark.parametrize(
    'text',
    [
        '<robot',
        URDF.format(more='').replace('box size="0.2 0.4 0.6"', 'mesh filename="/no/such.obj"'),
    ],
)
def test_a_broken_description_is_one_clear_line(text):
    with pytest.raises(BadInputError) as caught:
        load_visuals(text)
    assert '\n' not in str(caught.value)


@given(st.lists(st.floats(0, 100), max_size=12))
def test_the_rest_of_the_stages_is_added_up(times_ms):
    stages = tuple((f's{i}', ms) for i, ms in enumerate(times_ms))
    shown = summed(stages)
    assert len(shown) <= MAX_STAGES
    assert sum(ms for _, ms in shown) == pytest.approx(sum(times_ms))


def test_text_from_outside_cannot_become_html():
    evil = '<img src=x onerror=alert(1)>'
    cards = (
        message_card(evil),
        health_card([HealthLine(2, evil, evil)]),
        pick_card(PickStatus(evil, 1, 0.5, ((False, evil),))),
    )
    assert not any('<img' in card for card in cards)
