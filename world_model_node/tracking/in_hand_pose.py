"""Where an object sits in the hand, corrected by what the pads feel of it."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import inverse, transform_points
from world_model_node.config import TouchConfig
from world_model_node.inputs.contacts import ContactPatch, offset_to_contact

CONTACT_PATCH_M = 0.008  # surface this near the line of a contact is what the contact is on
GRASP_SIGMA_M = 0.0025  # fingers that close push the object, along their axis most
PROCESS_SIGMA_M = 0.0003  # per step, for all that may slide in the hand
# of two opposite pads on how far to move: one side has not been seen
MAX_PAD_DISAGREEMENT_M = 0.004


class InHandPose:
    """The object's pose in the grasp frame, and how sure its place is."""

    def __init__(self, T_world_grasp: np.ndarray, T_world_object: np.ndarray, P: np.ndarray):
        """Met at these poses; P (3, 3) [m^2] is the position's covariance, world frame."""
        self.T_grasp_object = inverse(T_world_grasp) @ T_world_object
        R = T_world_grasp[:3, :3]
        closing = np.diag([0.5, 1.0, 0.5]) * GRASP_SIGMA_M
        self.P_grasp = R.T @ P @ R + closing**2

    def predict(self, T_world_grasp: np.ndarray) -> np.ndarray:
        """The object's pose (4, 4) at a pose of the hand, a step later."""
        self.P_grasp = self.P_grasp + np.eye(3) * PROCESS_SIGMA_M**2
        return T_world_grasp @ self.T_grasp_object

    def covariance(self, T_world_grasp: np.ndarray) -> np.ndarray:
        """(3, 3) [m^2] of the object's position in the world."""
        R = T_world_grasp[:3, :3]
        return R @ self.P_grasp @ R.T

    def correct_by_contacts(
        self,
        contacts: tuple[ContactPatch, ...],
        T_world_grasp: np.ndarray,
        points_m: np.ndarray,
        config: TouchConfig,
    ) -> None:
        """Let the surface (N, 3), object frame, end where the pads feel it."""
        surface = transform_points(T_world_grasp @ self.T_grasp_object, points_m)
        total_shift = np.zeros(3)
        for contact, offset in consistent_offsets(surface, contacts, config):
            left = offset - contact.normal @ total_shift
            direction = T_world_grasp[:3, :3].T @ contact.normal
            shift = self._update_along(direction, left, config.contact_sigma_m)
            total_shift += T_world_grasp[:3, :3] @ shift

    def _update_along(self, direction: np.ndarray, offset_m: float, sigma_m: float) -> np.ndarray:
        """A Kalman update along one direction, grasp frame; the shift (3,) [m]."""
        column = self.P_grasp @ direction
        gain = column / (direction @ column + sigma_m**2)
        self.T_grasp_object[:3, 3] += gain * offset_m
        self.P_grasp = self.P_grasp - np.outer(gain, column)
        return gain * offset_m


def consistent_offsets(
    surface_m: np.ndarray, contacts: tuple[ContactPatch, ...], config: TouchConfig
) -> list[tuple[ContactPatch, float]]:
    """Contacts with how far a surface (N, 3) must move along the normal to end there [m].

    The least gap first; one that is much larger is of a side that has not been seen.
    """
    offsets = [
        (c, offset_to_contact(surface_m, c, CONTACT_PATCH_M, config.correction_m))
        for c in contacts
    ]
    known = sorted(((c, g) for c, g in offsets if g is not None), key=lambda item: abs(item[1]))
    return [(c, g) for c, g in known if abs(g) < abs(known[0][1]) + MAX_PAD_DISAGREEMENT_M]
