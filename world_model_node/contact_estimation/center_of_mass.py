"""Where the weight of what hangs in the hand acts, from the wrist's torque.

A weight g at c turns the sensor by c x g, which says nothing of c along g: tilting does (Atkeson,
An and Hollerbach, Estimation of inertial parameters of manipulator loads and links, IJRR 1986).
"""

from __future__ import annotations

import numpy as np

TORQUE_SIGMA_NM = 0.003  # of the mean of one look's readings
SYSTEMATIC_TORQUE_NM = 7e-4  # tare and calibration: more readings do not help
SYSTEMATIC_POSITION_M = 1.5e-3  # of where the object is in the hand


class CenterOfMassEstimator:
    """The centre of mass of one object in its own frame, so that it may shift in the hand."""

    def __init__(self) -> None:
        self._information_matrix = np.zeros((3, 3))  # 1 / m^2
        self._information_vector = np.zeros(3)
        self._weight_n = 0.0

    def update(
        self, torque_nm: np.ndarray, gravity_n: np.ndarray, T_sensor_object: np.ndarray
    ) -> None:
        """Take in one look at which the hand stood still.

        Args:
            torque_nm: the mean (3,), sensor frame, tare taken off.
            gravity_n: the object's weight (3,), sensor frame.
            T_sensor_object: (4, 4).
        """
        torque_about_object_nm = torque_nm - np.cross(T_sensor_object[:3, 3], gravity_n)
        A = np.cross(T_sensor_object[:3, :3].T, gravity_n).T  # c -> (R c) x g
        self._information_matrix += A.T @ A / TORQUE_SIGMA_NM**2
        self._information_vector += A.T @ torque_about_object_nm / TORQUE_SIGMA_NM**2
        self._weight_n = float(np.linalg.norm(gravity_n))

    def posterior(self, prior_sigma_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean (3,) [m] and covariance (3, 3) with a prior about the origin, sigma (3,)."""
        if self._weight_n <= 0.0:
            return np.zeros(3), np.diag(prior_sigma_m**2)
        covariance = np.linalg.inv(self._information_matrix + np.diag(prior_sigma_m**-2.0))
        mean = covariance @ self._information_vector
        systematic_m2 = (SYSTEMATIC_TORQUE_NM / self._weight_n) ** 2 + SYSTEMATIC_POSITION_M**2
        return mean, covariance + np.diag(np.minimum(systematic_m2, prior_sigma_m**2))
