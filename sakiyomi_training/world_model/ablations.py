"""Ablations of the training, as changes of its config."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

ABLATIONS: dict[str, dict[str, Any]] = {
    'touch': {'touch': 0.0, 'model.touch': False},
    'joint-embedding': {'embedding': 0.0},
    'structure': {'model.physics': False},
    'privileged labels': {'privileged': 0.0},
}


def ablation_changes(parts: Iterable[str]) -> dict[str, Any]:
    """The values of TrainingConfig, by dotted name, without these parts."""
    return {name: value for part in parts for name, value in ABLATIONS[part].items()}
