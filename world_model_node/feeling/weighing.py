"""The mass of what hangs in the hand, from the wrist's force."""

from __future__ import annotations

import numpy as np

from sakiyomi.scene import Gaussian
from sakiyomi.sensing import WrenchReading

SENSOR_SIGMA_N = 0.15  # of one instant: noise that the sensor's low-pass makes to last
STILL_SIGMA_N = 0.05  # where no way of the hand shakes it
SYSTEMATIC_SIGMA_N = 0.05  # tare and calibration: more readings do not help
SIDEWAYS_N = 0.2  # a load that pulls aside more than this does not just hang
TARE_GAIN = 0.02
HAND_KG = 1.0  # its inertia reads as a load while it speeds up
MAX_LIFT_MPS2 = 0.3
MIN_MASS_KG = 1e-3
WEIGHED_SHARE = 0.3  # a mass less sure than this is no weight to compare with


def well_weighed(mass: Gaussian) -> bool:
    """Whether a mass is known well enough to compare a load with it."""
    return mass.variance <= (WEIGHED_SHARE * mass.mean) ** 2


class Scale:
    """Tares itself on the empty hand and weighs what is lifted."""

    def __init__(self, gravity_mps2: float) -> None:
        self.gravity_mps2 = gravity_mps2
        self.reset()

    def reset(self) -> None:
        """Forget tare and load."""
        self._tare_n = np.zeros(3)  # world frame
        self._tare_nm = np.zeros(3)  # sensor frame
        self._information = self._weighted = 0.0

    def tare(self, readings: list[WrenchReading], R_world_hand: np.ndarray) -> None:
        """Learn what the empty hand reads at rest; the load so far is forgotten."""
        self._information = self._weighted = 0.0
        if readings:
            force = self._force(readings, R_world_hand)
            if np.linalg.norm(force - self._tare_n) < SIDEWAYS_N:
                self._tare_n += TARE_GAIN * (force - self._tare_n)
                torque = np.mean([r.torque_nm for r in readings], axis=0)
                self._tare_nm += TARE_GAIN * (torque - self._tare_nm)

    def weigh(
        self,
        readings: list[WrenchReading],
        R_world_hand: np.ndarray,
        lift_mps2: float,
        still: bool = False,
    ) -> None:
        """Take in the readings of one instant in which the hand rose with that acceleration."""
        if not readings or abs(lift_mps2) > MAX_LIFT_MPS2:
            return
        force = self._force(readings, R_world_hand) - self._tare_n
        sideways_n = float(np.linalg.norm(force[:2]))
        if sideways_n > SIDEWAYS_N:
            return
        mass = -force[2] / (self.gravity_mps2 + lift_mps2)
        sensor_n = STILL_SIGMA_N if still else SENSOR_SIGMA_N
        noise_n = np.linalg.norm([sensor_n, sideways_n, HAND_KG * lift_mps2])
        sigma = noise_n / self.gravity_mps2
        self._information += 1.0 / sigma**2
        self._weighted += mass / sigma**2

    @property
    def weight_n(self) -> float | None:
        """What hangs in the hand weighs [N], where that is known well."""
        mass = self.mass_kg
        if mass is None or not well_weighed(mass):
            return None
        return mass.mean * self.gravity_mps2

    @property
    def tare_n(self) -> np.ndarray:
        """What the empty hand reads (3,), world frame."""
        return self._tare_n

    @property
    def tare_nm(self) -> np.ndarray:
        """The torque of the empty hand (3,), sensor frame."""
        return self._tare_nm

    @property
    def mass_kg(self) -> Gaussian | None:
        """What the readings since the last tare say, or None before the first."""
        if self._information <= 0.0:
            return None
        variance = 1.0 / self._information + (SYSTEMATIC_SIGMA_N / self.gravity_mps2) ** 2
        return Gaussian(max(float(self._weighted / self._information), MIN_MASS_KG), variance)

    @staticmethod
    def _force(readings: list[WrenchReading], R_world_hand: np.ndarray) -> np.ndarray:
        return R_world_hand @ np.mean([r.force_n for r in readings], axis=0)
