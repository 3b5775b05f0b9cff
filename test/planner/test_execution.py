"""Every command is followed by a look: picks by a robot of closed form, healthy and not."""

import numpy as np
import pytest
from pick_plans import Trial, plan
from stand_in_robot import Q_HOME, StandInRobot, arm_with

from planner_node.execution.supervisor import SpeedOverride

PRESSED = np.array([0.0, 0.0, 100.0, 0.0, 0.0, 0.0])
WEIGHT = np.array([0.0, 0.0, 2.0, 0.0, 0.0, 0.0])


def press(robot):
    robot.wrench = PRESSED


def lose_object(robot):
    robot.gripper.object_width_m = 0.0


@pytest.mark.parametrize('answers', [True, False], ids=['action', 'topic'])
def test_a_held_object_goes_through_every_phase_to_success(answers):
    trial = Trial(answers=answers)
    execution = trial.run()
    assert (execution.outcome, execution.done) == ('success', True), execution.reason
    assert trial.phases == [
        'reach',
        'approach',
        'close',
        'lift',
        'verify',
        'carry',
        'place',
        'retreat',
    ]
    np.testing.assert_allclose(trial.robot.arm.q, Q_HOME, atol=0.02)


def test_goals_that_replace_a_running_one_make_no_jump():
    trial = Trial()
    trial.run()
    assert len(trial.robot.arm.sent) > 40  # motions go out as short goals
    assert trial.robot.arm.largest_jump_rad < 0.006


def test_each_goal_ends_at_rest_and_holds_little_motion():
    trial = Trial()
    trial.run()
    assert trial.robot.arm.sent
    for goal, _ in trial.robot.arm.sent:
        assert not goal.dq[-1].any()
        assert goal.duration_s < 0.6


def test_fingers_that_close_on_nothing_have_missed_and_do_not_lift():
    trial = Trial(object_width_m=0.0)
    execution = trial.run()
    assert execution.outcome == 'missed'
    assert 'lift' not in trial.phases
    np.testing.assert_allclose(trial.robot.arm.q, Q_HOME, atol=0.02)


@pytest.mark.parametrize(('phase', 'outcome'), [('lift', 'slipped'), ('carry', 'dropped')])
def test_an_object_lost_on_the_way_is_not_placed(phase, outcome):
    execution = Trial().run({phase: lose_object})
    assert execution.outcome == outcome


@pytest.mark.parametrize('answers', [True, False], ids=['action', 'topic'])
def test_a_gripper_that_refuses_or_ignores_its_commands_blames_no_object(answers):
    trial = Trial(answers=answers)
    trial.robot.gripper.faults.position_only = True
    execution = trial.run()
    assert execution.outcome == 'actuator_failed'
    assert 'close' not in trial.phases
    assert ('effort' in execution.reason) if answers else ('mm apart' in execution.reason)


def test_fingers_that_get_stuck_when_they_should_close_have_failed():
    def stick(robot):
        robot.gripper.faults.stuck = True

    execution = Trial().run({'close': stick})
    assert execution.outcome == 'actuator_failed'
    assert 'the fingers stayed 70 mm apart' in execution.reason


def test_an_arm_topic_that_nobody_listens_to_is_an_actuator_that_failed():
    trial = Trial(answers=False)
    trial.robot.arm.faults.deaf = True
    execution = trial.run()
    assert execution.outcome == 'actuator_failed'
    assert 'has not moved for 1.0 s, panda_joint' in execution.reason
    assert trial.phases == ['reach']


def test_an_arm_whose_controller_refuses_is_an_actuator_that_failed():
    trial = Trial()
    trial.robot.arm.faults.stopped = True
    execution = trial.run()
    assert execution.outcome == 'actuator_failed'
    assert 'emergency stop' in execution.reason


@pytest.mark.parametrize('answers', [True, False], ids=['action', 'topic'])
@pytest.mark.parametrize('phase', ['reach', 'approach', 'carry'])
def test_an_arm_that_stops_in_mid_motion_ends_the_pick_where_it_stands(phase, answers):
    def emergency(robot):
        robot.step(0.3)
        robot.arm.faults.stopped = True

    trial = Trial(answers=answers)
    execution = trial.run({phase: emergency})
    assert execution.outcome == 'actuator_failed'
    assert trial.robot.gripper.width_m > 0.06 or phase == 'carry'  # it closed on nothing


@pytest.mark.parametrize('answers', [True, False], ids=['action', 'topic'])
def test_an_arm_at_half_its_speed_is_waited_for(answers):
    trial = Trial(StandInRobot(arm_with(path_rad=0.5, goal_time_s=2.0)), answers)
    trial.robot.arm.faults.speed = 0.5
    closed = []

    def note(robot):
        closed.append(robot.arm.q.copy())

    execution = trial.run({'close': note})
    assert execution.outcome == 'success', execution.reason
    np.testing.assert_allclose(closed[0], plan()['approach'].q[-1], atol=0.02)


def test_a_controller_that_takes_no_goal_while_one_runs_gets_whole_motions():
    trial = Trial(StandInRobot(arm_with(while_running=False)))
    execution = trial.run()
    assert execution.outcome == 'success', execution.reason
    assert not trial.arm.preempts


def test_a_wrist_that_feels_contact_ends_the_approach():
    trial = Trial()
    execution = trial.run({'approach': press})
    assert execution.outcome == 'collided'
    assert 'close' not in trial.phases


@pytest.mark.parametrize('phase', ['reach', 'lift', 'carry'])
def test_contact_stops_the_arm_in_every_phase_and_lets_go_of_nothing(phase):
    def strike(robot):
        robot.step(0.2)
        robot.wrench = PRESSED

    trial = Trial()
    execution = trial.run({phase: strike})
    assert execution.outcome == 'collided'
    if phase != 'reach':
        assert trial.robot.gripper.width_m == pytest.approx(0.04, abs=1e-3)


def test_resistance_at_the_very_end_of_the_approach_does_not_keep_it_from_closing():
    trial = Trial()
    near = plan()['approach'].q[-1]

    def at_the_end(t):
        if t.execution.phase == 'approach' and np.abs(t.robot.arm.q - near).max() < 0.003:
            t.robot.wrench = PRESSED
        return t.execution.phase == 'close'

    assert trial.run(until=at_the_end).phase == 'close'


def test_what_hangs_on_a_finger_is_shaken_and_not_called_placed():
    def weigh(robot):
        robot.wrench = WEIGHT

    trial = Trial()
    execution = trial.run({'lift': weigh})  # and the weight stays, whatever the fingers do
    assert execution.outcome == 'not_placed'
    assert '2.0 of 2.0 N' in execution.reason
    assert not execution.holding  # the next pick begins with an empty hand


def test_a_weight_that_leaves_the_hand_at_the_place_is_a_success():
    trial = Trial()
    trial.run({'lift': lambda r: setattr(r, 'wrench', WEIGHT)}, until=at_place)
    trial.robot.wrench = WEIGHT
    execution = trial.run(until=opened_wide)
    trial.robot.wrench = np.zeros(6)
    execution = trial.run()
    assert execution.outcome == 'success'
    assert '2.0 N left the hand' in execution.reason


def at_place(trial):
    return trial.execution.phase == 'place'


def opened_wide(trial):
    return trial.robot.gripper.width_m > 0.075


def test_stop_brakes_on_the_path_and_ends_at_rest():
    trial = Trial()
    trial.run(until=lambda t: t.execution.phase == 'carry' and np.abs(t.robot.arm.dq).max() > 0.3)
    start_s = trial.robot.now_s
    trial.execution.stop('stopped', 'on request')
    execution = trial.run()
    assert (execution.outcome, execution.done) == ('stopped', True)
    assert trial.robot.now_s - start_s < 0.4
    q = trial.robot.arm.q.copy()
    trial.coast()
    np.testing.assert_allclose(trial.robot.arm.q, q, atol=0.02)
    carry = plan()['carry'].q
    assert np.abs(carry - trial.robot.arm.q).max(axis=1).min() < 0.02
    assert trial.robot.gripper.width_m == pytest.approx(0.04, abs=1e-3)


@pytest.mark.parametrize('phase', ['reach', 'approach', 'lift', 'carry', 'retreat'])
@pytest.mark.parametrize('answers', [True, False], ids=['action', 'topic'])
def test_a_planner_that_dies_leaves_an_arm_at_rest(phase, answers):
    trial = Trial(answers=answers)
    trial.run(until=lambda t: t.execution.phase == phase and np.abs(t.robot.arm.dq).max() > 0.05)
    sent = len(trial.robot.arm.sent)
    trial.coast(0.7)
    assert np.abs(trial.robot.arm.dq).max() < 1e-3
    assert len(trial.robot.arm.sent) == sent


def test_what_is_in_the_way_is_waited_for_and_then_passed():
    def blocked(trial):
        there = trial.execution.phase == 'carry' and trial.robot.now_s < blocked.until_s
        return (
            SpeedOverride(0.0, 'something is in the way', 'obstructed')
            if there
            else SpeedOverride()
        )

    blocked.until_s = 0.0
    trial = Trial()
    trial.run(until=lambda t: t.execution.phase == 'carry')
    blocked.until_s = trial.robot.now_s + 1.5
    trial.run(limit_s=1.0, speed_override=blocked)
    assert np.abs(trial.robot.arm.dq).max() < 1e-3
    assert trial.run(speed_override=blocked).outcome == 'success'


def test_what_stays_in_the_way_ends_the_pick_and_lets_go_of_nothing():
    def blocked(trial):
        there = trial.execution.phase == 'carry'
        return (
            SpeedOverride(0.0, 'something is in the way', 'obstructed')
            if there
            else SpeedOverride()
        )

    trial = Trial()
    execution = trial.run(speed_override=blocked)
    assert (execution.outcome, execution.reason) == ('obstructed', 'something is in the way')
    assert trial.robot.gripper.width_m == pytest.approx(0.04, abs=1e-3)
