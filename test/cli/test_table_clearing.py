"""A table is cleared until its objects say that it is over, never because the graph was late."""

import pytest

from sakiyomi.console import make_console
from sakiyomi.errors import WorkFailedError
from sakiyomi_cli import table_clearing
from sakiyomi_cli.table_clearing import MAX_EQUAL_FAILURES, clear_table
from sakiyomi_ros.clients.pick_client import PickReport, TrackedObjects

FRESH = TrackedObjects(1.0, (1,))
BLIND = TrackedObjects(1.0, (1,), frozenset({'joints'}))


class Graph:
    """Plays the client of a graph whose picks end as told; the last outcome goes on for good."""

    def __init__(self, *outcomes, scenes=(FRESH,)):
        self.outcomes, self.scenes = list(outcomes), list(scenes)
        self.waits = 0

    def pick(self, _):
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        return PickReport(outcome, f'because {outcome}', 1, 0.5, 0.1, 1.0)

    def next_tracked(self, _):
        self.waits += 1
        return self.scenes.pop(0) if len(self.scenes) > 1 else self.scenes[0]

    def tracked_after(self, *_):
        return FRESH

    def spin(self, _):
        pass

    def ground_truth(self):
        return None


def cleared(graph, count=5):
    return clear_table(graph, count, make_console())


@pytest.mark.parametrize('outcome', ['stale_input', 'stopped', 'rejected'])
def test_what_is_no_fault_of_an_object_is_tried_again_and_not_counted(outcome):
    graph = Graph(*[outcome] * 5, 'success', outcome, 'no_target')
    clearing = cleared(graph)
    assert [r.outcome for r in clearing.reports] == ['success']
    assert clearing.stop_reason == 'the table is clear'


def test_the_next_try_waits_until_the_scene_is_fresh_again():
    graph = Graph('stale_input', 'no_target', scenes=(BLIND, None, BLIND, FRESH))
    cleared(graph)
    assert graph.waits == 4


def test_a_graph_that_never_recovers_is_one_line_that_says_why(monkeypatch):
    monkeypatch.setattr(table_clearing, 'RETRY_TIMEOUT_S', 0.05)
    with pytest.raises(WorkFailedError, match='no pick within 0 s: stale_input, because stale'):
        cleared(Graph('stale_input', scenes=(BLIND,)))


def test_picks_that_stay_impossible_in_a_fresh_scene_end_it_too(monkeypatch):
    monkeypatch.setattr(table_clearing, 'RETRY_TIMEOUT_S', 0.05)
    with pytest.raises(WorkFailedError, match='rejected'):
        cleared(Graph('rejected'))


@pytest.mark.parametrize('outcome', ['missed', 'actuator_failed', 'obstructed', 'not_placed'])
def test_the_same_failure_again_ends_it_with_its_reason(outcome):
    clearing = cleared(Graph('success', outcome))
    assert len(clearing.reports) == 1 + MAX_EQUAL_FAILURES
    assert clearing.stop_reason == f'{outcome} 2 times in a row: because {outcome}'


def test_failures_that_alternate_end_with_the_attempts():
    clearing = cleared(Graph(*['missed', 'slipped'] * 10), count=2)
    assert len(clearing.reports) == 4
    assert clearing.stop_reason == 'no more attempts'
