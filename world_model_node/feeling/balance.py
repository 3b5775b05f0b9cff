"""Where the weight of what hangs in the hand acts, from the wrist's torque.

A weight g at c turns the sensor by c x g, which says nothing of c along g: tilting does (Atkeson,
An and Hollerbach, Estimation of inertial parameters of manipulator loads and links, IJRR 1986).
"""

from __future__ import annotations

import numpy as np

TORQUE_SIGMA_NM = 0.003  # of the mean of one look's readings
SYSTEMATIC_NM = 7e-4  # tare and calibration: more readings do not help
SYSTEMATIC_M = 1.5e-3  # of where the object is in the hand


class Balance:
    """The centre of mass of one object in its own frame, so that it may shift in the hand."""

    def __init__(self) -> None:
        self._information = np.zeros((3, 3))  # 1 / m^2
        self._weighted = np.zeros(3)
        self._weight_n = 0.0

    def feel(
        self, torque_nm: np.ndarray, gravity_n: np.ndarray, T_sensor_object: np.ndarray
    ) -> None:
        """Take in one look at which the hand stood still.

        Args:
            torque_nm: the mean (3,), sensor frame, tare taken off.
            gravity_n: the object's weight (3,), sensor frame.
            T_sensor_object: (4, 4).
        """
        turned = torque_nm - np.cross(T_sensor_object[:3, 3], gravity_n)
        A = np.cross(T_sensor_object[:3, :3].T, gravity_n).T  # c -> (R c) x g
        self._information += A.T @ A / TORQUE_SIGMA_NM**2
        self._weighted += A.T @ turned / TORQUE_SIGMA_NM**2
        self._weight_n = float(np.linalg.norm(gravity_n))

    def combined(self, prior_sigma_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean (3,) [m] and covariance (3, 3) with a prior about the origin, sigma (3,)."""
        if self._weight_n <= 0.0:
            return np.zeros(3), np.diag(prior_sigma_m**2)
        covariance = np.linalg.inv(self._information + np.diag(prior_sigma_m**-2.0))
        mean = covariance @ self._weighted
        systematic = (SYSTEMATIC_NM / self._weight_n) ** 2 + SYSTEMATIC_M**2
        return mean, covariance + np.diag(np.minimum(systematic, prior_sigma_m**2))
