"""Windows and actions that engines are compared on."""

from dataclasses import replace

import numpy as np
from observed_scenes import cube, hand_at, motion, observed

from world_model_node.model.features.hand_features import encode_action
from world_model_node.model.features.input_window import build_window

START = (0.33, -0.05, 0.02)


def windows(n, actions):
    """n bodies in motion, the hand beside the first, and that many motions of it."""
    rng = np.random.default_rng(n)
    states = []
    for i in range(n):
        # of a cube's corners several reach equally far, and which is taken is a matter of rounding
        points = rng.uniform(-0.02, 0.02, (60, 3)).astype(np.float32)
        at = (0.4 + 0.07 * (i % 4), -0.05 + 0.07 * (i // 4), 0.022)
        velocity = (*rng.normal(0.0, 0.2, 2), 0.0)
        states.append(replace(cube(at, velocity, object_id=i), points_m=points))
    hand = hand_at(START)
    framed = build_window(observed(*states, hand=hand), n)
    rows = []
    for k in range(actions):
        velocity = rng.normal(0.0, 0.1, 3) * [1.0, 1.0, 0.1]
        way = motion(START, velocity, width=0.02 * (k % 3))
        rows.append(encode_action(way, hand, framed.T_world_frame))
    return framed.window, np.stack(rows)
