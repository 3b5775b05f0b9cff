"""What the page's buttons ask for. The node answers over ROS; tests answer with a notebook."""

from __future__ import annotations

from typing import Protocol


class PageActions(Protocol):
    """Each returns at once with a line for the page, such as why nothing will happen."""

    def pick(self, object_id: int | None) -> str:
        """Pick this object, or any where None."""

    def stop(self) -> str:
        """Stop the arm now."""

    def push(self, object_id: int) -> str:
        """Hit this object."""

    def throw(self) -> str:
        """Throw one more object into the workspace."""

    def reset(self, seed: int) -> str:
        """Lay a new scene; a negative seed means the next one."""
