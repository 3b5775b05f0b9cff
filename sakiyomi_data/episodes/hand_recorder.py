"""What the hand's own sensors say over an episode, and what the hand is going to do."""

from __future__ import annotations

import numpy as np

from sakiyomi.sensing import JointReading, TactileReading, WrenchReading
from sakiyomi_data.closed_loop.free_hand import FreeHand
from sakiyomi_data.episodes.layout import NUM_PLAN_STEPS, SAMPLE_PERIOD_S, T0_SAMPLE, Episode
from sakiyomi_data.scenarios.interaction import Interaction

CONTACT_N = 0.3  # of normal force: less is noise


class HandRecorder:
    """Means over windows of 50 ms, each closed at the instant that it is stamped with."""

    def __init__(self, hand: FreeHand, interaction: Interaction) -> None:
        self._hand, self._interaction = hand, interaction
        self._grasp_frame = hand.config.gripper.grasp_frame
        self._pad_frames = hand.config.sensors.pad_frames
        self._window: list[dict[str, np.ndarray]] = []
        self._rows: list[dict[str, np.ndarray]] = []

    def add_reading(
        self,
        joints: JointReading,
        wrench: WrenchReading,
        pads: tuple[TactileReading, TactileReading],
    ) -> None:
        """Take one reading of each."""
        q, _, width = self._hand.joint_vector(joints)
        pressed = [
            _pad_resultant(pad, self._hand.frame_pose(self._pad_frames[pad.side], q, width))
            for pad in pads
        ]
        self._window.append(
            {
                'stamp_s': np.array(joints.stamp_s),
                'T_world_grasp': self._hand.frame_pose(self._grasp_frame, q, width),
                'finger_width_m': np.array(width),
                'wrench': np.concatenate([wrench.force_n, wrench.torque_nm]),
                **{name: np.array([p[name] for p in pressed]) for name in pressed[0]},
            }
        )

    def close_window(self) -> None:
        """The newest pose, and means of what is noisy."""
        row = dict(self._window[-1])
        for name in ('wrench', 'pad_force_n'):
            row[name] = np.mean([reading[name] for reading in self._window], axis=0)
        self._rows.append(row)
        self._window.clear()

    def columns(self, finger_speed_mps: float) -> Episode:
        """The `hand` and `action` columns; stamps count from t0."""
        stacked = {f'hand/{n}': np.array([r[n] for r in self._rows]) for n in self._rows[0]}
        stacked['hand/stamp_s'] = stacked['hand/stamp_s'] - stacked['hand/stamp_s'][T0_SAMPLE]
        times_s = SAMPLE_PERIOD_S * np.arange(NUM_PLAN_STEPS)
        script = self._interaction.hand
        if script is None:
            now = self._rows[T0_SAMPLE]
            poses = np.tile(now['T_world_grasp'], (NUM_PLAN_STEPS, 1, 1))
            widths, forces = (
                np.full(NUM_PLAN_STEPS, now['finger_width_m']),
                np.zeros(NUM_PLAN_STEPS),
            )
            limit = np.zeros(len(self._rows))
        else:
            poses, widths, forces = script.sample_commands(times_s, finger_speed_mps)
            limit = script.sample_commands(stacked['hand/stamp_s'], finger_speed_mps)[2]
        return stacked | {
            'hand/present': np.bool_(script is not None),
            'hand/force_limit_n': limit,
            'action/times_s': times_s,
            'action/T_world_grasp': poses,
            'action/finger_width_m': widths,
            'action/force_n': forces,
        }


def _pad_resultant(pad: TactileReading, T_world_pad: np.ndarray) -> dict[str, np.ndarray]:
    """The resultant force on a pad, its centre of pressure and its normal, world frame."""
    R = T_world_pad[:3, :3]
    press = np.maximum(pad.forces_n[:, 2].astype(float), 0.0)
    contact = bool(pad.forces_n[:, 2].sum() > CONTACT_N)
    at = press @ pad.points_m / press.sum() if contact else np.zeros(3)
    return {
        'pad_force_n': R @ pad.forces_n.sum(axis=0),
        'pad_point_m': R @ at + T_world_pad[:3, 3],
        'pad_normal': R[:, 2],
        'pad_contact': np.array(contact),
    }
