"""Objects divided by name into those that are learned from and those that are held out."""

from __future__ import annotations

import argparse
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sakiyomi.errors import BadInputError
from simulation_node.objects.object_files import object_files

HELD_OUT_PERCENT = 15
SPLIT_NAMES = ('train', 'held_out')


def is_held_out(name: str) -> bool:
    """Whether an object of this name is never learned from."""
    return zlib.crc32(name.encode()) % 100 < HELD_OUT_PERCENT


def split_folders(objects: str, out: Path) -> dict[str, Path]:
    """One folder of links per part, `out`/train and `out`/held_out, to the files of `objects`.

    Raises:
        BadInputError: no such objects, or a part that would be empty.
    """
    files = object_files(objects)
    folders = {part: out / part for part in SPLIT_NAMES}
    for part, folder in folders.items():
        own = [f for f in files if is_held_out(f.stem) == (part == 'held_out')]
        if not own:
            raise BadInputError(f'objects {objects}: got {len(files)}, too few to hold some out')
        _link(own, folder)
    return folders


def add_held_out_argument(parser: argparse.ArgumentParser) -> None:
    """`--held-out`, of every command that may measure on objects never learned from."""
    parser.add_argument(
        '--held-out',
        action='store_true',
        help='only objects that the segmentation network was not trained on',
    )


@contextmanager
def measured_objects(objects: str, held_out: bool) -> Iterator[tuple[str, dict[str, int] | None]]:
    """The folder of the objects to measure on, and how many of all of them are held out.

    Raises:
        BadInputError: no such objects, or none of them is held out.
    """
    if not held_out:
        yield objects, None
        return
    with tempfile.TemporaryDirectory(prefix='sakiyomi_objects_') as folder:
        yield folder, held_out_folder(objects, Path(folder))


def held_out_folder(objects: str, folder: Path) -> dict[str, int]:
    """Fill a folder with links to the objects that are never learned from; says how many of all.

    Raises:
        BadInputError: no such objects, or none of them is held out.
    """
    files = object_files(objects)
    own = [f for f in files if is_held_out(f.stem)]
    if not own:
        raise BadInputError(f'objects {objects}: got none held out of {len(files)}, expected some')
    _link(own, folder)
    return {'objects': len(own), 'of': len(files)}


def _link(files: list[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        link = folder / file.name
        if not link.exists():
            link.symlink_to(file.resolve())
