"""Where the robot is touched: a line along the force at every contact point."""

from __future__ import annotations

import numpy as np
import viser

from sakiyomi.scene import ContactPoints
from viewer_node.theme import ACCENT

METRES_PER_NEWTON = 0.02
WIDTH_PX = 3.0


class ContactsLayer:
    """The contacts of the newest scene."""

    def __init__(self, scene: viser.SceneApi):
        self._scene = scene

    def show(self, contacts: ContactPoints) -> None:
        """Draw the forces on the robot; none clears them."""
        if not len(contacts.points_m):
            self._scene.remove_by_name('/sensors/contacts')
            return
        ends = contacts.points_m + METRES_PER_NEWTON * contacts.forces_n
        lines = np.stack([contacts.points_m, ends], axis=1).astype(np.float32)  # (N, 2, 3)
        self._scene.add_line_segments(
            '/sensors/contacts', lines, ACCENT, thickness=WIDTH_PX, thickness_units='screen'
        )
