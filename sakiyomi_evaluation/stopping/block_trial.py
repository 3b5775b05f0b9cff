"""A heavy block put into the way of the moving arm, with all sensors in the loop."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from sakiyomi.geometry import make_transform
from sakiyomi_data.closed_loop.closed_loop import ClosedLoop
from sakiyomi_evaluation.stopping.planned_scene import FIRST_OBSERVATION_S

SIZE_M, MASS_KG = (0.08, 0.08, 0.30), 3.0
LOOKAHEAD_S = (0.6, 1.0)  # on the path, where the block is put
PHASES = ('reach', 'carry')
MOVING_RADPS = 0.1
MIN_HAND_DISTANCE_M = 0.14  # of the block's middle from the hand as it is put there
URDF = """<robot name="block"><link name="block">
<inertial><mass value="{mass}"/>
<inertia ixx="0.02" iyy="0.02" izz="0.005" ixy="0" ixz="0" iyz="0"/></inertial>
<visual><geometry><box size="{x} {y} {z}"/></geometry></visual>
<collision><geometry><box size="{x} {y} {z}"/></geometry></collision>
</link></robot>
"""


class BlockTrial:
    """One pick in whose way a block is put.

    Args:
        loop: which is reset to the scene.
        seed: of the scene.
        phase: in which it is put there.
        at: how far into that motion, as a share of what leaves room for the block.
    """

    def __init__(self, loop: ClosedLoop, seed: int, phase: str, at: float) -> None:
        self._loop, self._seed, self._phase, self._at = loop, seed, phase, at
        self._ahead_s = LOOKAHEAD_S[0] + at * (LOOKAHEAD_S[1] - LOOKAHEAD_S[0])
        self._put_s: float | None = None
        self._peak_n = 0.0

    def run(self) -> dict[str, Any]:
        """Play it; what was measured."""
        loop = self._loop
        loop.reset(self._seed)
        loop.run(FIRST_OBSERVATION_S)
        loop.on_step = self._watch
        job = loop.pick()
        loop.on_step = lambda _: None
        return {
            'event': 'block',
            'phase': self._phase,
            'put': self._put_s is not None,
            'peak_n': self._peak_n,
            'outcome': job.outcome,
            'reason': job.reason,
        }

    def _watch(self, loop: ClosedLoop) -> None:
        if self._put_s is not None:
            force_n = np.linalg.norm(loop.state().wrench[:3])
            self._peak_n = max(self._peak_n, float(force_n))
        elif loop.job is not None and loop.job.phase == self._phase:
            self._put(loop)

    def _put(self, loop: ClosedLoop) -> None:
        """Stand the block where the hand is going to be, once the arm moves and there is room."""
        stream, state = loop.job.stream, loop.state()
        if stream is None or np.abs(state.dq).max() < MOVING_RADPS:
            return
        left_s = stream.trajectory.duration_s - stream.path_s
        if left_s < self._ahead_s:
            return
        ahead = stream.trajectory.sample(np.array([stream.path_s + self._ahead_s]))[0][0]
        there, here = loop.robot.grasp_pose(ahead), loop.robot.grasp_pose(state.q)
        if np.linalg.norm((there - here)[:2, 3]) < MIN_HAND_DISTANCE_M:
            return
        place = make_transform(translation=[*there[:2, 3], SIZE_M[2] / 2 + 0.001])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / 'block.urdf'
            x, y, z = SIZE_M
            path.write_text(URDF.format(mass=MASS_KG, x=x, y=y, z=z))
            loop.cell.spawn(path, place)
        self._put_s = loop.cell.time_s
