"""`sakiyomi collect segmentation`: rendered, labelled scenes; resumes where it was interrupted.

A scene that raises is left out, and the reason told; the next run tries it again.
"""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from rich.progress import track

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi_data.experiments.executors import EXECUTORS
from sakiyomi_data.experiments.failures import report_failures
from sakiyomi_data.experiments.options import add_workers_argument
from sakiyomi_data.object_split import SPLIT_NAMES, split_folders
from sakiyomi_data.segmentation.labelled_views import write_views
from sakiyomi_data.segmentation.view_rendering import ViewConditions, ViewRenderer
from simulation_node.cell import SimulatedCell
from simulation_node.config import SimulationConfig
from world_model_node.config import WorldModelConfig

MAX_COUNT = 9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is rendered, and where to."""
    parser.add_argument('--objects', required=True, help='folder of URDFs or meshes, random_urdfs')
    parser.add_argument('--scene', choices=('packed', 'pile'), default='packed')
    parser.add_argument(
        '--part', choices=SPLIT_NAMES, default='train', help='of the objects, by name'
    )
    parser.add_argument('--scenes', type=int, default=300)
    parser.add_argument('--views', type=int, default=3, help='of each scene, the first nominal')
    parser.add_argument('--minutes', type=float, default=60.0, help='stop after so long')
    parser.add_argument('--seed', type=int, default=0)
    add_workers_argument(parser)
    parser.add_argument('--out', type=Path, required=True, help='folder of the scenes')


@dataclass(frozen=True)
class SceneJob:
    """One scene to be rendered."""

    objects: Path  # folder of its part
    scene: str
    part: str
    views: int
    seed: int
    index: int
    out: Path

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return self.out / f'{self.part}_{self.index:05d}.npz'


def run(args: argparse.Namespace) -> int:
    """Render what is missing; the exit status."""
    for name, least in (('scenes', 1), ('views', 1), ('seed', 0), ('workers', 1)):
        if getattr(args, name) < least:
            raise BadInputError(f'--{name}: got {getattr(args, name)}, expected at least {least}')
    args.out.mkdir(parents=True, exist_ok=True)
    folder = split_folders(args.objects, args.out / 'objects')[args.part]
    about = (folder, args.scene, args.part, args.views, args.seed)
    jobs = [SceneJob(*about, index, args.out) for index in range(args.scenes)]
    jobs = [job for job in jobs if not job.path.exists()]
    failed = _rendered(jobs, args)
    report_failures('scenes', failed, args.scenes - len(failed))
    return 0


def _rendered(jobs: list[SceneJob], args: argparse.Namespace) -> list[str]:
    """Render until the time is over; why scenes failed."""
    deadline, failed = time.monotonic() + 60.0 * args.minutes, []
    description, console = f'{args.scene} {args.part}', make_console(stderr=True)
    with closing(EXECUTORS['local'](args.workers).results(render_scene, jobs)) as ended:
        for outcome in track(ended, description, total=len(jobs), console=console):
            failed += [] if outcome.failed is None else [outcome.failed]
            if time.monotonic() > deadline:
                break
    return failed


def render_scene(job: SceneJob) -> None:
    """Settle one scene of 1 to 9 objects, look at it and write what was seen."""
    renderer = _view_renderer(str(job.objects), job.scene)
    rng = np.random.default_rng([job.seed, job.index, SPLIT_NAMES.index(job.part)])
    count = int(rng.integers(1, MAX_COUNT + 1))
    renderer.cell.restart_clock()
    renderer.cell.reset(int(rng.integers(2**31)), scene=job.scene, count=count)
    views = [renderer.view(ViewConditions.nominal(), rng)]
    views += [renderer.view(ViewConditions.random(rng), rng) for _ in range(job.views - 1)]
    write_views(job.path, views)


@lru_cache(maxsize=1)
def _view_renderer(objects: str, scene: str) -> ViewRenderer:
    """One per process."""
    cell = SimulatedCell(SimulationConfig(objects=objects, scene=scene, count=0))
    return ViewRenderer(cell, WorldModelConfig())
