"""The card of the world model: the origin of the weights and the hashes of the files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sakiyomi.errors import BadInputError
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.physics.active_contacts import ActiveContacts

NAME = 'world_model'
WEIGHTS, CARD, MODEL_CARD = f'{NAME}.safetensors', f'{NAME}.json', f'{NAME}.md'
UPDATE_GRAPH = f'{NAME}_update.onnx'
IMAGINE_GRAPHS = {
    ActiveContacts(False, False): f'{NAME}_alone.onnx',
    ActiveContacts(True, False): f'{NAME}_hand.onnx',
    ActiveContacts(False, True): f'{NAME}_pairs.onnx',
    ActiveContacts(True, True): f'{NAME}_both.onnx',
}


@dataclass(frozen=True)
class WorldModelCard:
    """Origin and figures of the weights."""

    sha256: str  # SHA-256 of the weights
    config: ModelConfig
    details: dict[str, Any]
    graphs: dict[str, str] = field(default_factory=dict)  # SHA-256 of each ONNX graph by file name

    @property
    def short_hash(self) -> str:
        """The first eight digits of the hash of the weights."""
        return self.sha256[:8]


def read_card(folder: Path) -> WorldModelCard:
    """The card of a folder.

    Raises:
        BadInputError: The card is missing or of another model.
    """
    path = folder / CARD
    try:
        card = json.loads(path.read_text(encoding='utf-8'))
        hashes = {str(name): str(value) for name, value in card.pop('sha256').items()}
        sha256, config = hashes.pop(WEIGHTS), ModelConfig(**card.pop('config'))
    except OSError as error:
        raise BadInputError(f'model card {path}: {error.strerror}') from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f'model card {path}: got no card of {NAME}: {error}') from error
    return WorldModelCard(sha256, config, card, hashes)


def add_to_card(folder: Path, hashes: dict[str, str]) -> None:
    """Add the SHA-256 of more files of the folder to the card, by file name."""
    read_card(folder)
    path = folder / CARD
    card = json.loads(path.read_text(encoding='utf-8'))
    card['sha256'] |= hashes
    path.write_text(json.dumps(card, indent=2) + '\n', encoding='utf-8')
