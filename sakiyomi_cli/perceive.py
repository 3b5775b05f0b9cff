"""`sakiyomi perceive`: find the objects in pictures, a point cloud or a recording."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError

if TYPE_CHECKING:
    from world_model_node.offline.perceive import PerceptionResult, RecordedView

EXAMPLES = """for example:
  sakiyomi perceive --color c.png --depth d.png --intrinsics 615,615,320,240 --out found
  sakiyomi perceive --cloud scan.ply --out found
  sakiyomi perceive --recording robot.mcap --out found
"""
MAX_FRAMES = 10_000


def add_arguments(parser: argparse.ArgumentParser, _: list[str]) -> None:
    """Where the pictures are, and where the findings go."""
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    source = parser.add_argument_group('source, one of').add_mutually_exclusive_group(
        required=True
    )
    source.add_argument('--depth', metavar='FILE', help='16-bit image or .npy')
    source.add_argument('--cloud', metavar='FILE', help='.ply, .pcd or .npy')
    source.add_argument('--recording', metavar='FILE', help='MCAP of ROS 2 topics')
    parser.add_argument('--color', metavar='FILE', help='image or .npy registered to the depth')
    parser.add_argument('--intrinsics', metavar='K', help='fx,fy,cx,cy or a file; with --depth')
    parser.add_argument(
        '--depth-scale',
        type=float,
        metavar='M',
        help='metres per unit of depth or cloud (default: whole numbers are mm, others m)',
    )
    parser.add_argument(
        '--pose',
        metavar='FILE',
        help='T_world_sensor, 4x4, z up and the table at z = 0 (default: found by itself)',
    )
    parser.add_argument(
        '--segmenter', choices=('network', 'clustering'), default='network', help='what divides'
    )
    parser.add_argument('--topics', nargs='+', default=[], help='only these of the recording')
    parser.add_argument('--max-frames', type=int, default=30, help='of the recording')
    parser.add_argument(
        '--out', metavar='DIR', default='perceived', help='folder for the findings'
    )


def run(options: argparse.Namespace) -> int:
    """Write objects.json, overlay.png and objects.ply; 0 when an object was found."""
    _check(options)
    from sakiyomi.images.image_files import read_pose
    from world_model_node.config import WorldModelConfig
    from world_model_node.offline.perceive import perceive
    from world_model_node.offline.report import write_report

    views, notes = _views(options)
    pose = None if options.pose is None else read_pose(options.pose)
    found = perceive(views, pose, WorldModelConfig(segmenter=options.segmenter))
    source = options.depth or options.cloud or options.recording
    write_report(Path(options.out), found, source, notes)
    _show(found, notes, options.out)
    return 0 if found.scene.objects else 1


def _check(options: argparse.Namespace) -> None:
    if options.depth and not options.intrinsics:
        raise BadInputError('--depth: expected --intrinsics with it')
    if not options.depth and (options.color or options.intrinsics):
        raise BadInputError('--color and --intrinsics: expected --depth with them')
    scale = options.depth_scale
    if scale is not None and not 0.0 < scale < 100.0:
        raise BadInputError(f'--depth-scale: got {scale}, expected metres per unit, such as 0.001')
    if not 1 <= options.max_frames <= MAX_FRAMES:
        raise BadInputError(f'--max-frames: got {options.max_frames}, expected 1 to {MAX_FRAMES}')
    if Path(options.out).exists() and not Path(options.out).is_dir():
        raise BadInputError(f'--out {options.out}: got a file, expected a folder')


def _views(options: argparse.Namespace) -> tuple[list[RecordedView], list[str]]:
    from sakiyomi.images import image_files
    from world_model_node.offline.perceive import RecordedView

    if options.recording:
        from sakiyomi_data.recorded_views import recorded_views

        return recorded_views(options.recording, options.max_frames, tuple(options.topics))
    if options.cloud:
        points = image_files.read_cloud(options.cloud, options.depth_scale or 1.0)
        return [RecordedView(0.0, points_m=points)], []
    depth_m = image_files.read_depth(options.depth, options.depth_scale)
    color = None if options.color is None else image_files.read_color(options.color)
    intrinsics = image_files.read_intrinsics(options.intrinsics)
    return [RecordedView(0.0, depth_m, color, intrinsics)], []


def _show(found: PerceptionResult, notes: list[str], out: str) -> None:
    console = make_console()
    for note in notes:
        console.print(f'[yellow]{note}[/yellow]')
    table = Table('id', 'position [m]', 'size [m]', 'points', title=f'{found.frames} frames')
    for o in found.scene.objects:
        size = o.points_m.max(axis=0) - o.points_m.min(axis=0)
        numbers = (' '.join(f'{v:.3f}' for v in row) for row in (o.T_world_object[:3, 3], size))
        table.add_row(str(o.id), *numbers, str(len(o.points_m)))
    console.print(table)
    console.print(f'{out}/objects.json, overlay.png, objects.ply')
