"""The stand-in robot on topics and, where control_msgs is installed, behind its actions."""

from functools import partial

import numpy as np
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.node import Node
from sensor_msgs.msg import JointState
from stand_in_robot import StandInRobot
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage

from sakiyomi.errors import BadInputError
from sakiyomi.robot.drivers import GoalState
from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi.scene import GripperCommand
from sakiyomi.sensing import JointReading
from sakiyomi_ros.drivers.action_types import (
    FollowJointTrajectory,
    ParallelGripperCommand,
)
from sakiyomi_ros.drivers.action_types import (
    GripperCommand as GripperCommandAction,
)
from sakiyomi_ros.messages.conversions import to_joint_state
from sakiyomi_ros.messages.trajectories import from_arm_message, from_gripper_message, start_of
from sakiyomi_ros.qos import topic_qos

ROBOT = read_robot_config()
ARM, GRIPPER = 'arm_controller', 'gripper_controller'
STEP_S = 0.01
FORCE_N = 20.0  # where a command names none
ENDED = (GoalState.SUCCEEDED, GoalState.ABORTED, GoalState.CANCELLED)


class StandInNode(Node):
    """Steps a StandInRobot in the node's clock; `robot` is there to be disturbed.

    Attributes:
        robot: the stand-in robot.
        received: how many commands came, by topic or action.
    """

    def __init__(self, serves=('topics',), **options):
        """Serve any of 'topics', 'arm_action', 'gripper_command', 'parallel_gripper_command'."""
        super().__init__('stand_in_robot', **options)
        self.robot, self.received = StandInRobot(), 0
        self.robot.arm.now_s = self._now_s()
        self.robot.step(STEP_S)
        joints = topic_qos('joint_states').offered
        self._joints = self.create_publisher(JointState, 'joint_states', joints)
        self._published, self._goals = None, {}
        self._servers = [getattr(self, f'_serve_{what}')() for what in serves]
        self.create_timer(STEP_S, self._tick)

    def end_servers(self):
        """Destroy the action servers, of which the node does not know."""
        for server in filter(None, self._servers):
            server.destroy()
        self._servers = []

    def close(self):
        """Destroy everything."""
        self.end_servers()
        self.destroy_node()

    def _serve_topics(self):
        for controller, receive in ((ARM, self._on_arm), (GRIPPER, self._on_gripper)):
            topic = f'{controller}/joint_trajectory'
            qos = topic_qos(topic).requested
            self.create_subscription(JointTrajectoryMessage, topic, receive, qos)

    def _serve_arm_action(self):
        return self._server(FollowJointTrajectory, f'{ARM}/follow_joint_trajectory', ARM)

    def _serve_gripper_command(self):
        return self._server(GripperCommandAction, f'{GRIPPER}/gripper_cmd', GRIPPER)

    def _serve_parallel_gripper_command(self):
        return self._server(ParallelGripperCommand, f'{GRIPPER}/gripper_cmd', GRIPPER)

    def _server(self, kind, name, controller):
        return ActionServer(
            self,
            kind,
            name,
            lambda _: kind.Result(),
            goal_callback=self._would_take if controller == ARM else lambda _: GoalResponse.ACCEPT,
            handle_accepted_callback=partial(self._on_goal, controller),
            cancel_callback=partial(self._on_cancel, controller),
        )

    # Commands.

    def _on_arm(self, message):
        self.received += 1
        try:
            trajectory = from_arm_message(message, ROBOT.arm.joints)
        except BadInputError as error:
            self.get_logger().error(str(error))
            return
        self.robot.arm.command(trajectory, start_of(message) or 0.0)

    def _on_gripper(self, message):
        self.received += 1
        command = from_gripper_message(message, ROBOT.gripper.finger_joints, FORCE_N)
        self.robot.gripper.command(command, with_effort=len(message.points[0].effort) > 0)

    def _would_take(self, goal):
        """Reject as a joint trajectory controller does: without a word to the client."""
        try:
            trajectory = from_arm_message(goal.trajectory, ROBOT.arm.joints)
        except BadInputError:
            return GoalResponse.REJECT
        reason = self.robot.arm.refusal(trajectory, start_of(goal.trajectory) or 0.0)
        return GoalResponse.REJECT if reason else GoalResponse.ACCEPT

    def _on_goal(self, controller, goal):
        self._end(controller, GoalState.ABORTED, 'INVALID_GOAL: preempted by a new goal')
        self._goals[controller] = goal
        if controller == ARM:
            self._on_arm(goal.request.trajectory)
            return
        self.received += 1
        position, force_n = _wanted(goal.request.command)
        self.robot.gripper.command(
            GripperCommand(ROBOT.gripper.kinematics.width_m(position), force_n)
        )

    def _on_cancel(self, controller, goal):
        if controller == ARM and goal is self._goals.get(ARM):
            self.robot.arm.cancel()
        return CancelResponse.ACCEPT

    # The clock's ticks.

    def _tick(self):
        while self.robot.now_s < self._now_s():
            self.robot.step(STEP_S)
        state = self.robot.state()
        if state is not self._published:
            self._published = state
            self._joints.publish(to_joint_state(_reading(state)))
        for controller, mover in ((ARM, self.robot.arm), (GRIPPER, self.robot.gripper)):
            if mover.report.state in ENDED:
                self._end(controller, mover.report.state, mover.report.reason)

    def _end(self, controller, state, reason):
        """Answer the goal that is under way, if there is one."""
        goal = self._goals.pop(controller, None)
        if goal is not None:
            result = self._arm_result if controller == ARM else self._gripper_result
            goal.execute(partial(_finish, state, result(goal, state, reason)))

    def _arm_result(self, goal, state, reason):
        result = FollowJointTrajectory.Result()
        if state is GoalState.ABORTED:
            code, _, words = reason.partition(': ')
            invalid = result.INVALID_GOAL
            result.error_code = getattr(result, code, invalid)
            result.error_string = words or reason
        return result

    def _gripper_result(self, goal, state, reason):
        stalled = self.robot.gripper.stalled
        kind = GripperCommandAction if _is_single(goal.request.command) else ParallelGripperCommand
        return kind.Result(stalled=stalled, reached_goal=not stalled)

    def _now_s(self):
        return self.get_clock().now().nanoseconds * 1e-9


def _finish(state, result, goal):
    if goal.is_cancel_requested:
        goal.canceled()
    elif state is GoalState.SUCCEEDED:
        goal.succeed()
    else:
        goal.abort()
    return result


def _is_single(command):
    return hasattr(command, 'max_effort')


def _wanted(command):
    """Position and effort of either action's command."""
    if _is_single(command):
        return command.position, command.max_effort
    return command.position[0], command.effort[0]


def _reading(state):
    fingers = np.full(2, ROBOT.gripper.kinematics.position(state.finger_width_m))
    names = (*ROBOT.arm.joints, *ROBOT.gripper.finger_joints)
    position, velocity = np.r_[state.q, fingers], np.r_[state.dq, np.zeros(2)]
    return JointReading(state.stamp_s, names, position, velocity)
