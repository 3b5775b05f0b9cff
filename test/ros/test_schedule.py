import pytest

from simulation_node.schedule import MAX_LAG_S, Pacer, Schedule

SCHEDULE = Schedule(240, {'clock': 120.0, 'touch': 60.0, 'lidar': 10.0, 'camera': 8.0})


def walk(schedule, last):
    step, events = 0, []
    while step < last:
        step += schedule.steps_to_next(step)
        events += [(name, step) for name in schedule.rates_hz if schedule.due(name, step)]
    return events


@pytest.mark.parametrize('name', SCHEDULE.rates_hz)
def test_a_sensor_reads_at_every_multiple_of_its_period_and_no_other_time(name):
    steps = [step for other, step in walk(SCHEDULE, 480) if other == name]
    period = 240 / SCHEDULE.rates_hz[name]
    assert steps == [period * (i + 1) for i in range(int(480 / period))]


def test_no_sensor_is_faster_than_the_physics():
    assert Schedule(240, {'touch': 1000.0}).period('touch') == 1


def run(pacer, duration_s, tick_s=0.004, step_s=1 / 120, stalls=None):
    """Simulated time after real time, and how long each simulated step took."""
    stalls = dict(stalls or {})
    real_s = simulated_s = 0.0
    while real_s < duration_s:
        due = [at for at in stalls if real_s >= at]
        for at in due:
            real_s += stalls.pop(at)
        if pacer.behind(real_s, simulated_s):
            simulated_s += step_s
        real_s += tick_s
    return simulated_s


@pytest.mark.parametrize('factor', [0.25, 0.5, 1.0])
def test_simulated_time_keeps_the_wanted_pace(factor):
    assert run(Pacer(factor), 5.0) == pytest.approx(5.0 * factor, rel=0.02)


def test_a_short_delay_is_made_up_for():
    assert run(Pacer(1.0), 5.0, stalls={1.0: 0.5 * MAX_LAG_S}) == pytest.approx(5.0, rel=0.01)


def test_after_a_long_delay_the_clock_has_slowed_down_and_does_not_hurry():
    assert run(Pacer(1.0), 5.0, stalls={1.0: 2.0}) == pytest.approx(3.0, rel=0.05)


def test_no_limit_means_every_tick():
    assert run(Pacer(0.0), 1.0) == pytest.approx(250 / 120, rel=0.02)
