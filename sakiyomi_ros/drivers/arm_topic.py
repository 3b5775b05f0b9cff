"""The arm driven by a trajectory topic, which never answers."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.publisher import Publisher

from sakiyomi.robot.drivers import GoalReport, GoalState
from sakiyomi.scene import JointTrajectory
from sakiyomi_ros.messages.trajectories import to_arm_message


class TopicArmDriver:
    """Publishes trajectories; the controller skips what of them is past.

    There is no stop: newer joint trajectory controllers refuse an empty trajectory.
    """

    answers = False
    preempts = True

    def __init__(self, publisher: Publisher, joint_names: Sequence[str], note: str = ''):
        """Drive through a publisher of trajectory_msgs/JointTrajectory."""
        self._publisher, self._names = publisher, tuple(joint_names)
        self._report = GoalReport()
        self.note = note

    def send(self, trajectory: JointTrajectory, start_s: float) -> None:
        """Publish a trajectory whose time 0 is at `start_s`."""
        self._publisher.publish(to_arm_message(trajectory, self._names, start_s))
        self._report = publish_report(self._publisher)

    def cancel(self) -> bool:
        """A topic has no such request."""
        return False

    def report(self) -> GoalReport:
        """Sent, or refused where nobody has subscribed."""
        return self._report


def publish_report(publisher: Publisher) -> GoalReport:
    """The report on a message just published: a message without a subscriber is lost."""
    if publisher.get_subscription_count():
        return GoalReport(GoalState.SENT)
    topic = publisher.topic_name.lstrip('/')
    return GoalReport(GoalState.REFUSED, f'{topic}: no controller has subscribed')
