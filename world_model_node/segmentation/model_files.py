"""The files of a shipped model: graph, weights, and a card that vouches for both."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sakiyomi.errors import BadInputError

NAME = 'segmentation'
GRAPH, WEIGHTS, CARD = f'{NAME}.onnx', f'{NAME}.safetensors', f'{NAME}.json'


@dataclass(frozen=True)
class ModelCard:
    """Where a model comes from and what it is worth."""

    sha256: dict[str, str]  # of each file
    details: dict[str, Any]

    @property
    def short_hash(self) -> str:
        """Enough of the graph's hash to tell models apart."""
        return self.sha256[GRAPH][:8]


def write_card(folder: Path, details: dict[str, Any]) -> None:
    """Describe the graph and the weights that lie in the folder."""
    hashes = {name: sha256_of((folder / name).read_bytes()) for name in (GRAPH, WEIGHTS)}
    text = json.dumps({'sha256': hashes, **details}, indent=2)
    (folder / CARD).write_text(text + '\n', encoding='utf-8')


def read_card(folder: Path) -> ModelCard:
    """The card in a folder.

    Raises:
        BadInputError: it is missing, or no card of this model.
    """
    path = folder / CARD
    try:
        card = json.loads(path.read_text(encoding='utf-8'))
        hashes = card.pop('sha256')
        hashes = {name: str(hashes[name]) for name in (GRAPH, WEIGHTS)}
    except OSError as error:
        raise BadInputError(f'model card {path}: {error.strerror}') from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f'model card {path}: got no card of {NAME}: {error}') from error
    return ModelCard(hashes, card)


def read_checked(folder: Path, name: str, card: ModelCard) -> bytes:
    """The bytes of a file that is what its card says.

    Raises:
        BadInputError: it is missing, cut off or changed.
    """
    path = folder / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInputError(f'model {path}: {error.strerror}') from error
    found, expected = sha256_of(content), card.sha256[name]
    if found != expected:
        raise BadInputError(
            f'model {path}: got sha256 {found[:8]}, expected {expected[:8]}: cut off or changed'
        )
    return content


def sha256_of(content: bytes) -> str:
    """The hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()
