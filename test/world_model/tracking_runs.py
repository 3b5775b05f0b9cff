"""Let a world model watch boxes for some frames."""

from __future__ import annotations

import numpy as np
import synthetic

from world_model_node.core import WorldModel

START_S, PERIOD_S = 10.0, 0.1


def watch(
    model: WorldModel, boxes_at, frames=6, sensors=('camera', 'lidar'), seed=0, start=0, pictures=1
):
    """Feed `boxes_at(t)` (or fixed boxes) frame by frame; returns every scene.

    `pictures`: of the camera for each of them.
    """
    rng = np.random.default_rng(seed)
    scenes = []
    for k in range(start, start + frames):
        t = START_S + PERIOD_S * k
        for ago_s in PERIOD_S / pictures * np.arange(pictures - 1, 0, -1):
            before = boxes_at(PERIOD_S * k - ago_s) if callable(boxes_at) else boxes_at
            model.add_camera(synthetic.camera(t - ago_s, before, rng))
        boxes = boxes_at(PERIOD_S * k) if callable(boxes_at) else boxes_at
        if 'camera' in sensors:
            model.add_camera(synthetic.camera(t, boxes, rng))
        if 'lidar' in sensors:
            model.add_lidar(synthetic.lidar(t, boxes, rng))
        scenes.append(model.update(t))
    return scenes


def nearest(scene, center):
    """The object nearest to a point, and its distance [m]."""
    gaps = [np.linalg.norm(o.T_world_object[:3, 3] - center) for o in scene.objects]
    best = int(np.argmin(gaps))
    return scene.objects[best], gaps[best]
