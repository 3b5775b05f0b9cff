"""`sakiyomi doctor`: what is there, what answers, what is wrong and how to mend it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi.finding import BAD, INFO, OK, WARN, Finding
from sakiyomi_bringup.checkup import SETUP, engines, installed, machine
from sakiyomi_bringup.graph_options import use_domain

MARKS = {OK: '[green]ok  [/green]', INFO: '[dim]info[/dim]', WARN: '[yellow]warn[/yellow]'}
MARKS[BAD] = '[red]bad [/red]'


def add_arguments(parser: argparse.ArgumentParser, _: list[str]) -> None:
    """The port and domain to check, and the output file."""
    parser.add_argument('--port', type=int, default=8080, help='port of the browser page')
    parser.add_argument('--domain-id', type=int, help='ROS domain to listen in')
    parser.add_argument(
        '--json', metavar='FILE', help='write the findings here; - for standard output'
    )


def run(options: argparse.Namespace) -> int:
    """1 if something needed is broken."""
    if not 1 <= options.port <= 65535:
        raise BadInputError(f'--port: got {options.port}, expected 1 to 65535')
    if options.domain_id is not None:
        use_domain(options.domain_id)
    findings = [*installed(), *engines(), *machine(options.port), *_topics()]
    if options.json:
        _write(options.json, findings)
    if options.json != '-':
        _show(findings, make_console())
    return 1 if any(finding.status == BAD for finding in findings) else 0


def _topics() -> Iterator[Finding]:
    try:
        from sakiyomi_ros.environment import prepare_environment

        prepare_environment()
        from sakiyomi_ros.clients.topic_survey import survey
    except (ImportError, OSError) as error:
        yield Finding('topics', 'middleware', BAD, ' '.join(str(error).split()), SETUP)
        return
    yield from survey()


def _show(findings: list[Finding], console: Console) -> None:
    section = ''
    for finding in findings:
        if finding.section != section:
            section = finding.section
            console.print(f'[bold]{section}[/bold]')
        cure = f'  → {finding.cure}' if finding.cure and finding.status != OK else ''
        console.print(
            f'  {MARKS[finding.status]}  {finding.name:<32} {escape(finding.detail + cure)}'
        )
    wrong = [finding.name for finding in findings if finding.status == BAD]
    if wrong:
        console.print(f'[red]broken: {", ".join(wrong)}[/red]')
    else:
        console.print('[green]nothing needed is broken[/green]')


def _write(path: str, findings: list[Finding]) -> None:
    text = json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False)
    if path == '-':
        make_console().print(text, markup=False)
        return
    try:
        Path(path).write_text(text + '\n', encoding='utf-8')
    except OSError as error:
        raise BadInputError(f'--json {path}: {error.strerror}') from error
