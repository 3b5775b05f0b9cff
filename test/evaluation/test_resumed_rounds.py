"""Real rounds follow from their seeds alone: however they are spread, the figures are the same."""

import json

import pytest

from sakiyomi_cli.main import main
from sakiyomi_data import results
from sakiyomi_data.experiments.journal import journal_file
from sakiyomi_data.experiments.rounds import RoundResults
from sakiyomi_evaluation.clutter import summarise

CLUTTER = ['clutter', '--hand-only', '--count', '2']
PROPERTIES = ['properties']
MEASURED = {'plan_s', 'provenance'}  # times of this machine, and when it was


def evaluated(command, rounds, path, *more):
    given = ['--objects', 'random_urdfs', '--seed', '3', '--rounds', str(rounds)]
    assert main(['evaluate', *command, *given, '--json', str(path), *more]) == 0
    return seeded(json.loads(path.read_text()))


def seeded(value):
    """What follows from the seed."""
    if isinstance(value, dict):
        return {key: seeded(item) for key, item in value.items() if key not in MEASURED}
    return [seeded(item) for item in value] if isinstance(value, list) else value


@pytest.mark.slow
@pytest.mark.parametrize('command', [CLUTTER, PROPERTIES], ids=['clutter', 'properties'])
def test_figures_are_the_same_interrupted_or_not_on_one_core_or_two(command, tmp_path):
    whole = evaluated(command, 3, tmp_path / 'whole.json')
    assert evaluated(command, 3, tmp_path / 'two.json', '--workers', '2') == whole
    resumed = tmp_path / 'resumed.json'
    cut_off = copied_journal(command, tmp_path / 'shorter.json')
    journal_file(resumed).write_bytes(cut_off[:-40])
    assert evaluated(command, 3, resumed) == whole


def copied_journal(command, path):
    """The journal of two rounds, as it is when the second has just ended."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, 'journal_file', lambda _: path.with_name('no journal'))
        evaluated(command, 2, path)
    return journal_file(path).read_bytes()


def test_a_clutter_round_that_raised_is_a_failed_attempt_and_clears_nothing():
    attempt = {'in_bin': ['box'], 'predicted_success': 0.9, 'plan_s': 1.0, 'execution_s': 6.0}
    attempt |= {'outcome': 'success'}
    cleared = {'attempts': [attempt] * 3, 'cleared': 3, 'objects': 3, 'ended': 'clear'}
    cleared |= {'time_s': 30.0}
    failed = {'index': 1, 'seed': 7, 'failed': 'BadInputError: trajectory start: got 0.49 rad'}
    figures = summarise(RoundResults([cleared], [failed]), count=3)
    assert figures['gsr'] == pytest.approx(3 / 4)
    assert figures['dr'] == pytest.approx(3 / 6)
    assert figures['failures'] == {'raised': 1}
    assert figures['ended'] == {'clear': 1, 'raised': 1}
    assert figures['failed_rounds'] == [failed]
    assert figures['announced_success_not_in_bin'] == 0
    assert figures['picks_per_hour'] == pytest.approx(360.0)
