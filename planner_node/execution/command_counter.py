"""A count of the commands through a driver, for a simulator in lockstep with the planner."""

from __future__ import annotations

from typing import Any


class CommandCounter:
    """A driver of arm or gripper, and how many commands it was given.

    Attributes:
        count: of `send`.
    """

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self.count = 0

    def send(self, *command: Any) -> None:
        """Pass a command on."""
        self.count += 1
        self._driver.send(*command)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)
