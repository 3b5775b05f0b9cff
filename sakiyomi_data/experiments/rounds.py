"""Rounds of a measurement: carried out side by side, kept as they end, resumed, and counted."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sakiyomi.console import make_console
from sakiyomi_data.experiments.failures import report_failures
from sakiyomi_data.experiments.fingerprint import fingerprint
from sakiyomi_data.experiments.journal import Journal, journal_file
from sakiyomi_data.experiments.options import check_run_arguments
from sakiyomi_data.experiments.serialization import to_json
from sakiyomi_data.experiments.workers import JobOutcome, outcomes


class Round(NamedTuple):
    """One round to be carried out; all that happens in it follows from these and the arguments."""

    index: int
    seed: int


@dataclass(frozen=True)
class RoundResults:
    """What became of the rounds."""

    records: list[Any]  # of those that ended, as JSON holds them
    failed: list[dict[str, Any]]  # of those that raised: index, seed, and why under `failed`

    @staticmethod
    def of(entries: Iterable[dict[str, Any]]) -> RoundResults:
        """Those of a journal, in its order."""
        entries = list(entries)
        records = [entry['record'] for entry in entries if 'record' in entry]
        return RoundResults(records, [entry for entry in entries if 'failed' in entry])


MakeRound = Callable[[], Callable[[Round], Any]]
ProgressText = Callable[[RoundResults], str]


def run_rounds(
    make_work: MakeRound,
    rounds: Sequence[Round],
    args: argparse.Namespace,
    inputs: Iterable[Path] = (),
    free: Iterable[str] = (),
    show: ProgressText | None = None,
) -> RoundResults:
    """Carry out the rounds that are not in the journal; all of them, in their order.

    Args:
        make_work: called once in each worker process; what it returns is called with each round
            and gives its record. It can be pickled.
        rounds: all of them.
        args: with `json`, `workers` and `afresh`.
        inputs: files and folders that the rounds read.
        free: arguments that a round does not depend on, such as how many rounds there are.
        show: a line for the progress bar, of the rounds in the order in which they ended.

    Raises:
        BadInputError: the journal is of another run, or the work cannot be made of the arguments.
        WorkFailedError: every round failed.
    """
    check_run_arguments(args)
    path = None if args.json is None else journal_file(args.json)
    journal = Journal(path, fingerprint(args, inputs, free), args.afresh)
    with closing(journal), _interrupt_explained(journal, len(rounds)):
        _carry_out(make_work, rounds, args.workers, journal, show)
    wanted = {r.index for r in rounds}
    ended = (entry for entry in journal.entries if entry['index'] in wanted)
    finished = RoundResults.of(sorted(ended, key=lambda entry: entry['index']))
    if not finished.records:
        if path is not None:
            path.unlink()  # so that the next run tries again
        report_failures('rounds', [entry['failed'] for entry in finished.failed], made=0)
    return finished


def _carry_out(
    make_work: MakeRound,
    rounds: Sequence[Round],
    workers: int,
    journal: Journal,
    show: ProgressText | None,
) -> None:
    done = {entry['index'] for entry in journal.entries}
    missing = [r for r in rounds if r.index not in done]
    work = partial(_serialized_work, make_work)
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=make_console(stderr=True)) as progress:
        task = progress.add_task('rounds', total=len(rounds))
        progress.update(task, completed=len(rounds) - len(missing))
        with closing(outcomes(work, missing, workers)) as ended:
            for outcome in ended:
                journal.add(_entry(outcome))
                progress.update(task, advance=1, description=_progress_line(journal, show))


def _serialized_work(make_work: MakeRound) -> Callable[[Round], str]:
    """The work of a process, with its records as JSON."""
    work = make_work()
    return lambda one: json.dumps(to_json(work(one)))


def _entry(outcome: JobOutcome) -> dict[str, Any]:
    entry = outcome.job._asdict()
    if outcome.failed is not None:
        return entry | {'failed': outcome.failed}
    return entry | {'record': json.loads(outcome.result)}


def _progress_line(journal: Journal, show: ProgressText | None) -> str:
    so_far = RoundResults.of(journal.entries)
    message = show(so_far) if show is not None and so_far.records else 'rounds'
    return f'{message}  {len(so_far.failed)} failed' if so_far.failed else message


@contextmanager
def _interrupt_explained(journal: Journal, total: int) -> Iterator[None]:
    """Let an interrupt say what is kept."""
    try:
        yield
    except KeyboardInterrupt as stop:
        kept = f'{len(journal.entries)} of {total} rounds are kept; the same command goes on'
        message = 'nothing is kept without --json' if journal.path is None else kept
        raise KeyboardInterrupt(message) from stop
