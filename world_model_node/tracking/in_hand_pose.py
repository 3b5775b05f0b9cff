"""The pose of an object in the hand, corrected by the contacts of the pads."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import inverse, transform_points
from world_model_node.config import TouchConfig
from world_model_node.inputs.contacts import ContactPatch, offset_to_contact
from world_model_node.tracking.motion_config import ContactConfig


class InHandPose:
    """The object's pose in the grasp frame, with the covariance of its position."""

    def __init__(
        self,
        T_world_grasp: np.ndarray,
        T_world_object: np.ndarray,
        P: np.ndarray,
        config: ContactConfig,
    ) -> None:
        """Start a grasp.

        Args:
            T_world_grasp: pose (4, 4) of the hand as the grasp begins.
            T_world_object: pose (4, 4) of the object then.
            P: covariance (3, 3) [m^2] of the object's position, world frame.
            config: the tuning of contacts.
        """
        self.config = config
        self.T_grasp_object = inverse(T_world_grasp) @ T_world_object
        R = T_world_grasp[:3, :3]
        closing = np.diag([0.5, 1.0, 0.5]) * config.grasp_sigma_m
        self.P_grasp = R.T @ P @ R + closing**2

    def predict(self, T_world_grasp: np.ndarray) -> np.ndarray:
        """The object's pose (4, 4) at a pose of the hand, a step later."""
        self.P_grasp = self.P_grasp + np.eye(3) * self.config.process_sigma_m**2
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
        touch: TouchConfig,
    ) -> None:
        """Move the surface (N, 3), object frame, so that the surface ends at the pads."""
        surface = transform_points(T_world_grasp @ self.T_grasp_object, points_m)
        total_shift = np.zeros(3)
        for contact, offset in self._consistent_offsets(surface, contacts, touch):
            left = offset - contact.normal @ total_shift
            direction = T_world_grasp[:3, :3].T @ contact.normal
            shift = self._update_along(direction, left, touch.contact_sigma_m)
            total_shift += T_world_grasp[:3, :3] @ shift

    def _update_along(self, direction: np.ndarray, offset_m: float, sigma_m: float) -> np.ndarray:
        """A Kalman update along one direction, grasp frame; the shift (3,) [m]."""
        column = self.P_grasp @ direction
        gain = column / (direction @ column + sigma_m**2)
        self.T_grasp_object[:3, 3] += gain * offset_m
        self.P_grasp = self.P_grasp - np.outer(gain, column)
        return gain * offset_m

    def _consistent_offsets(
        self, surface_m: np.ndarray, contacts: tuple[ContactPatch, ...], touch: TouchConfig
    ) -> list[tuple[ContactPatch, float]]:
        """Contacts with the offset along the normal from the surface (N, 3) to the contact [m].

        The least offset comes first; a much larger offset belongs to an unobserved side.
        """
        offsets = [
            (c, offset_to_contact(surface_m, c, self.config.patch_m, touch.correction_m))
            for c in contacts
        ]
        known = sorted(
            ((c, g) for c, g in offsets if g is not None), key=lambda item: abs(item[1])
        )
        limit = self.config.max_pad_disagreement_m
        return [(c, g) for c, g in known if abs(g) < abs(known[0][1]) + limit]
