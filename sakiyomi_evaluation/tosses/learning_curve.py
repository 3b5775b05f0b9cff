"""The points of the curve: fits on some tosses from some seed, kept in files as they finish."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi_data.tosses.errors import path_errors
from sakiyomi_data.tosses.fit import TossFit, TossPredictor, advance
from sakiyomi_data.tosses.prior import HAND_SET, TossPrior
from sakiyomi_data.tosses.recordings import Tosses
from sakiyomi_evaluation.tosses.dataset_split import split_tosses, subset

MEASURED = ('mm_80', 'rad_80', 'coverage', 'coverage_position', 'coverage_rotation')


class LearningCurve:
    """What fits on more and more tosses achieve, without and with a learned prior."""

    def __init__(
        self,
        train: Tosses,
        test: Tosses,
        prior: TossPrior | None,
        generations: int,
        folder: Path | None,
    ) -> None:
        self.train, self.test, self.generations, self.folder = train, test, generations, folder
        self.priors = {False: HAND_SET} | ({} if prior is None else {True: prior})
        self.points: list[dict] = []
        if folder is not None:
            folder.mkdir(exist_ok=True)

    def check_count(self, count: int) -> None:
        """Raise `BadInputError` where there are not as many tosses, or too few to fit."""
        subset(self.train, count, 0, '--counts')

    def measure(self, count: int, seeds: list[int], progress: Callable[[int], None]) -> None:
        """Add the points of this many tosses: all that are not finished are fitted at once."""
        fits = {}
        for pretrained, prior in self.priors.items():
            for seed in seeds:
                finished = self._read(count, seed, pretrained)
                if finished is not None:
                    self.points.append(finished)
                    continue
                fitted, _ = split_tosses(subset(self.train, count, seed, '--counts'), seed)
                fits[pretrained, seed] = TossFit(fitted, self.generations, seed, prior)
        for generation in range(self.generations if fits else 0):
            advance(list(fits.values()))
            progress(generation + 1)
        for (pretrained, seed), fit in fits.items():
            point = {'n_train': count, 'pretrained': pretrained, 'seed': seed}
            point |= self._figures(fit, subset(self.train, count, seed, '--counts'))
            self._write(point)
            self.points.append(point)
        progress(self.generations)

    def _figures(self, fit: TossFit, shown: Tosses) -> dict:
        predictor = TossPredictor(fit)
        predictor.calibrate(shown)
        median_paths, distance, angle = predictor.predict(self.test)
        errors = path_errors(median_paths, self.test)
        plain = predictor.coverage(errors, distance, angle, widened=False)
        figures = errors.figures() | predictor.coverage(errors, distance, angle)
        return figures | {'coverage_before_widening': plain['coverage']}

    def _path(self, count: int, seed: int, pretrained: bool) -> Path | None:
        name = f'{count}_seed{seed}_{"with" if pretrained else "without"}.json'
        return None if self.folder is None else self.folder / name

    def _fingerprint(self, pretrained: bool) -> str:
        digest = hashlib.sha256(self.train.position.tobytes() + self.test.position.tobytes())
        digest.update(self.priors[pretrained].fingerprint.encode())
        digest.update(repr(self.generations).encode())
        return digest.hexdigest()

    def _read(self, count: int, seed: int, pretrained: bool) -> dict | None:
        path = self._path(count, seed, pretrained)
        if path is None or not path.exists():
            return None
        try:
            document = json.loads(path.read_text(encoding='utf-8'))
            found, point = document['of'], document['point']
            known = all(np.isfinite(point[name]) for name in MEASURED)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInputError(f'--points {path}: got no finished point: {error}') from error
        if found != self._fingerprint(pretrained) or not known:
            raise BadInputError(
                f'--points {path}: got a point of other tosses, generations or prior; '
                'expected the same, or an empty folder'
            )
        return point

    def _write(self, point: dict) -> None:
        path = self._path(point['n_train'], point['seed'], point['pretrained'])
        if path is None:
            return
        document = {'of': self._fingerprint(point['pretrained']), 'point': point}
        part = path.with_suffix('.part')
        try:
            part.write_text(json.dumps(document, indent=2), encoding='utf-8')
            part.replace(path)
        except OSError as error:
            raise BadInputError(f'--points {path}: {error.strerror}') from error


def summary(points: list[dict]) -> list[dict]:
    """Mean and deviation over the seeds, a row for each number of tosses and each start."""
    rows = []
    for key in sorted({(p['n_train'], p['pretrained']) for p in points}):
        own = [p for p in points if (p['n_train'], p['pretrained']) == key]
        row = {'n_train': key[0], 'pretrained': key[1], 'seeds': len(own)}
        for name in (*MEASURED, 'coverage_before_widening'):
            values = np.array([p[name] for p in own])
            deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
            row[name] = {'mean': float(values.mean()), 'deviation': deviation}
        rows.append(row)
    return rows
