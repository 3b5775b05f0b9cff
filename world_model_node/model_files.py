"""Files of shipped models, and cards that say where they come from and vouch for them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sakiyomi.errors import BadInputError


@dataclass(frozen=True)
class ModelCard:
    """Where a model comes from and what it is worth."""

    sha256: dict[str, str]  # of each file
    details: dict[str, Any]


def write_card(folder: Path, name: str, files: tuple[str, ...], details: dict[str, Any]) -> None:
    """Describe the files that lie in the folder, in NAME.json."""
    hashes = {file: sha256_of((folder / file).read_bytes()) for file in files}
    text = json.dumps({'sha256': hashes, **details}, indent=2)
    (folder / f'{name}.json').write_text(text + '\n', encoding='utf-8')


def read_card(folder: Path, name: str, files: tuple[str, ...]) -> ModelCard:
    """The card NAME.json in a folder.

    Raises:
        BadInputError: it is missing, or no card of these files.
    """
    path = folder / f'{name}.json'
    try:
        card = json.loads(path.read_text(encoding='utf-8'))
        hashes = card.pop('sha256')
        hashes = {file: str(hashes[file]) for file in files}
    except OSError as error:
        raise BadInputError(f'model card {path}: {error.strerror}') from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f'model card {path}: got no card of {name}: {error}') from error
    return ModelCard(hashes, card)


def read_checked(folder: Path, name: str, expected: str) -> bytes:
    """The bytes of a file whose SHA-256 its card says is `expected`.

    Raises:
        BadInputError: it is missing, cut off or changed.
    """
    path = folder / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInputError(f'model {path}: {error.strerror}') from error
    found = sha256_of(content)
    if found != expected:
        raise BadInputError(
            f'model {path}: got sha256 {found[:8]}, expected {expected[:8]}: cut off or changed'
        )
    return content


def sha256_of(content: bytes) -> str:
    """The hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()
