"""The shipped weights of the world model, and the card that vouches for them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save

from sakiyomi.errors import BadInputError
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.network import WorldNetwork
from world_model_node.segmentation.model_files import sha256_of

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


def save_model(network: WorldNetwork, folder: Path, details: dict[str, Any]) -> WorldModelCard:
    """Write the weights, then the card that vouches for them."""
    folder.mkdir(parents=True, exist_ok=True)
    content = save({k: v.contiguous() for k, v in network.state_dict().items()})
    card = {'sha256': {WEIGHTS: sha256_of(content)}, 'config': asdict(network.config), **details}
    (folder / WEIGHTS).write_bytes(content)
    (folder / CARD).write_text(json.dumps(card, indent=2) + '\n', encoding='utf-8')
    return WorldModelCard(card['sha256'][WEIGHTS], network.config, details)


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


def load_model(folder: Path) -> tuple[WorldNetwork, WorldModelCard]:
    """The network with its weights, checked against the card, ready to be run.

    Raises:
        BadInputError: A file is missing, cut off, changed or of another network.
    """
    card, path = read_card(folder), folder / WEIGHTS
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInputError(f'model {path}: {error.strerror}') from error
    found = sha256_of(content)
    if found != card.sha256:
        raise BadInputError(
            f'model {path}: got sha256 {found[:8]}, expected {card.short_hash}: cut off or changed'
        )
    network = WorldNetwork(card.config)
    try:
        network.load_state_dict(load(content))
    except (SafetensorError, RuntimeError) as error:
        reason = ' '.join(str(error).split())[:200]
        raise BadInputError(f'model {path}: weights of another network: {reason}') from error
    return network.eval(), card
