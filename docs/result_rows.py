"""The rows of the result tables, made from the files of benchmarks/results."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'benchmarks' / 'results'
# the rows of the README's table: a result file, and the number of the row among those of the file
HEADLINES = (
    ('clutter_pile_held_out.json', 0),
    ('perceive_packed_held_out.json', 0),
    ('predict.json', 0),
    ('toss.json', 0),
    ('latency_xeon.json', 1),
)
Row = tuple[str, ...]
Described = Iterator[tuple[str, str]]  # what was measured, and the result


def figures(link_root: str) -> Iterator[Row]:
    """All rows of all result files, the links relative to a page of the docs."""
    for path in sorted(RESULTS.glob('*.json')):
        yield from figure_rows(path, link_root)


def headlines() -> Iterator[Row]:
    """The rows of the README's table."""
    for name, number in HEADLINES:
        yield list(figure_rows(RESULTS / name, 'benchmarks/results'))[number]


def figure_rows(path: Path, link_root: str) -> Iterator[Row]:
    """The rows of one result file, by the kind of evaluation that wrote the file."""
    document = json.loads(path.read_text(encoding='utf-8'))
    command = document['provenance']['command']
    kind = command[command.index('evaluate') + 1] if 'evaluate' in command else ''
    hardware = document['provenance']['hardware']
    machine = f'{hardware["cpu"]}, {hardware["cores"]} cores'
    for what, result in DESCRIBE.get(kind, lambda d: ())(document):
        yield what, result, machine, f'[{path.name}]({link_root}/{path.name})'


def clutter(d: dict[str, Any]) -> Described:
    """Picks of unseen objects, one after the other."""
    command = d['provenance']['command']
    hand = 'free hand' if '--hand-only' in command else 'arm in the loop'
    setting = f'{_scene(command)}, {hand}'
    result = f'GSR {d["gsr"]:.3f}, DR {d["dr"]:.3f}, {d["attempts"]} picks'
    if 'announced_success_not_in_bin' in d:
        false = d['announced_success_not_in_bin']
        setting += f', clock {d["clock"]}'
        result += (
            f', {false} announced and not in the bin, {d["picks_per_hour"]:.0f} picks per hour'
        )
    yield f'table clearing, {setting}, seed {d["provenance"]["seed"]}', result


def latency(d: dict[str, Any]) -> Described:
    """The time from a sensor's stamp to the prediction."""
    for load in ('idle', 'load'):
        ms, lost = d[load]['sensor_to_prediction_ms'], d[load]['messages_lost']
        result = f'p50 {ms["p50"]:.0f} ms, p99 {ms["p99"]:.0f} ms, {lost} messages lost'
        yield f'latency from sensor to prediction, {load}', result


def perceive(d: dict[str, Any]) -> Described:
    """Detection and tracking against ground truth; the processing time where nothing else ran."""
    command = d['provenance']['command']
    scene = _scene(command)
    if _option(command, '--ablation-every') == '0':
        ms, both = d['stage_ms']['fusion'], d['stage_ms']['total']
        result = f'p50 {ms["p50"]:.0f} ms, p99 {ms["p99"]:.0f} ms'
        both = f'with the learned belief {both["p50"]:.0f} and {both["p99"]:.0f} ms'
        yield f'processing time of one frame, {scene}', f'{result}; {both}'
        return
    result = (
        f'precision {d["precision"]:.2f}, recall {d["recall"]:.2f}, HOTA {d["hota"]:.2f}, '
        f'centroid error {d["centroid_error_mm"]["p50"]:.1f} mm'
    )
    yield f'detection and tracking, {scene}', result


def segmentation(d: dict[str, Any]) -> Described:
    """Instances on held-out objects, network against baseline, averaged over the scenes."""
    for views in dict.fromkeys(row['views'] for row in d['rows']):
        scores: dict[str, list] = {}
        for row in d['rows']:
            if row['views'] == views:
                name = row['segmenter'].split()[0]
                scores.setdefault(name, []).append((row['precision'], row['recall']))
        parts = []
        for name, pairs in sorted(scores.items(), reverse=True):
            precision, recall = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
            parts.append(f'{name} {precision:.3f} / {recall:.3f}')
        what = f'instance segmentation, held-out objects, {views} views: precision / recall'
        yield what, ', '.join(parts)


def stops(d: dict[str, Any]) -> Described:
    """The arm after an event: its last command, its rest and the largest force at the wrist."""
    names = {
        'joint_states': 'joint states fall silent',
        'scenes': 'scenes stop coming',
        'cancel': 'the goal is cancelled',
        'planner': 'the planner dies',
    }
    for event, name in names.items():
        own = d[event]
        command_s, rest_s, peak_n = (
            own[key]['max'] for key in ('last_command_s', 'rest_s', 'peak_n')
        )
        result = (
            f'last command after at most {command_s:.2f} s, at rest after at most {rest_s:.2f} s, '
            f'{own["at_rest"]} of {own["trials"]} at rest, at most {peak_n:.0f} N'
        )
        yield f'stopping, {name}', result


def toss(d: dict[str, Any]) -> Described:
    """Real tosses, open loop from the first frame; a fitted simulator for comparison."""
    mujoco = d['baselines']['mujoco']
    result = (
        f'{d["mm_80"]:.1f} mm, {d["rad_80"]:.2f} rad over 80 frames; '
        f'fitted MuJoCo {mujoco["mm_80"]:.1f} mm, {mujoco["rad_80"]:.2f} rad'
    )
    what = f'real tosses of a cube, fitted on {d["n_train"]}, tested on {d["tosses_tested"]}'
    yield what, result


def toss_curve(d: dict[str, Any]) -> Described:
    """Errors over the number of training tosses, from each of two initial guesses."""
    for pretrained, start in ((False, 'initial guess by hand'), (True, 'pre-trained')):
        rows = [row for row in d['curve'] if row['pretrained'] == pretrained]
        counts = ' / '.join(str(row['n_train']) for row in rows)
        columns = {'mm_80': '.1f', 'rad_80': '.2f', 'coverage': '.2f'}
        mm, rad, covered = (
            ' / '.join(f'{row[name]["mean"]:{form}}' for row in rows)
            for name, form in columns.items()
        )
        run = f'{d["generations"]} generations, {len(d["seeds"])} seeds'
        result = f'{mm} mm, {rad} rad over 80 frames; coverage of 90 % radii {covered}'
        yield f'real tosses, fitted on {counts}, {start}, {run}', result


def predict(d: dict[str, Any]) -> Described:
    """Motion of objects in one second, against PyBullet from the same tracked state."""
    ratio, model = dict(d['ratio_to_nominal_1s']), d['model'].split()[0]
    mean = ratio.pop('mean')
    mm = {name: f'{row["error_mm"]["1"]:.0f} mm' for name, row in d['pooled'].items()}
    yield (
        f'position error of the prediction after 1 s, `{model}`, {len(ratio)} scenarios',
        f'{mm["model"]}; PyBullet from the same tracked state with nominal properties '
        f'{mm["pybullet_nominal"]}, with true properties {mm["pybullet_true"]}, with true '
        f'properties and true state {mm["pybullet_true_state"]}',
    )
    yield (
        f'the same by scenario: {", ".join(ratio)}',
        f'{min(ratio.values()):.2f} to {max(ratio.values()):.2f} of the error of PyBullet with '
        f'nominal properties, mean {mean:.2f}; coverage of 90 % intervals {d["coverage_90"]:.2f}',
    )


def ablations(d: dict[str, Any]) -> Described:
    """The world model trained without one part at a time, against the full model."""
    full = d['variants'].get('full')
    others = {name: row for name, row in d['variants'].items() if row is not full}
    if full is None or not others:
        return
    ratios = (f'{name} {row["ratio_to_full"]["mean"]:.2f}' for name, row in others.items())
    trained = f'{d["training"]["steps"]} training steps, seed {d["provenance"]["seed"]}'
    result = f'full: {full["error_mm"]["mean"]:.0f} mm at 1 s; ratio to full: {", ".join(ratios)}'
    yield f'ablations of the world model, {trained}', result


def imagine(d: dict[str, Any]) -> Described:
    """Candidate actions, ranked by the model and by simulation."""
    pushes, grasps = d['pushes'], d['grasps']
    result = (
        f'rank correlation {pushes["spearman"]:.2f} of pushes (PyBullet with the tracked hull '
        f'{pushes["spearman_nominal"]:.2f}); of grasps by predicted height '
        f'{grasps["spearman_height"]:.2f} ({grasps["spearman_height_nominal"]:.2f}), by '
        f'probability {grasps["spearman"]:.2f}, upper bound with ties '
        f'{grasps["spearman_bound"]:.2f}; '
        f'AUC of grasps {grasps["auc"]:.2f} ({grasps["auc_nominal"]:.2f})'
    )
    yield f'counterfactual ranking, {len(d["scenes"])} scenes of 64 + 64 candidates', result


def properties(d: dict[str, Any]) -> Described:
    """Estimated properties of an object after one lift, tilt and friction probe."""
    result = (
        f'median error: mass {d["mass_relative_error"]:.0%}, friction '
        f'{d["friction_relative_error"]:.0%} (before the probe '
        f'{d["before_friction_probe"]["friction_relative_error"]:.0%}), centre of mass '
        f'{d["com_error_mm"]:.0f} mm'
    )
    seed = d['provenance']['seed']
    yield (
        f'properties by lift, tilt and friction probe, {d["judged"]} objects, seed {seed}',
        result,
    )


def rollouts(d: dict[str, Any]) -> Described:
    """The inference time of one belief with its predictions."""
    rows = [row for row in d['belief'] if row['engine'] == 'onnxruntime']
    for count in dict.fromkeys(row['objects'] for row in rows):
        own = (f'{r["physics"]} {r["p50_ms"]:.0f} ms' for r in rows if r['objects'] == count)
        size = f'{count} object{"s" * (count > 1)}, 16 samples, 20 steps'
        yield f'inference time of belief and prediction, {size}, ONNX Runtime', ', '.join(own)


DESCRIBE: dict[str, Callable[[dict[str, Any]], Described]] = {
    function.__name__: function
    for function in (
        ablations,
        clutter,
        imagine,
        latency,
        perceive,
        predict,
        properties,
        rollouts,
        segmentation,
        stops,
        toss,
        toss_curve,
    )
}


def _scene(command: list[str]) -> str:
    """The objects, how they lie, and whether they are held out."""
    held_out = ', held-out objects' if '--held-out' in command else ''
    return f'`{_objects(command)}`, {_option(command, "--scene")}{held_out}'


def _objects(command: list[str]) -> str:
    return '/'.join(Path(_option(command, '--objects')).parts[-2:])


def _option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1] if name in command else ''
