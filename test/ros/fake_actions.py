"""Action types with the fields of control_msgs, and a client whose answers a test writes."""

from types import SimpleNamespace

from action_msgs.msg import GoalStatus
from rclpy.task import Future

SUCCEEDED, ABORTED, CANCELED = (
    GoalStatus.STATUS_SUCCEEDED,
    GoalStatus.STATUS_ABORTED,
    GoalStatus.STATUS_CANCELED,
)


class FakeFollowJointTrajectory:
    class Goal:
        def __init__(self):
            self.trajectory = None
            self.path_tolerance, self.goal_tolerance = [], []
            self.goal_time_tolerance = SimpleNamespace(sec=0, nanosec=0)

    class Result:
        SUCCESSFUL, INVALID_GOAL, INVALID_JOINTS = 0, -1, -2
        OLD_HEADER_TIMESTAMP, PATH_TOLERANCE_VIOLATED, GOAL_TOLERANCE_VIOLATED = -3, -4, -5

        def __init__(self, error_code=0, error_string=''):
            self.error_code, self.error_string = error_code, error_string


class FakeGripperCommand:
    class Goal:
        def __init__(self):
            self.command = SimpleNamespace(position=0.0, max_effort=0.0)

    class Result:
        def __init__(self, stalled=False, reached_goal=False):
            self.stalled, self.reached_goal = stalled, reached_goal


class FakeParallelGripperCommand(FakeGripperCommand):
    class Goal:
        def __init__(self):
            self.command = None


class SentGoal:
    """One goal as the client's side sees it; the test plays the server."""

    def __init__(self, goal):
        self.goal, self.cancelled, self.accepted = goal, False, False
        self.answer, self.result = Future(), Future()

    def accept(self):
        self.accepted = True
        self.answer.set_result(self)

    def reject(self):
        self.answer.set_result(self)

    def end(self, status, result):
        self.result.set_result(SimpleNamespace(status=status, result=result))

    def get_result_async(self):
        return self.result

    def cancel_goal_async(self):
        self.cancelled = True


class FakeClient:
    def __init__(self):
        self.ready, self.sent = True, []

    def server_is_ready(self):
        return self.ready

    def send_goal_async(self, goal):
        self.sent.append(SentGoal(goal))
        return self.sent[-1].answer
