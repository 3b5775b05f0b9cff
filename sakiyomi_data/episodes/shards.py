"""Episodes in HDF5 shards: columns with one row per episode, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi_data.episodes.layout import COLUMNS, VERSION, Episode

PATTERN = 'shard_*.h5'
COMPRESSION = {'compression': 'gzip', 'compression_opts': 4, 'shuffle': True}


def shard_file(folder: Path, index: int) -> Path:
    """Where a shard is kept."""
    return folder / f'shard_{index:05d}.h5'


def write_shard(path: Path, episodes: Sequence[Episode], about: dict[str, Any]) -> None:
    """Write the episodes beside `path` and rename, so that an interrupt leaves no half file."""
    part = path.with_name(f'{path.name}.{os.getpid()}.part')
    try:
        with h5py.File(part, 'w') as file:
            file.attrs['version'] = VERSION
            file.attrs['about'] = json.dumps(about)
            for name, column in COLUMNS.items():
                _write_column(file, name, column.kind, [episode[name] for episode in episodes])
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _write_column(file: h5py.File, name: str, kind: type, rows: list[np.ndarray]) -> None:
    if kind is np.str_:
        texts = [np.asarray(row).tolist() for row in rows]
        file.create_dataset(name, data=texts, dtype=h5py.string_dtype())
        return
    data = np.array(rows, kind)
    if data.shape != (len(rows), *COLUMNS[name].shape):
        raise BadInputError(f'column {name}: got {data.shape[1:]}, expected {COLUMNS[name].shape}')
    # one chunk per episode, so that one can be read without its neighbours
    chunks = (1, *data.shape[1:]) if data.ndim > 1 else None
    file.create_dataset(name, data=data, chunks=chunks, **(COMPRESSION if chunks else {}))


def read_shard(path: Path) -> list[Episode]:
    """Every episode of one file.

    Raises:
        BadInputError: it cannot be read, is cut off, or of another layout.
    """
    try:
        with h5py.File(path, 'r') as file:
            _check_layout(path, file)
            columns = {name: _read_column(file, name) for name in COLUMNS}
    except (OSError, RuntimeError) as error:
        reason = ' '.join(str(error).split())
        raise BadInputError(f'shard {path}: cut off or no HDF5 file: {reason}') from error
    count = len(columns['episode/index'])
    return [{name: column[row] for name, column in columns.items()} for row in range(count)]


def shard_about(path: Path) -> dict[str, Any]:
    """What a shard was made from, and how many episodes it holds under `episodes`.

    Raises:
        BadInputError: it cannot be read, is cut off, or of another layout.
    """
    try:
        with h5py.File(path, 'r') as file:
            _check_layout(path, file)
            return {**json.loads(file.attrs['about']), 'episodes': len(file['episode/index'])}
    except (OSError, RuntimeError, KeyError) as error:
        reason = ' '.join(str(error).split())
        raise BadInputError(f'shard {path}: cut off or no HDF5 file: {reason}') from error


def read_episodes(folder: Path) -> Iterator[Episode]:
    """Every episode of a folder of shards, in order.

    Raises:
        BadInputError: no such folder, no shard in it, or one that cannot be read.
    """
    for file in shard_files(folder):
        yield from read_shard(file)


def shard_files(folder: Path) -> list[Path]:
    """The shards of a folder, in order.

    Raises:
        BadInputError: no such folder, or no shard in it.
    """
    if not folder.is_dir():
        raise BadInputError(f'episodes {folder}: no such folder')
    files = sorted(folder.glob(PATTERN))
    if not files:
        raise BadInputError(f'episodes {folder}: got no {PATTERN}, expected at least one')
    return files


def _check_layout(path: Path, file: h5py.File) -> None:
    if file.attrs.get('version') != VERSION:
        got = file.attrs.get('version')
        raise BadInputError(f'shard {path}: got layout version {got}, expected {VERSION}')
    for name, column in COLUMNS.items():
        if name not in file and not column.in_all_versions:
            continue
        got = file[name].shape[1:] if name in file else 'nothing'
        if got != column.shape:
            raise BadInputError(f'shard {path}, {name}: got {got}, expected {column.shape}')


def _read_column(file: h5py.File, name: str) -> np.ndarray:
    if name not in file:
        return np.full((len(file['episode/index']), *COLUMNS[name].shape), np.nan)
    if COLUMNS[name].kind is np.str_:
        return np.asarray(file[name].asstr()[()])
    return file[name][()]


def count_episodes(folder: Path) -> int:
    """How many there are.

    Raises:
        BadInputError: as `read_episodes`.
    """
    return sum(shard_about(file)['episodes'] for file in shard_files(folder))
