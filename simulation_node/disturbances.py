"""Which object a disturbance means."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sakiyomi.errors import BadInputError
from simulation_node.objects import TrueObject


def nearest_object(objects: Sequence[TrueObject], point_m: np.ndarray) -> str:
    """The name of the object whose centre of mass is nearest to a (3,) point of the world.

    Raises:
        BadInputError: there is no object.
    """
    if not objects:
        raise BadInputError('push: got an empty table, expected at least one object')

    def distance_m(truth: TrueObject) -> float:
        T = truth.T_world_object
        return float(np.linalg.norm(T[:3, :3] @ truth.center_of_mass + T[:3, 3] - point_m))

    return min(objects, key=distance_m).name
