"""`sakiyomi export`: the world model's graphs for an engine."""

from __future__ import annotations

import argparse
import re
import shutil
import time
from pathlib import Path

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi.paths import share_dir

ARCHITECTURE = re.compile(r'sm\d{2,3}')
RTX = 'tensorrt_rtx'


def add_arguments(parser: argparse.ArgumentParser, _: list[str]) -> None:
    """The engine, the model and where its graphs go."""
    parser.add_argument('--engine', choices=('onnx', 'tensorrt'), default='onnx')
    parser.add_argument('--model', type=Path, help='folder of the model; default: the shipped one')
    parser.add_argument(
        '--out', type=Path, help='onnx: default: the folder of the model; tensorrt: its cache'
    )
    parser.add_argument(
        '--arch', nargs='+', help='tensorrt: GPUs to build for, as sm86 or sm89; default: this one'
    )


def run(options: argparse.Namespace) -> int:
    """Write the graphs; the exit status."""
    folder = options.model or share_dir('models')
    if options.engine == 'onnx':
        if options.arch:
            raise BadInputError('--arch: got one with --engine onnx, expected it with tensorrt')
        return _onnx(folder, options.out or folder)
    wrong = [arch for arch in options.arch or () if not ARCHITECTURE.fullmatch(arch)]
    if wrong:
        raise BadInputError(f'--arch: got {", ".join(wrong)}, expected such as sm86 or sm89')
    return _tensorrt(folder, options.out, options.arch)


def _onnx(folder: Path, out: Path) -> int:
    from world_model_node.inference.onnx_export import write_graphs
    from world_model_node.model.card import CARD, WEIGHTS, read_card

    read_card(folder)
    if out.resolve() != folder.resolve():
        out.mkdir(parents=True, exist_ok=True)
        for name in (WEIGHTS, CARD):
            shutil.copyfile(folder / name, out / name)
    console = make_console()
    write_graphs(out, lambda name: console.print(f'{out / name}', soft_wrap=True))
    return 0


def _tensorrt(folder: Path, out: Path | None, architectures: list[str] | None) -> int:
    from world_model_node.inference.gpu import gpu_architecture
    from world_model_node.inference.tensorrt_build import build_engine, engine_cache_dir
    from world_model_node.model.card import IMAGINE_GRAPHS, UPDATE_GRAPH, read_card

    card, here = read_card(folder), gpu_architecture()
    if not architectures and here is None:
        raise BadInputError('--arch: got none and no GPU is here, expected such as sm86 or sm89')
    console = make_console()
    for arch in architectures or [here]:
        for graph in (UPDATE_GRAPH, *IMAGINE_GRAPHS.values()):
            start = time.monotonic()
            try:
                path = build_engine(folder, card, graph, arch, out or engine_cache_dir())
            except ImportError as error:
                raise BadInputError(f'--engine tensorrt: {error}; pip install {RTX}') from error
            size, spent = path.stat().st_size / 2**20, time.monotonic() - start
            console.print(f'{path}  {size:.1f} MiB, {spent:.1f} s', soft_wrap=True)
    return 0
