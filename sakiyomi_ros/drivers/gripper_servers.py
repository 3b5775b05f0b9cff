"""Which gripper action a server offers: two types go by one name."""

from __future__ import annotations

from rclpy.action import ActionClient, get_action_names_and_types
from rclpy.clock import Clock, ClockType

from sakiyomi.robot.gripper_kinematics import GripperKinematics
from sakiyomi_ros.drivers import action_types
from sakiyomi_ros.drivers.gripper_action import (
    GripperActionDriver,
    gripper_command,
    parallel_gripper_command,
)
from sakiyomi_ros.lifecycle import LifecycleNode

DISCOVERY_PERIOD_S = 0.5


class GripperServers:
    """The gripper's drivers by action.

    A name can have clients of one type only, so that none is made before the type is known.

    Attributes:
        types: the action types that are installed, by the kind of driver.
    """

    def __init__(
        self, node: LifecycleNode, joint_name: str, fingers: GripperKinematics, name: str
    ):
        """Make no client yet; `name` is that of the action."""
        self._node, self._joint_name = node, joint_name
        self._fingers, self._name = fingers, name
        installed = {
            'gripper_command': action_types.GripperCommand,
            'parallel_gripper_command': action_types.ParallelGripperCommand,
        }
        self.types = {kind: found for kind, found in installed.items() if found is not None}
        self._found: GripperActionDriver | None = None

    def driver(self, kind: str, note: str = '') -> GripperActionDriver:
        """The driver of that kind."""
        action_type = self.types[kind]
        client = self._node.create_entity(ActionClient(self._node, action_type, self._name))
        if kind == 'gripper_command':
            to_goal = gripper_command(action_type)
        else:
            to_goal = parallel_gripper_command(action_type, self._joint_name)
        return GripperActionDriver(client, to_goal, self._name, self._fingers, note)

    def watch(self) -> None:
        """Look for a server by a timer of the node, until there is one."""
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        timer = self._node.create_timer(DISCOVERY_PERIOD_S, self._discover, clock=steady)
        self._timer = self._node.create_entity(timer)

    def ready(self) -> GripperActionDriver | None:
        """The driver of the server that was found, while it answers."""
        return self._found if self._found and self._found.server_is_ready else None

    def _discover(self) -> None:
        kind = self._served()
        if kind:
            self._timer.cancel()
            note = f'the gripper is driven by the action {self._name} ({kind})'
            self._found = self.driver(kind, note)

    def _served(self) -> str | None:
        """The kind that a server offers by the name of the action."""
        full_name = self._node.resolve_topic_name(self._name)
        served = dict(get_action_names_and_types(self._node)).get(full_name, [])
        kinds = {f'control_msgs/action/{t.__name__}': kind for kind, t in self.types.items()}
        return next((kinds[found] for found in served if found in kinds), None)
