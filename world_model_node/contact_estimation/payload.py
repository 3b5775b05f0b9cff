"""The mass of what hangs in the hand, from the wrist's force."""

from __future__ import annotations

import numpy as np

from sakiyomi.scene import Gaussian
from sakiyomi.sensing import WrenchReading

WRENCH_SIGMA_N = 0.15  # of one instant: noise that the sensor's low-pass makes to last
STILL_WRENCH_SIGMA_N = 0.05  # where no way of the hand shakes it
SYSTEMATIC_FORCE_SIGMA_N = 0.05  # tare and calibration: more readings do not help
MAX_LATERAL_FORCE_N = 0.2  # a load that pulls aside more than this does not just hang
TARE_GAIN = 0.02
HAND_MASS_KG = 1.0  # its inertia reads as a load while it speeds up
MAX_VERTICAL_ACCELERATION_MPS2 = 0.3
MIN_MASS_KG = 1e-3
MAX_RELATIVE_MASS_SIGMA = 0.3  # a mass less sure than this is no weight to compare with


def is_mass_known(mass: Gaussian) -> bool:
    """Whether a mass is known well enough to compare a load with it."""
    return mass.variance <= (MAX_RELATIVE_MASS_SIGMA * mass.mean) ** 2


class PayloadEstimator:
    """Tares itself on the empty hand and weighs what is lifted."""

    def __init__(self, gravity_mps2: float) -> None:
        self.gravity_mps2 = gravity_mps2
        self.reset()

    def reset(self) -> None:
        """Forget tare and load."""
        self._tare_force_n = np.zeros(3)  # world frame
        self._tare_torque_nm = np.zeros(3)  # sensor frame
        self._information = self._weighted = 0.0

    def tare(self, readings: list[WrenchReading], R_world_hand: np.ndarray) -> None:
        """Learn what the empty hand reads at rest; the load so far is forgotten."""
        self._information = self._weighted = 0.0
        if readings:
            force = self._mean_force(readings, R_world_hand)
            if np.linalg.norm(force - self._tare_force_n) < MAX_LATERAL_FORCE_N:
                self._tare_force_n += TARE_GAIN * (force - self._tare_force_n)
                torque = np.mean([r.torque_nm for r in readings], axis=0)
                self._tare_torque_nm += TARE_GAIN * (torque - self._tare_torque_nm)

    def update(
        self,
        readings: list[WrenchReading],
        R_world_hand: np.ndarray,
        vertical_mps2: float,
        is_still: bool = False,
    ) -> None:
        """Take in the readings of one instant in which the hand rose with that acceleration."""
        if not readings or abs(vertical_mps2) > MAX_VERTICAL_ACCELERATION_MPS2:
            return
        force = self._mean_force(readings, R_world_hand) - self._tare_force_n
        lateral_n = float(np.linalg.norm(force[:2]))
        if lateral_n > MAX_LATERAL_FORCE_N:
            return
        mass = -force[2] / (self.gravity_mps2 + vertical_mps2)
        sensor_sigma_n = STILL_WRENCH_SIGMA_N if is_still else WRENCH_SIGMA_N
        noise_sigma_n = np.linalg.norm([sensor_sigma_n, lateral_n, HAND_MASS_KG * vertical_mps2])
        sigma = noise_sigma_n / self.gravity_mps2
        self._information += 1.0 / sigma**2
        self._weighted += mass / sigma**2

    @property
    def weight_n(self) -> float | None:
        """What hangs in the hand weighs [N], where that is known well."""
        mass = self.mass_kg
        if mass is None or not is_mass_known(mass):
            return None
        return mass.mean * self.gravity_mps2

    @property
    def tare_force_n(self) -> np.ndarray:
        """What the empty hand reads (3,), world frame."""
        return self._tare_force_n

    @property
    def tare_torque_nm(self) -> np.ndarray:
        """The torque of the empty hand (3,), sensor frame."""
        return self._tare_torque_nm

    @property
    def mass_kg(self) -> Gaussian | None:
        """What the readings since the last tare say, or None before the first."""
        if self._information <= 0.0:
            return None
        variance = 1.0 / self._information + (SYSTEMATIC_FORCE_SIGMA_N / self.gravity_mps2) ** 2
        return Gaussian(max(float(self._weighted / self._information), MIN_MASS_KG), variance)

    @staticmethod
    def _mean_force(readings: list[WrenchReading], R_world_hand: np.ndarray) -> np.ndarray:
        return R_world_hand @ np.mean([r.force_n for r in readings], axis=0)
