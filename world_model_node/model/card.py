"""The card of the world model: where the weights come from, and what vouches for its files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sakiyomi.errors import BadInputError
from world_model_node.model.model_config import ModelConfig

NAME = 'world_model'
WEIGHTS, CARD, STORY = f'{NAME}.safetensors', f'{NAME}.json', f'{NAME}.md'


@dataclass(frozen=True)
class WorldModelCard:
    """Where the weights come from and what they are worth."""

    sha256: str
    config: ModelConfig
    details: dict[str, Any]

    @property
    def short_hash(self) -> str:
        """Enough of the weights' hash to tell models apart."""
        return self.sha256[:8]


def read_card(folder: Path) -> WorldModelCard:
    """The card in a folder.

    Raises:
        BadInputError: It is missing, or no card of this model.
    """
    path = folder / CARD
    try:
        card = json.loads(path.read_text(encoding='utf-8'))
        sha256, config = str(card.pop('sha256')[WEIGHTS]), ModelConfig(**card.pop('config'))
    except OSError as error:
        raise BadInputError(f'model card {path}: {error.strerror}') from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f'model card {path}: got no card of {NAME}: {error}') from error
    return WorldModelCard(sha256, config, card)
