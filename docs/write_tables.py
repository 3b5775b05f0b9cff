"""Write the generated parts of the docs: tables, API reference, result rows.

Run by `make docs`; a test fails while a part differs from its source.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / 'docs'
sys.path[:0] = [str(ROOT), str(DOCS)]

from sakiyomi_ros.environment import prepare_environment  # noqa: E402

prepare_environment()

from result_rows import RESULTS, figures, headlines  # noqa: E402
from source_pages import api_page, packages, top_packages, walk_rows  # noqa: E402
from walk_steps import STEPS  # noqa: E402

from planner_node.config import PlannerConfig  # noqa: E402
from sakiyomi.parameters import flatten  # noqa: E402
from sakiyomi.topics import TOPICS  # noqa: E402
from sakiyomi_bringup.description import GRAPHS  # noqa: E402
from sakiyomi_ros.qos import topic_qos  # noqa: E402
from simulation_node.config import SimulationConfig  # noqa: E402
from viewer_node.config import ViewerConfig  # noqa: E402
from world_model_node.config import WorldModelConfig  # noqa: E402

CONFIGS = {
    'simulation': SimulationConfig(),
    'world_model': WorldModelConfig(),
    'planner': PlannerConfig(),
    'viewer': ViewerConfig(),
}
NOTE = '<!-- made by make docs -->'
RESULT_HEAD = ('what was measured', 'result', 'machine', 'file')
Row = tuple[str, ...]


def topics() -> Iterator[str]:
    """The topic table."""
    rows = []
    for topic in TOPICS:
        offered = topic_qos(topic.name).offered
        policy = offered.reliability.name.lower().replace('_', ' ')
        latched = ', latched' if offered.durability.name == 'TRANSIENT_LOCAL' else ''
        qos = f'{policy}, {offered.depth}{latched}'
        rows.append((f'`{topic.name}`', topic.kind, topic.source, topic.content, qos))
    return table(('topic', 'type', 'from', 'content', 'QoS, depth'), rows)


def parameters() -> Iterator[str]:
    """A table for each node."""
    for node, config in CONFIGS.items():
        yield f'## {node}'
        yield ''
        rows = []
        for name, field, value in flatten(config):
            low, high = field.metadata.get('low'), field.metadata.get('high')
            span = '' if low is None and high is None else f'{low} to {high}'
            allowed = ', '.join(field.metadata.get('options') or ()) or span
            rows.append(
                (f'`{name}`', f'`{value!r}`', allowed, field.metadata.get('description', ''))
            )
        yield from table(('parameter', 'default', 'allowed', 'meaning'), rows)
        yield ''


def launch_arguments() -> Iterator[str]:
    """A table for each launch file."""
    for graph in GRAPHS.values():
        yield f'## {graph.name}.launch.py'
        yield ''
        yield graph.description
        yield ''
        rows = [(f'`{a.name}`', f'`{a.default!r}`', a.description) for a in graph.arguments]
        yield from table(('argument', 'default', 'meaning'), rows)
        yield ''


def api_index() -> Iterator[str]:
    """A link to the page of each package."""
    yield 'Public classes, methods and functions, a page for each package.'
    yield ''
    for package in top_packages():
        yield f'- [{package.name}]({package.name}.md)'


def ablation_figures() -> Iterator[str]:
    """All figures of the ablations."""
    paths = sorted(RESULTS.glob('ablations*.json'))
    documents = [json.loads(path.read_text(encoding='utf-8')) for path in paths]
    if not documents:
        yield 'Not measured yet; the command is `sakiyomi evaluate ablations`.'
        return
    scenarios = list(documents[0]['variants']['full']['error_mm'])
    head = ('seed', 'variant', *scenarios, 'rad', 'coverage', 'NLL', 'ratio (90 % interval)')
    yield from table(head, [row for d in documents for row in ablation_rows(d, scenarios)])


def ablation_rows(document: dict, scenarios: list[str]) -> Iterator[Row]:
    """One row for each variant of a result file."""
    for name, row in document['variants'].items():
        ratio = row['ratio_to_full']
        low, high = ratio['interval_90']
        yield (
            str(document['provenance']['seed']),
            name,
            *(f'{row["error_mm"][scenario]:.0f}' for scenario in scenarios),
            f'{row["error_rad"]["mean"]:.2f}',
            f'{row["coverage_90"]:.2f}',
            f'{row["nll"]:.2f}',
            f'{ratio["mean"]:.2f} ({low:.2f} to {high:.2f})',
        )


def table(head: Row, rows: Iterable[Row]) -> Iterator[str]:
    """A Markdown table."""
    yield f'| {" | ".join(head)} |'
    yield f'|{"---|" * len(head)}'
    for row in rows:
        yield f'| {" | ".join(cell.replace("|", "/") for cell in row)} |'


def filled(page: Path, name: str, lines: Iterator[str]) -> str:
    """The text of a page with the lines between the marks of this name replaced."""
    begin, end = f'<!-- {name}: made by make docs -->', f'<!-- end of {name} -->'
    head, rest = page.read_text(encoding='utf-8').split(begin)
    _, tail = rest.split(end)
    return f'{head}{begin}\n\n' + '\n'.join(lines) + f'\n\n{end}{tail}'


def pages() -> dict[Path, str]:
    """Every generated page as it should be."""
    parts = {
        ROOT / 'README.md': ('figures', table(RESULT_HEAD, headlines())),
        DOCS / 'results.md': ('figures', table(RESULT_HEAD, figures('../benchmarks/results'))),
        DOCS / 'topics.md': ('topics', topics()),
        DOCS / 'architecture.md': ('packages', table(('package', 'content'), packages())),
        DOCS / 'world_model.md': ('ablations', ablation_figures()),
        DOCS / 'walk.md': (
            'walk',
            table(('step', 'thread', 'function and file', 'what happens'), walk_rows(STEPS)),
        ),
    }
    whole = {
        DOCS / 'parameters.md': _page('Parameters', parameters()),
        DOCS / 'launch.md': _page('Launch files', launch_arguments()),
        DOCS / 'api' / 'README.md': _page('API reference', api_index()),
    }
    for package in top_packages():
        whole[DOCS / 'api' / f'{package.name}.md'] = _page(package.name, api_page(package))
    return {page: filled(page, *part) for page, part in parts.items()} | whole


def _page(title: str, lines: Iterator[str]) -> str:
    return '\n'.join([f'# {title}', '', NOTE, '', *lines]).rstrip() + '\n'


if __name__ == '__main__':
    for page, text in pages().items():
        page.parent.mkdir(exist_ok=True)
        page.write_text(text, encoding='utf-8')
