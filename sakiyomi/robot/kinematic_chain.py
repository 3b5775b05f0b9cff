"""Forward kinematics and Jacobians of a serial arm, for many configurations at once.

Pinocchio evaluates one configuration per call; inverse kinematics tries hundreds, so the chain is
read from the pinocchio model once and evaluated here on whole arrays.
"""

from __future__ import annotations

import numpy as np
import pinocchio as pin

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import make_transform


class KinematicChain:
    """The revolute joints from the base to one frame, each turned so that its axis is z."""

    def __init__(self, model: pin.Model, joint_names: tuple[str, ...], frame: str):
        """Read the chain.

        Raises:
            BadInputError: the joints are not the revolute chain that carries the frame.
        """
        ids = [model.getJointId(name) for name in joint_names]
        tip = model.frames[model.getFrameId(frame)]
        carrying = [i for i in model.supports[tip.parentJoint] if i]
        if list(carrying) != ids:
            names = [model.names[i] for i in carrying]
            raise BadInputError(f'arm joints: got {list(joint_names)}, {frame} hangs on {names}')
        turns = [np.eye(4)] + [_turn_axis_to_z(model.joints[i], model.names[i]) for i in ids]
        self.placements = np.array(
            [
                turns[k].T @ model.jointPlacements[i].homogeneous @ turns[k + 1]
                for k, i in enumerate(ids)
            ]
        )
        self.tip = turns[-1].T @ tip.placement.homogeneous

    def forward(self, q: np.ndarray) -> np.ndarray:
        """Pose of the tip frame in the base frame. (B, n) -> (B, 4, 4)."""
        return self._joint_frames(q)[-1]

    def forward_and_jacobian(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tip pose (B, 4, 4) and its Jacobian (B, 6, n): linear over angular, base axes."""
        frames = self._joint_frames(q)
        T = frames[-1]
        joints = np.stack(frames[:-1], axis=1)  # (B, n, 4, 4)
        axes = joints[..., :3, 2]  # (B, n, 3)
        arms = T[:, None, :3, 3] - joints[..., :3, 3]
        jacobian = np.concatenate([_cross(axes, arms), axes], axis=2)  # (B, n, 6)
        return T, np.swapaxes(jacobian, 1, 2)

    def _joint_frames(self, q: np.ndarray) -> list[np.ndarray]:
        steps = self._steps(q)
        frames = [steps[:, 0]]
        for k in range(1, steps.shape[1]):
            frames.append(frames[-1] @ steps[:, k])
        frames.append(frames[-1] @ self.tip)
        return frames

    def _steps(self, q: np.ndarray) -> np.ndarray:
        """Each joint's frame in the one before: placement, then a turn about z. (B, n, 4, 4)."""
        steps = np.repeat(self.placements[None], len(q), axis=0)
        x, y = self.placements[:, :, 0], self.placements[:, :, 1]  # (n, 4)
        cos, sin = np.cos(q)[..., None], np.sin(q)[..., None]
        steps[..., 0] = cos * x + sin * y
        steps[..., 1] = cos * y - sin * x
        return steps


def _turn_axis_to_z(joint: pin.JointModel, name: str) -> np.ndarray:
    data = joint.createData()
    if joint.nq != 1 or joint.nv != 1:
        raise BadInputError(f'joint {name}: got {joint.shortname()}, expected a revolute joint')
    joint.calc(data, np.zeros(1))
    subspace = np.asarray(data.S).ravel()
    if np.any(subspace[:3]):
        raise BadInputError(f'joint {name}: got {joint.shortname()}, expected a revolute joint')
    rotation = pin.Quaternion.FromTwoVectors(np.array([0.0, 0.0, 1.0]), subspace[3:])
    return make_transform(rotation.toRotationMatrix())


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row-wise cross product; np.cross takes five times as long on small arrays."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)
