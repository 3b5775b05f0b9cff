"""Simulated time waits for who reads the sensors, and for nobody for ever."""

import pytest

from simulation_node.consumers import (
    LOCKSTEP_PATIENCE_S,
    PATIENCE_S,
    PLANNER,
    WORLD_MODEL,
    Consumers,
)

LEAD_S = 0.15


def consumers(*present, lockstep=False, lead_s=LEAD_S, gave_up=lambda _: None):
    made = Consumers(lead_s, lockstep, gave_up)
    made.set_present(set(present))
    return made


def test_time_runs_no_farther_than_the_lead_ahead_of_the_picture_answered():
    c = consumers(WORLD_MODEL)
    c.world_model_answered(1.0)
    c.sent_picture(1.1)
    assert not c.must_wait(1.14, 0.0)
    assert c.must_wait(1.16, 0.0)
    c.world_model_answered(1.1)
    assert not c.must_wait(1.16, 0.0)


def test_a_camera_slower_than_the_lead_stops_nothing():
    c = consumers(WORLD_MODEL)
    c.sent_picture(1.0)
    c.world_model_answered(1.0)
    assert not c.must_wait(9.0, 0.0)


@pytest.mark.parametrize('lead_s', [0.0, LEAD_S])
def test_who_has_never_answered_is_not_waited_for_while_time_runs_freely(lead_s):
    c = consumers(WORLD_MODEL, PLANNER, lead_s=lead_s)
    c.sent_picture(1.0)
    c.sent_state(1.0)
    assert not c.must_wait(9.0, 0.0)
    c.world_model_answered(1.0)
    c.sent_picture(2.0)
    assert c.must_wait(9.0, 0.0) == (lead_s > 0.0)


def test_who_has_left_is_not_waited_for():
    c = consumers(WORLD_MODEL)
    c.world_model_answered(1.0)
    c.sent_picture(1.1)
    assert c.must_wait(1.3, 0.0)
    c.set_present(set())
    assert not c.must_wait(1.3, 0.0)
    c.set_present({WORLD_MODEL})  # another one, which has not answered yet
    assert not c.must_wait(1.3, 0.0)


def test_a_wait_ends_and_is_told_once_until_the_next_answer():
    told = []
    c = consumers(WORLD_MODEL, gave_up=told.append)
    c.world_model_answered(1.0)
    c.sent_picture(1.1)
    assert c.must_wait(1.3, 10.0)
    assert c.must_wait(1.3, 10.0 + 0.9 * PATIENCE_S)
    assert not c.must_wait(1.3, 10.0 + 1.1 * PATIENCE_S)
    assert not c.must_wait(1.4, 10.0 + 1.2 * PATIENCE_S)
    assert told == [WORLD_MODEL] and c.given_up == {WORLD_MODEL}
    c.world_model_answered(1.1)
    c.sent_picture(1.4)
    assert c.must_wait(1.5, 100.0)


def test_the_time_waited_is_counted_for_each():
    c = consumers(WORLD_MODEL)
    c.world_model_answered(1.0)
    c.sent_picture(1.1)
    c.must_wait(1.3, 5.0)
    c.must_wait(1.3, 5.2)
    c.world_model_answered(1.1)
    c.must_wait(1.3, 5.3)
    assert c.waits_s() == {WORLD_MODEL: pytest.approx(0.3)}
    assert c.waits_s() == {}


def test_nobody_is_waited_for_before_anything_was_sent():
    assert not consumers(WORLD_MODEL, PLANNER, lockstep=True).must_wait(0.0, 0.0)


def test_in_lockstep_every_picture_waits_for_its_answer():
    c = consumers(WORLD_MODEL, lockstep=True)
    c.sent_picture(0.1)
    assert c.must_wait(0.1, 0.0)
    c.world_model_answered(0.0)
    assert c.must_wait(0.1, 0.0)
    c.world_model_answered(0.1)
    assert not c.must_wait(0.1, 0.0)


def test_in_lockstep_every_state_waits_for_the_planner_and_its_commands():
    c = consumers(PLANNER, lockstep=True)
    c.sent_state(0.1)
    assert c.must_wait(0.1, 0.0)
    c.planner_answered(0.1, 2)
    c.command_received()
    assert c.must_wait(0.1, 0.0)
    c.command_received()
    assert not c.must_wait(0.1, 0.0)
    c.sent_state(0.2)
    c.command_received()  # overtakes the heartbeat
    assert c.must_wait(0.2, 0.0)
    c.planner_answered(0.2, 3)
    assert not c.must_wait(0.2, 0.0)


def test_in_lockstep_a_planner_that_starts_anew_is_believed():
    c = consumers(PLANNER, lockstep=True)
    c.sent_state(0.1)
    c.command_received()
    c.planner_answered(0.1, 1)
    c.sent_state(0.2)
    c.planner_answered(0.2, 0)
    c.sent_state(0.3)
    c.planner_answered(0.3, 1)
    assert c.must_wait(0.3, 0.0)
    c.command_received()
    assert not c.must_wait(0.3, 0.0)


def test_in_lockstep_a_command_that_got_lost_stops_the_run_once():
    c = consumers(PLANNER, lockstep=True)
    c.sent_state(0.1)
    c.planner_answered(0.1, 17)  # what it sent before this simulation was there
    assert c.must_wait(0.1, 0.0)
    assert not c.must_wait(0.1, 1.1 * LOCKSTEP_PATIENCE_S)
    c.sent_state(0.2)
    c.planner_answered(0.2, 17)
    assert not c.must_wait(0.2, 2.0 * LOCKSTEP_PATIENCE_S)
