"""`sakiyomi collect segmentation`: rendered, labelled scenes; resumes where it was interrupted."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from rich.progress import track

from sakiyomi.cli.console import make_console
from sakiyomi_training.object_split import PARTS, split_folders
from sakiyomi_training.segmentation.dataset import write_views
from sakiyomi_training.segmentation.views import Conditions, Photographer
from simulation_node.cell import SimulatedCell
from simulation_node.config import SimulationConfig
from world_model_node.config import WorldModelConfig

MAX_COUNT = 9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is rendered, and where to."""
    parser.add_argument('--objects', required=True, help='folder of URDFs or meshes, random_urdfs')
    parser.add_argument('--scene', choices=('packed', 'pile'), default='packed')
    parser.add_argument('--part', choices=PARTS, default='train', help='of the objects, by name')
    parser.add_argument('--scenes', type=int, default=300)
    parser.add_argument('--views', type=int, default=3, help='of each scene, the first nominal')
    parser.add_argument('--minutes', type=float, default=60.0, help='stop after so long')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', type=Path, required=True, help='folder of the scenes')


def run(args: argparse.Namespace) -> int:
    """Render what is missing; the exit status."""
    args.out.mkdir(parents=True, exist_ok=True)
    folder = split_folders(args.objects, args.out / 'objects')[args.part]
    cell = SimulatedCell(SimulationConfig(objects=str(folder), scene=args.scene, count=0))
    photographer = Photographer(cell, WorldModelConfig())
    missing = [i for i in range(args.scenes) if not scene_file(args.out, args.part, i).exists()]
    deadline = time.monotonic() + 60.0 * args.minutes
    description = f'{args.scene} {args.part}'
    for index in track(missing, description, console=make_console(stderr=True)):
        if time.monotonic() > deadline:
            break
        render_scene(photographer, args, index)
    cell.close()
    return 0


def scene_file(out: Path, part: str, index: int) -> Path:
    """Where a scene is kept."""
    return out / f'{part}_{index:05d}.npz'


def render_scene(photographer: Photographer, args: argparse.Namespace, index: int) -> None:
    """Settle one scene of 1 to 9 objects, look at it and write what was seen."""
    rng = np.random.default_rng([args.seed, index, PARTS.index(args.part)])
    count = int(rng.integers(1, MAX_COUNT + 1))
    photographer.cell.reset(int(rng.integers(2**31)), scene=args.scene, count=count)
    views = [photographer.view(Conditions.nominal(), rng)]
    views += [photographer.view(Conditions.drawn(rng), rng) for _ in range(args.views - 1)]
    write_views(scene_file(args.out, args.part, index), views)
