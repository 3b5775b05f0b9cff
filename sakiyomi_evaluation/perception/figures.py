"""The figures of the contract from the rounds of the perception measurement."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from sakiyomi_evaluation.perception.carrying import CarriedRecord
from sakiyomi_evaluation.perception.instances import InstanceScore, pooled
from sakiyomi_evaluation.perception.modalities import ALL
from sakiyomi_evaluation.perception.perception_cell import ModelResult, PerceptionResult
from sakiyomi_evaluation.perception.state_errors import StateError

MIN_ROTATION_RAD = 0.15  # an object that has turned by less does not tell whether that was seen


class PerceptionTally:
    """Collects rounds."""

    def __init__(self) -> None:
        self.rounds: list[dict[str, Any]] = []
        self._views: dict[str, list[ModelResult]] = {}
        self._carried: dict[str, list[CarriedRecord]] = {}
        self._failed: list[InstanceScore] = []
        self._failed_sequences = 0

    def add(self, result: PerceptionResult) -> None:
        """Take in one round."""
        for name, view in result.views.items():
            self._views.setdefault(name, []).append(view)
        for name, record in result.carried.items():
            self._carried.setdefault(name, []).append(record)
        self.rounds.append(_of_round(result))

    def add_failed(self, count: int, tracked: bool) -> None:
        """Take in a round that failed: none of its `count` objects was found or tracked."""
        self._failed.append(InstanceScore(0, 0, count, (0.0,) * count))
        self._failed_sequences += tracked

    def figures(self, brief: bool = False) -> dict[str, Any]:
        """Pooled over all rounds; `brief`: only what the progress bar shows."""
        full = self._views[ALL.name]
        scores, tracking = self._pooled(full), _tracking(full, self._failed_sequences)
        if brief:
            return {**scores, 'hota': tracking['hota']}
        return {
            **scores,
            'centroid_error_mm': _spread(e.center_mm for e in _at_rest(full)),
            **tracking,
            'chamfer_mm': _chamfer(full),
            'stage_ms': _stages(full),
            'ablations': self._ablations(),
            'carrying': {name: _carried(records) for name, records in self._carried.items()},
        }

    def _ablations(self) -> dict[str, dict[str, Any]]:
        """One row per modality; tracking only of the rounds in which all of them tracked."""
        together = [
            all(v.sequence for v in views) for views in zip(*self._views.values(), strict=True)
        ]
        return {
            name: self._pooled(views)
            | _row(views, [v for v, both in zip(views, together, strict=True) if both])
            for name, views in self._views.items()
        }

    def _pooled(self, views: list[ModelResult]) -> dict[str, float | None]:
        return pooled([*(v.score for v in views), *self._failed])


def _tracking(views: list[ModelResult], failed: int = 0) -> dict[str, Any]:
    """Means over the sequences, those that failed among them, and errors over all frames."""
    sequences = [v.sequence for v in views if v.sequence is not None]
    each, nothing = [s.figures() for s in sequences], failed * [0.0]
    errors = [e for s in sequences for e in s.errors]
    moving, still = [e for e in errors if e.moving], [e for e in errors if not e.moving]
    turned = [
        e.rotation
        for e in errors
        if e.rotation is not None and e.rotation.true_rad > MIN_ROTATION_RAD
    ]
    return {
        'hota': _mean([*(f['hota'] for f in each), *nothing]),
        'detection': _mean([*(f['detection'] for f in each), *nothing]),
        'association': _mean([*(f['association'] for f in each), *nothing]),
        'id_switches': sum(f['id_switches'] for f in each) if each else None,
        'sequences': len(each),
        'twist_error': {
            'linear_mps': _spread(e.linear_mps for e in moving),
            'angular_radps': _spread(e.angular_radps for e in moving),
        },
        'resting_twist': {
            'linear_mps': _spread(e.linear_mps for e in still),
            'angular_radps': _spread(e.angular_radps for e in still),
        },
        'turned': {
            'frames': len(turned),
            'true_rad': _spread(t.true_rad for t in turned),
            'error_rad': _spread(t.error_rad for t in turned),
            'surface_mm': _spread(t.surface_mm for t in turned),
        },
        'moving_frames': len(moving),
        'moving_center_mm': _spread(e.center_mm for e in moving),
        'resting_center_mm': _spread(e.center_mm for e in still),
        'coverage_90': _mean(e.in_ellipsoid_90 for e in errors),
        'coverage_90_moving': _mean(e.in_ellipsoid_90 for e in moving),
        'coverage_90_resting': _mean(e.in_ellipsoid_90 for e in still),
    }


def _row(views: list[ModelResult], tracked: list[ModelResult]) -> dict[str, Any]:
    """One line of the table of modalities."""
    tracking = _tracking(tracked)
    chamfer, errors = _chamfer(views), _at_rest(views)
    return {
        'centroid_mm': _spread(e.center_mm for e in errors)['p50'],
        'chamfer_mm': chamfer['mean'],
        'hota': tracking['hota'],
        'id_switches': tracking['id_switches'],
        'sequences': tracking['sequences'],
        'moving_center_mm': tracking['moving_center_mm']['p50'],
        'linear_mps': tracking['twist_error']['linear_mps']['p50'],
        'coverage_90': tracking['coverage_90'],
        'coverage_90_moving': tracking['coverage_90_moving'],
        'p99_ms': _stages(views)['fusion']['p99'],
    }


def _chamfer(views: list[ModelResult]) -> dict[str, float | None]:
    """Of the remembered surface at rest; the way back includes what no sensor can see."""
    pairs = [e.chamfer_mm for e in _at_rest(views) if e.chamfer_mm is not None]
    there, back = (_mean(p[i] for p in pairs) for i in (0, 1))
    mean = None if there is None else 0.5 * (there + back)
    return {'mean': mean, 'points_to_surface': there, 'surface_to_points': back}


def _stages(views: list[ModelResult]) -> dict[str, dict[str, float | None]]:
    times = [t for view in views for t in view.times_ms]
    names = dict.fromkeys(name for t in times for name in t)
    return {name: _spread(t.get(name, 0.0) for t in times) for name in names}


def _carried(records: list[CarriedRecord]) -> dict[str, Any]:
    together = CarriedRecord()
    for record in records:
        together.center_mm += record.center_mm
        together.rotation_error_rad += record.rotation_error_rad
        together.inside += record.inside
        together.frames += record.frames
        together.found += record.found
    return {**together.figures(), 'picks': len(records)}


def _of_round(result: PerceptionResult) -> dict[str, Any]:
    full = result.views[ALL.name]
    return {
        'seed': result.seed,
        'objects': result.names,
        'found': full.score.found,
        'proposed': full.score.proposed,
        'actual': full.score.actual,
        'ious': full.score.ious,
        'centroid_mm': [e.center_mm for e in full.errors],
        'tracking': None if full.sequence is None else full.sequence.figures(),
        'wall_s': result.wall_s,
    }


def _at_rest(views: list[ModelResult]) -> list[StateError]:
    return [e for view in views for e in view.errors]


def _mean(values: Iterable[float]) -> float | None:
    values = list(values)
    return float(np.mean(values)) if values else None


def _spread(values: Iterable[float]) -> dict[str, float | None]:
    """Median, 90th and 99th percentile and mean."""
    values = list(values)
    if not values:
        return dict.fromkeys(('p50', 'p90', 'p99', 'mean'))
    p50, p90, p99 = np.percentile(values, (50, 90, 99)).tolist()
    return {'p50': p50, 'p90': p90, 'p99': p99, 'mean': float(np.mean(values))}
