"""The gripper driven by a trajectory topic, which never answers."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.publisher import Publisher

from sakiyomi.robot.drivers import GoalReport
from sakiyomi.robot.gripper_kinematics import GripperKinematics
from sakiyomi.scene import GripperCommand
from sakiyomi_ros.drivers.arm_topic import publish_report
from sakiyomi_ros.messages.trajectories import to_gripper_message


class TopicGripperDriver:
    """Publishes one-point trajectories of the finger joints.

    The force limit goes along as effort, which a controller of positions alone refuses.
    """

    answers = False

    def __init__(
        self,
        publisher: Publisher,
        joint_names: Sequence[str],
        fingers: GripperKinematics,
        with_effort: bool = True,
        note: str = '',
    ):
        """Drive through a publisher of trajectory_msgs/JointTrajectory."""
        self._publisher, self._names = publisher, tuple(joint_names)
        self._fingers, self._with_effort = fingers, with_effort
        self._report = GoalReport()
        self.note = note

    def send(self, command: GripperCommand) -> None:
        """Publish the opening to head for."""
        message = to_gripper_message(command, self._names, self._fingers, self._with_effort)
        self._publisher.publish(message)
        self._report = publish_report(self._publisher)

    def report(self) -> GoalReport:
        """Sent, or refused where nobody has subscribed."""
        return self._report
