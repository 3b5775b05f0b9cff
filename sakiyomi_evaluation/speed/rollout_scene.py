"""One scene for every engine that rolls out: cubes in two rows, every second of them slides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sakiyomi.geometry import make_transform
from sakiyomi.scene import Gaussian, HiddenProperties, ObjectState
from world_model_node.model.dimensions import FRAME_S, NUM_FRAMES
from world_model_node.model.features.scene_observation import SceneObservation

HALF_M, APART_M, SPEED_MPS = 0.02, 0.07, 0.4
MASS_KG, FRICTION, RESTITUTION = 0.05, 0.4, 0.2
MUJOCO = """
<mujoco>
  <option timestep="{timestep}" cone="elliptic" integrator="implicitfast"/>
  <worldbody>
    <geom type="plane" size="5 5 1" friction="{friction} 0 0"/>
{bodies}
  </worldbody>
</mujoco>
"""
MUJOCO_BODY = """    <body><freejoint/>
      <geom type="box" size="{half} {half} {half}" mass="{mass}" friction="{friction} 0 0"/>
    </body>"""


def states(count: int) -> tuple[ObjectState, ...]:
    """The cubes as a tracker reports them."""
    return tuple(_cube(index) for index in range(count))


def instants(objects: tuple[ObjectState, ...]) -> list[SceneObservation]:
    """What was watched: they went on as they do now."""
    ages = FRAME_S * np.arange(NUM_FRAMES - 1, -1, -1)
    return [
        SceneObservation(-age, tuple(_before(s, age) for s in objects), 0.0, None) for age in ages
    ]


def places_and_velocities(objects: tuple[ObjectState, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Of the same cubes. Shape (N, 3) m and m/s."""
    return (
        np.stack([s.T_world_object[:3, 3] for s in objects]),
        np.stack([s.twist[:3] for s in objects]),
    )


def mujoco_scene(mujoco: Any, objects: tuple[ObjectState, ...], timestep_s: float) -> tuple:
    """The same cubes for MuJoCo: its model, places and velocities."""
    body = MUJOCO_BODY.format(half=HALF_M, mass=MASS_KG, friction=FRICTION)
    text = MUJOCO.format(
        timestep=timestep_s, friction=FRICTION, bodies='\n'.join([body] * len(objects))
    )
    places = [np.r_[s.T_world_object[:3, 3], 1.0, 0.0, 0.0, 0.0] for s in objects]
    model = mujoco.MjModel.from_xml_string(text)
    return model, np.concatenate(places), np.concatenate([s.twist for s in objects])


def _cube(index: int) -> ObjectState:
    at = np.array([0.4 + APART_M * (index % 4), -0.05 + APART_M * (index // 4), HALF_M])
    side = np.linspace(-HALF_M, HALF_M, 7)
    points = np.stack(np.meshgrid(side, side, side), -1).reshape(-1, 3).astype(np.float32)
    points = points[np.abs(points).max(axis=1) > 0.99 * HALF_M]
    speed = SPEED_MPS if index % 2 == 0 else 0.0
    return ObjectState(
        id=index,
        stamp_s=0.0,
        T_world_object=make_transform(None, at),
        pose_covariance=np.eye(6) * 1e-6,
        twist=np.array([speed, 0.0, 0.0, 0.0, 0.0, 0.0]),
        twist_covariance=np.eye(6) * 1e-4,
        points_m=points,
        colors=np.full((len(points), 3), 128, np.uint8),
        properties=HiddenProperties(
            Gaussian(MASS_KG, (0.2 * MASS_KG) ** 2),
            Gaussian(FRICTION, 0.1**2),
            Gaussian(RESTITUTION, 0.1**2),
            np.zeros(3),
            np.eye(3) * 1e-6,
        ),
    )


def _before(state: ObjectState, age_s: float) -> ObjectState:
    T = state.T_world_object.copy()
    T[:3, 3] -= age_s * state.twist[:3]
    return replace(state, T_world_object=T, stamp_s=-age_s)
