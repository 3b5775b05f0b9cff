"""The panels' contents as HTML. Every text from outside is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

from sakiyomi.scene import Gaussian, ObjectState
from viewer_node.panels.status import PHASES, HealthLine, NodeTimes, PickStatus
from viewer_node.theme import (
    ACCENT,
    BAD,
    FAIR,
    GOOD,
    MUTED,
    color_of_id,
    color_of_probability,
    css,
)

LEVEL_COLORS = (GOOD, FAIR, BAD, MUTED)
FRAME = 'font-size:12px;line-height:1.45;padding:2px 12px 6px 12px;'
BAR_RGB = '#3a4150'  # the unfilled part of a bar
MAX_HEALTH_LINES = 5
MAX_OUTCOMES = 5
MAX_STAGES = 5  # shown per node
MAX_OBJECTS = 8


def pick_card(status: PickStatus) -> str:
    """The phases with the current one lit, the predicted success, the last outcomes."""
    target = 'no pick running'
    if status:
        target = 'any object' if status.object_id is None else f'object #{status.object_id}'
    parts = [_headline(escape(target), escape(status.phase)), _phase_bar(status.phase)]
    if status.predicted_success is not None:
        parts.append(_success_bar(status.predicted_success))
    parts += [_outcome(good, line) for good, line in status.outcomes[:MAX_OUTCOMES]]
    return _framed(parts)


def objects_card(objects: Iterable[ObjectState]) -> str:
    """Mass and friction of each tracked object, with one standard deviation of each."""
    shown = sorted(objects, key=lambda state: state.id)
    parts = [_object(state) for state in shown[:MAX_OBJECTS]]
    if len(shown) > MAX_OBJECTS:
        parts.append(_dot(MUTED) + f'and {len(shown) - MAX_OBJECTS} more')
    return _framed(parts or [_dot(MUTED) + 'no object is tracked'])


def times_card(times: Iterable[NodeTimes], rates_hz: dict[str, float]) -> str:
    """A bar per stage of each node, and how often each stream arrives."""
    parts = []
    for node in times:
        latency = (
            '' if node.latency_ms is None else f'{_duration(node.latency_ms)} behind the sensors'
        )
        parts.append(_headline(escape(node.node.replace('_', ' ')), latency))
        shown = summed(node.stages_ms)
        longest = max([ms for _, ms in shown], default=0.0)
        parts += [_stage(name, ms, longest) for name, ms in shown]
    parts.append(_rates(rates_hz))
    return _framed(parts)


def summed(stages_ms: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    """The longest stages in their order; what the others take is added up."""
    if len(stages_ms) <= MAX_STAGES:
        return stages_ms
    limit = sorted((ms for _, ms in stages_ms), reverse=True)[MAX_STAGES - 2]
    kept = [stage for stage in stages_ms if stage[1] >= limit][: MAX_STAGES - 1]
    rest_ms = sum(ms for _, ms in stages_ms) - sum(ms for _, ms in kept)
    return (*kept, ('the rest', rest_ms))


def health_card(lines: Iterable[HealthLine]) -> str:
    """What is wrong first, then one line that counts what is well."""
    lines = sorted(lines, key=lambda line: -line.level)
    bad = [line for line in lines if line.level > 0]
    parts = [_health(line) for line in bad[:MAX_HEALTH_LINES]]
    if len(bad) > MAX_HEALTH_LINES:
        parts.append(_dot(MUTED) + f'and {len(bad) - MAX_HEALTH_LINES} more')
    if not lines:
        parts.append(_dot(MUTED) + 'no diagnostics yet')
    elif len(lines) > len(bad):
        parts.append(_dot(GOOD) + f'{len(lines) - len(bad)} of {len(lines)} checks are well')
    return _framed([f'<div>{part}</div>' for part in parts])


def message_card(text: str) -> str:
    """One line of answer to the last button."""
    return f'<div style="{FRAME}color:{css(ACCENT)};min-height:18px">{escape(text)}</div>'


def _framed(parts: list[str]) -> str:
    return f'<div style="{FRAME}">{"".join(parts)}</div>'


def _headline(left: str, right: str) -> str:
    return (
        '<div style="display:flex;justify-content:space-between;margin-top:4px">'
        f'<b>{left}</b><span style="color:{css(ACCENT)}">{right}</span></div>'
    )


def _phase_bar(phase: str) -> str:
    reached = PHASES.index(phase) if phase in PHASES else -1
    cells = ''
    for number, name in enumerate(PHASES):
        color = css(ACCENT) if number == reached else css(GOOD) if number < reached else BAR_RGB
        style = f'flex:1;height:6px;border-radius:3px;background:{color}'
        cells += f'<div title="{name}" style="{style}"></div>'
    return f'<div style="display:flex;gap:3px;margin:6px 0">{cells}</div>'


def _success_bar(probability: float) -> str:
    share = 100 * min(max(probability, 0.0), 1.0)
    color = css(color_of_probability(probability))
    return _headline('predicted success', f'{share:.0f} %') + _bar(share, color, 6)


def _stage(name: str, ms: float, longest: float) -> str:
    share = 100 * ms / longest if longest > 0 else 0.0
    return (
        '<div style="display:flex;align-items:center;gap:8px">'
        f'<span style="width:92px;overflow:hidden;color:{css(MUTED)}">{escape(name)}</span>'
        f'<span style="flex:1">{_bar(share, css(ACCENT), 5)}</span>'
        f'<span style="width:62px;text-align:right">{_duration(ms)}</span></div>'
    )


def _duration(ms: float) -> str:
    return f'{ms:.1f} ms' if ms < 1000.0 else f'{ms / 1000.0:.1f} s'


def _rates(rates_hz: dict[str, float]) -> str:
    cells = ''.join(
        f'<span style="white-space:nowrap">{_dot(GOOD if hz > 0 else MUTED)}'
        f'<span style="color:{css(MUTED)}">{escape(name)}</span> {hz:.0f} Hz</span>'
        for name, hz in rates_hz.items()
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:2px 12px;margin-top:8px">{cells}</div>'


def _health(line: HealthLine) -> str:
    color = LEVEL_COLORS[min(max(line.level, 0), 3)]
    return f'{_dot(color)}<b>{escape(line.name)}</b> {escape(line.message)}'


def _object(state: ObjectState) -> str:
    p = state.properties
    friction = f'{p.friction.mean:.2f} ± {math.sqrt(p.friction.variance):.2f}'
    where = 'held' if state.held else '' if state.visible else 'hidden'
    return (
        '<div style="display:flex;gap:8px">'
        f'<span style="width:38px">{_dot(color_of_id(state.id))}#{state.id}</span>'
        f'<span style="width:104px">{_mass(p.mass_kg)}</span>'
        f'<span style="flex:1"><span style="color:{css(MUTED)}">μ</span> {friction}</span>'
        f'<span style="color:{css(ACCENT)}">{where}</span></div>'
    )


def _mass(mass_kg: Gaussian) -> str:
    sigma_kg = math.sqrt(mass_kg.variance)
    if mass_kg.mean < 1.0:
        return f'{1e3 * mass_kg.mean:.0f} ± {1e3 * sigma_kg:.0f} g'
    return f'{mass_kg.mean:.2f} ± {sigma_kg:.2f} kg'


def _outcome(succeeded: bool, line: str) -> str:
    return f'<div>{_dot(GOOD if succeeded else BAD)}{escape(line)}</div>'


def _dot(color: tuple[int, int, int]) -> str:
    return f'<span style="color:{css(color)};margin-right:5px">●</span>'


def _bar(percent: float, color: str, height_px: int) -> str:
    return (
        f'<div style="height:{height_px}px;border-radius:3px;background:{BAR_RGB};margin:3px 0">'
        f'<div style="height:100%;width:{percent:.1f}%;border-radius:3px;background:{color}">'
        '</div></div>'
    )
