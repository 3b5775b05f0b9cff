"""The baseline: MuJoCo's cube on a plane, four contact parameters fitted to the same tosses."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable

import numpy as np
import torch

from sakiyomi_data.tosses.cma_es import CmaEs
from sakiyomi_data.tosses.cube_model import Paths
from sakiyomi_data.tosses.errors import path_errors
from sakiyomi_data.tosses.fit import NUM_FIT_FRAMES, toss_cost
from sakiyomi_data.tosses.recordings import Tosses

FITTED_TOSSES, GENERATIONS, CANDIDATES = 60, 40, 10
SUBSTEPS = 4
SCENE = """
<mujoco>
  <option timestep="{timestep}" cone="elliptic" integrator="implicitfast"/>
  <worldbody>
    <geom type="plane" size="5 5 1" friction="{friction} 0 0" priority="0"/>
    <body>
      <freejoint/>
      <geom type="box" size="{half} {half} {half}" mass="0.37" friction="{friction} 0 0"
        solref="{constant} {ratio}" solimp="{impedance} 0.99 0.001" condim="3" priority="1"/>
    </body>
  </worldbody>
</mujoco>
"""
# start and scale of friction, log time constant [s], log damping ratio, impedance at first touch
START = np.array([0.2, np.log(0.01), np.log(0.5), 0.9])
SCALES = np.array([0.05, 0.5, 0.5, 0.05])


def available() -> bool:
    """Whether MuJoCo is installed; it is not one of our dependencies."""
    return importlib.util.find_spec('mujoco') is not None


def fit_mujoco(
    tosses: Tosses, width_m: float, seed: int, progress: Callable[[int], None]
) -> np.ndarray:
    """Four contact parameters, from at most `FITTED_TOSSES`. Shape (4,)."""
    chosen = np.random.default_rng([seed, 3]).permutation(len(tosses))[:FITTED_TOSSES]
    some = tosses.take(np.sort(chosen)).cut(NUM_FIT_FRAMES)
    search = CmaEs(len(START), CANDIDATES, 0.8, seed)
    while search.generation < GENERATIONS:
        candidates = search.ask()
        paths = [roll_out(START + point * SCALES, some, width_m) for point in candidates]
        costs = [float(toss_cost(path_errors(path, some))) for path in paths]
        search.tell(candidates, np.array(costs))
        progress(search.generation)
    return START + search.mean * SCALES


def roll_out(parameters: np.ndarray, tosses: Tosses, width_m: float) -> Paths:
    """Poses at every frame from the first one. Shape (N, T, ...)."""
    mujoco = importlib.import_module('mujoco')
    friction, constant, ratio, impedance = parameters
    scene = SCENE.format(
        timestep=1.0 / (tosses.rate_hz * SUBSTEPS),
        friction=max(float(friction), 0.01),
        half=0.5 * width_m,
        constant=float(np.exp(constant)),
        ratio=float(np.exp(ratio)),
        impedance=float(np.clip(impedance, 0.05, 0.98)),
    )
    model = mujoco.MjModel.from_xml_string(scene)
    data = mujoco.MjData(model)
    frames = tosses.position.shape[1]
    poses = np.zeros((len(tosses), frames, 7), np.float32)
    for i in range(len(tosses)):
        mujoco.mj_resetData(model, data)
        data.qpos[:] = np.r_[tosses.position[i, 0], tosses.rotation[i, 0]]
        data.qvel[:] = np.r_[tosses.velocity[i, 0], tosses.spin[i, 0]]
        poses[i, 0] = data.qpos
        for frame in range(1, frames):
            mujoco.mj_step(model, data, SUBSTEPS)
            poses[i, frame] = data.qpos
    poses = torch.as_tensor(poses)
    return Paths(poses[..., :3], poses[..., 3:])
