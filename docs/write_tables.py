"""Write the tables of the docs: topics, parameters, launch arguments, packages and figures.

Run by `make docs`; a test fails while a table differs from its source.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from sakiyomi_ros.environment import prepare_environment  # noqa: E402

prepare_environment()

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
RESULTS = ROOT / 'benchmarks' / 'results'
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


def packages() -> Iterator[str]:
    """Every package, in the words of its own docstring."""
    rows = []
    tops = (path.parent for path in ROOT.glob('*/__init__.py'))
    for path in sorted(path for top in tops for path in top.rglob('__init__.py')):
        name = path.parent.relative_to(ROOT)
        indent = '\u2003' * (len(name.parts) - 1)
        said = ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) or ''
        rows.append((f'{indent}`{name.name}/`', said.splitlines()[0]))
    return table(('package', 'what is in it'), rows)


def figures() -> Iterator[str]:
    """What the result files hold, with the machine they were measured on."""
    rows = [row for path in sorted(RESULTS.glob('*.json')) for row in figure_rows(path)]
    return table(('what', 'result', 'measured on', 'file'), rows)


def figure_rows(path: Path) -> Iterator[Row]:
    """The lines of one result file, by the kind of evaluation that wrote it."""
    document = json.loads(path.read_text(encoding='utf-8'))
    command = document['provenance']['command']
    kind = command[command.index('evaluate') + 1] if 'evaluate' in command else ''
    link = f'[{path.name}](benchmarks/results/{path.name})'
    for what, result in DESCRIBE.get(kind, lambda d: ())(document):
        yield what, result, machine(document['provenance']), link


def clutter(d: dict[str, Any]) -> Iterator[Row]:
    """Grasping."""
    command = d['provenance']['command']
    hand = 'free hand' if '--hand-only' in command else 'arm in the loop'
    objects = Path(_option(command, '--objects')).as_posix().split('/')
    name = '/'.join(objects[-2:])
    what = (
        f'clutter, `{name}`, {_option(command, "--scene")}, {hand}, seed {d["provenance"]["seed"]}'
    )
    yield what, f'GSR {d["gsr"]:.3f}, DR {d["dr"]:.3f}, {d["attempts"]} picks'


def latency(d: dict[str, Any]) -> Iterator[Row]:
    """Latency."""
    for load in ('idle', 'load'):
        ms, lost = d[load]['sensor_to_prediction_ms'], d[load]['messages_lost']
        result = f'p50 {ms["p50"]:.0f} ms, p99 {ms["p99"]:.0f} ms, {lost} messages lost'
        yield f'sensor to prediction, {load}', result


def perceive(d: dict[str, Any]) -> Iterator[Row]:
    """Perception by ground truth."""
    command = d['provenance']['command']
    name = '/'.join(Path(_option(command, '--objects')).parts[-2:])
    if _option(command, '--ablation-every') == '0':  # nothing else ran: what counts is the time
        ms, both = d['stage_ms']['fusion'], d['stage_ms']['total']
        result = f'p50 {ms["p50"]:.0f} ms, p99 {ms["p99"]:.0f} ms'
        both = f'with the learned belief {both["p50"]:.0f} and {both["p99"]:.0f} ms'
        yield f'fusion step, `{name}`, {_option(command, "--scene")}', f'{result}; {both}'
        return
    result = (
        f'precision {d["precision"]:.2f}, recall {d["recall"]:.2f}, HOTA {d["hota"]:.2f}, '
        f'centre {d["centroid_error_mm"]["p50"]:.1f} mm'
    )
    held_out = ', held-out objects' if '--held-out' in command else ''
    yield f'perception, `{name}`, {_option(command, "--scene")}{held_out}', result


def segmentation(d: dict[str, Any]) -> Iterator[Row]:
    """Instances on held-out objects, network against baseline, averaged over the scenes."""
    for views in dict.fromkeys(row['views'] for row in d['rows']):
        scores = {}
        for row in d['rows']:
            if row['views'] == views:
                name = row['segmenter'].split()[0]
                scores.setdefault(name, []).append((row['precision'], row['recall']))
        parts = []
        for name, pairs in sorted(scores.items(), reverse=True):
            precision, recall = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
            parts.append(f'{name} {precision:.3f} / {recall:.3f}')
        yield f'instances on held-out objects, {views} views: precision / recall', ', '.join(parts)


def toss(d: dict[str, Any]) -> Iterator[Row]:
    """Real tosses, open loop from the first frame; the fitted simulator beside it."""
    mujoco = d['baselines']['mujoco']
    result = (
        f'{d["mm_80"]:.1f} mm, {d["rad_80"]:.2f} rad over 80 frames; '
        f'fitted MuJoCo {mujoco["mm_80"]:.1f} mm, {mujoco["rad_80"]:.2f} rad'
    )
    yield (
        f'real tosses of a cube, fitted on {d["n_train"]}, tested on {d["tosses_tested"]}',
        result,
    )


def toss_curve(d: dict[str, Any]) -> Iterator[Row]:
    """The same on few to many tosses, from each of the two starts."""
    for pretrained, way in ((False, 'from a start set by hand'), (True, 'pre-trained')):
        rows = [row for row in d['curve'] if row['pretrained'] == pretrained]
        counts = ' / '.join(str(row['n_train']) for row in rows)
        columns = {'mm_80': '.1f', 'rad_80': '.2f', 'coverage': '.2f'}
        mm, rad, held = (
            ' / '.join(f'{row[name]["mean"]:{form}}' for row in rows)
            for name, form in columns.items()
        )
        result = f'{mm} mm, {rad} rad over 80 frames; 90 % radii hold {held}'
        yield (
            f'real tosses, fitted on {counts}, {way}, {d["generations"]} generations, '
            f'{len(d["seeds"])} seeds',
            result,
        )


def predict(d: dict[str, Any]) -> Iterator[Row]:
    """The future of interactions, against PyBullet with nominal properties."""
    ratios = {k: v for k, v in d['ratio_to_nominal_1s'].items() if k != 'mean'}
    mm = {name: f'{row["error_mm"]["1"]:.0f} mm' for name, row in d['pooled'].items()}
    result = (
        f'{mm["model"]} at 1 s; PyBullet with nominal properties {mm["pybullet_nominal"]}, told '
        f'the true ones {mm["pybullet_true"]}, told places and twists too '
        f'{mm["pybullet_true_state"]}; by scenario {min(ratios.values()):.2f} to '
        f'{max(ratios.values()):.2f} of the error of the first, mean '
        f'{d["ratio_to_nominal_1s"]["mean"]:.2f}; 90 % intervals hold {d["coverage_90"]:.2f}'
    )
    yield f'prediction of {", ".join(ratios)}; `{d["model"].split()[0]}`', result


def ablations(d: dict[str, Any]) -> Iterator[Row]:
    """The world model trained without one part at a time, against the full one."""
    full = d['variants'].get('full')
    others = {name: row for name, row in d['variants'].items() if row is not full}
    if full is None or not others:
        return
    ratios = (f'{name} {row["ratio_to_full"]["mean"]:.2f}' for name, row in others.items())
    told = f'{d["training"]["steps"]} training steps, seed {d["provenance"]["seed"]}'
    what = f'world model without one part, {told}'
    yield what, f'full: {full["error_mm"]["mean"]:.0f} mm at 1 s; times that: {", ".join(ratios)}'


def ablation_figures() -> Iterator[str]:
    """All figures of the ablations; a line where they have not been measured."""
    paths = sorted(RESULTS.glob('ablations*.json'))
    documents = [json.loads(path.read_text(encoding='utf-8')) for path in paths]
    if not documents:
        yield 'Not measured yet: `sakiyomi evaluate ablations` does.'
        return
    scenarios = list(documents[0]['variants']['full']['error_mm'])
    head = ('seed', 'variant', *scenarios, 'rad', '90 % hold', 'NLL', 'ratio (90 % interval)')
    yield from table(head, [row for d in documents for row in ablation_rows(d, scenarios)])


def ablation_rows(d: dict[str, Any], scenarios: list[str]) -> Iterator[Row]:
    """One for each variant of a document."""
    for name, row in d['variants'].items():
        ratio = row['ratio_to_full']
        low, high = ratio['interval_90']
        yield (
            str(d['provenance']['seed']),
            name,
            *(f'{row["error_mm"][scenario]:.0f}' for scenario in scenarios),
            f'{row["error_rad"]["mean"]:.2f}',
            f'{row["coverage_90"]:.2f}',
            f'{row["nll"]:.2f}',
            f'{ratio["mean"]:.2f} ({low:.2f} to {high:.2f})',
        )


def imagine(d: dict[str, Any]) -> Iterator[Row]:
    """Candidate actions, imagined against simulated."""
    pushes, grasps = d['pushes'], d['grasps']
    result = (
        f'rank correlation {pushes["spearman"]:.2f} of pushes (PyBullet with the tracked hull '
        f'{pushes["spearman_nominal"]:.2f}); of grasps by imagined height '
        f'{grasps["spearman_height"]:.2f} ({grasps["spearman_height_nominal"]:.2f}), by '
        f'probability {grasps["spearman"]:.2f}, for ties at most {grasps["spearman_bound"]:.2f}; '
        f'AUC of grasps {grasps["auc"]:.2f} ({grasps["auc_nominal"]:.2f})'
    )
    yield f'what if, {len(d["scenes"])} scenes of 64 + 64 candidates', result


def properties(d: dict[str, Any]) -> Iterator[Row]:
    """What is believed of an object that was lifted and tilted once."""
    result = (
        f'median error: mass {d["mass_relative_error"]:.0%}, friction '
        f'{d["friction_relative_error"]:.0%} (before the grip loosens '
        f'{d["before_friction_probe"]["friction_relative_error"]:.0%}), centre of mass '
        f'{d["com_error_mm"]:.0f} mm'
    )
    provenance = d['provenance']
    yield f'lift, tilt and loosen, {d["judged"]} objects, seed {provenance["seed"]}', result


def rollouts(d: dict[str, Any]) -> Iterator[Row]:
    """How long one belief with its predictions takes."""
    rows = [row for row in d['belief'] if row['engine'] == 'onnxruntime']
    for count in dict.fromkeys(row['objects'] for row in rows):
        own = (f'{r["physics"]} {r["p50_ms"]:.0f} ms' for r in rows if r['objects'] == count)
        yield f'one belief, {count} objects, 16 samples, 20 steps, ONNX Runtime', ', '.join(own)


DESCRIBE = {
    'ablations': ablations,
    'clutter': clutter,
    'imagine': imagine,
    'latency': latency,
    'perceive': perceive,
    'predict': predict,
    'properties': properties,
    'rollouts': rollouts,
    'segmentation': segmentation,
    'toss': toss,
    'toss_curve': toss_curve,
}


def machine(provenance: dict[str, Any]) -> str:
    """The hardware in a few words."""
    h = provenance['hardware']
    return f'{h["cpu"]}, {h["cores"]} cores'


def table(head: Row, rows: list[Row]) -> Iterator[str]:
    """A Markdown table."""
    yield f'| {" | ".join(head)} |'
    yield f'|{"---|" * len(head)}'
    for row in rows:
        yield f'| {" | ".join(cell.replace("|", "/") for cell in row)} |'


def _option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1] if name in command else ''


def filled(text: str, name: str, lines: Iterator[str]) -> str:
    """`text` with what stands between the marks of this name replaced."""
    begin, end = f'<!-- {name}: made by make docs -->', f'<!-- end of {name} -->'
    head, rest = text.split(begin)
    _, tail = rest.split(end)
    return f'{head}{begin}\n\n' + '\n'.join(lines) + f'\n\n{end}{tail}'


def pages() -> dict[Path, str]:
    """Every generated page as it should be."""
    readme = (ROOT / 'README.md').read_text(encoding='utf-8')
    readme = filled(readme, 'figures', figures())
    readme = filled(readme, 'topics', topics())
    story = (ROOT / 'docs' / 'world_model.md').read_text(encoding='utf-8')
    note = '<!-- made by make docs -->'
    house = (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8')
    return {
        ROOT / 'README.md': readme,
        ROOT / 'CONTRIBUTING.md': filled(house, 'packages', packages()),
        ROOT / 'docs' / 'world_model.md': filled(story, 'ablations', ablation_figures()),
        ROOT / 'docs' / 'parameters.md': _page('Parameters', note, parameters()),
        ROOT / 'docs' / 'launch.md': _page('Launch files', note, launch_arguments()),
    }


def _page(title: str, note: str, lines: Iterator[str]) -> str:
    return '\n'.join([f'# {title}', '', note, '', *lines]).rstrip() + '\n'


if __name__ == '__main__':
    for page, text in pages().items():
        page.write_text(text, encoding='utf-8')
