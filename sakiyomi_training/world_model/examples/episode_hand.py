"""Observations of the hand of an episode, and its motion from any frame on."""

from __future__ import annotations

import numpy as np

from sakiyomi.scene import HandMotion
from sakiyomi_data.episodes.layout import (
    FRAME_PERIOD_S,
    SAMPLE_PERIOD_S,
    T0_FRAME,
    T0_SAMPLE,
    Episode,
)
from world_model_node.model.features.hand_observation import HandObservation

STEPS_PER_FRAME = round(FRAME_PERIOD_S / SAMPLE_PERIOD_S)


def sample_row(frame: int) -> int:
    """The row of the columns at the sample rate at a frame."""
    return T0_SAMPLE + STEPS_PER_FRAME * (frame - T0_FRAME)


def hand_observation_at(episode: Episode, frame: int) -> HandObservation | None:
    """Motion and touch of the hand at a frame; None without a hand."""
    if not episode['hand/present']:
        return None
    row = sample_row(frame)
    return HandObservation(
        episode['hand/T_world_grasp'][row].astype(float),
        float(episode['hand/finger_width_m'][row]),
        float(episode['hand/force_limit_n'][row]),
        True,
        episode['hand/pad_force_n'][row].astype(float),
        episode['hand/pad_point_m'][row].astype(float),
        episode['hand/pad_contact'][row],
        episode['hand/wrench'][row].astype(float),
    )


def hand_motion_from(episode: Episode, frame: int) -> HandMotion | None:
    """The motion of the hand from a frame on: measured up to t0, planned after t0."""
    if not episode['hand/present']:
        return None
    past = slice(sample_row(frame), max(sample_row(frame), T0_SAMPLE))
    future = slice(max(0, sample_row(frame) - T0_SAMPLE), None)
    T = np.concatenate(
        [episode['hand/T_world_grasp'][past], episode['action/T_world_grasp'][future]]
    ).astype(float)
    width = np.concatenate(
        [episode['hand/finger_width_m'][past], episode['action/finger_width_m'][future]]
    ).astype(float)
    force = float(episode['action/force_n'][0])
    return HandMotion(SAMPLE_PERIOD_S * np.arange(len(T)), T, width, force)
