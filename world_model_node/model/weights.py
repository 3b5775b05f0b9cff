"""The weights of the world model."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save

from sakiyomi.errors import BadInputError
from sakiyomi.robot.robot_config import read_robot_config
from world_model_node.model.card import CARD, WEIGHTS, WorldModelCard, read_card
from world_model_node.model.network import WorldNetwork
from world_model_node.model_files import read_checked, sha256_of


def save_model(network: WorldNetwork, folder: Path, details: dict[str, Any]) -> WorldModelCard:
    """Write the weights, then the card with their hash."""
    folder.mkdir(parents=True, exist_ok=True)
    content = save({k: v.contiguous() for k, v in network.state_dict().items()})
    card = {'sha256': {WEIGHTS: sha256_of(content)}, 'config': asdict(network.config), **details}
    (folder / WEIGHTS).write_bytes(content)
    (folder / CARD).write_text(json.dumps(card, indent=2) + '\n', encoding='utf-8')
    return WorldModelCard(card['sha256'][WEIGHTS], network.config, details)


def load_model(folder: Path) -> tuple[WorldNetwork, WorldModelCard]:
    """The network in evaluation mode with its weights, checked against the card.

    Raises:
        BadInputError: A file is missing, truncated, changed or of another network.
    """
    card, path = read_card(folder), folder / WEIGHTS
    content = read_checked(folder, WEIGHTS, card.sha256)
    network = WorldNetwork(card.config, read_robot_config().hand.trained)
    try:
        network.load_state_dict(load(content))
    except (SafetensorError, RuntimeError) as error:
        reason = ' '.join(str(error).split())[:200]
        raise BadInputError(f'model {path}: weights of another network: {reason}') from error
    return network.eval(), card
