"""Counterfactual scenes as examples: one observed scene, and the outcome of each motion."""

from __future__ import annotations

import numpy as np

from sakiyomi_data.counterfactual.counterfactual_scene import CounterfactualScene
from sakiyomi_training.world_model.examples.target_columns import (
    LATER_FRAMES,
    Example,
    TrueMotion,
    empty_touch,
    empty_truth,
    later_columns,
    tracked_columns,
    write_truth,
)


def counterfactual_examples(scene: CounterfactualScene) -> list[Example]:
    """One example per motion.

    Examples that differ only in the motion and its outcome teach the causal effect of the motion.
    Later frames and touch are unknown, and their columns are off.
    """
    return [_example(scene, row) for row in range(len(scene.action))]


def _example(scene: CounterfactualScene, row: int) -> Example:
    now, index = scene.window, int(scene.row)
    truth = empty_truth(len(now.window.present))
    write_truth(
        truth,
        index,
        now,
        scene.T_world_object,
        TrueMotion(
            scene.T_world_true[row],
            scene.center_m[row],
            scene.true_twist,
            scene.true_hidden,
            scene.true_mass_center_m,
        ),
    )
    truth['weight'][index] = 1.0
    return {
        **now.window._asdict(),
        'action': scene.action[row],
        'acts': np.float32(1.0),
        'at_t0': np.float32(1.0),
        **tracked_columns(now, {}),
        **truth,
        **later_columns(now, dict.fromkeys(LATER_FRAMES)),
        **empty_touch(),
    }
