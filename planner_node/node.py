"""The planner as a ROS 2 node: the Pick action on what the world model says."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from geometry_msgs.msg import WrenchStamped
from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from sensor_msgs.msg import JointState, PointCloud2
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage
from visualization_msgs.msg import MarkerArray

from planner_node.config import PlannerConfig
from planner_node.conversions import (
    from_tactile,
    no_path,
    to_feedback,
    to_grasp,
    to_path,
    to_request,
    to_result,
)
from planner_node.core import PickPlanner
from planner_node.execution import Command
from planner_node.pick_job import PickJob, hold
from planner_node.robot_input import SIDES, RobotInput
from sakiyomi.errors import BadInputError
from sakiyomi.robot.robot_description import compose
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import JointTrajectory, Scene
from sakiyomi_interfaces.action import Pick
from sakiyomi_interfaces.msg import Grasp, ObjectStateArray, StageTimes
from sakiyomi_ros.diagnostics import OK, WARN, Health
from sakiyomi_ros.lifecycle import LifecycleNode
from sakiyomi_ros.messages.beliefs import from_object_states
from sakiyomi_ros.messages.conversions import from_joint_state, from_stamp, from_wrench
from sakiyomi_ros.messages.trajectories import to_arm_message, to_gripper_message
from sakiyomi_ros.pairing import StampPairing
from sakiyomi_ros.process import run

WATCH_PERIOD_S = 0.5


class PlannerNode(LifecycleNode):
    """Reads topics, never the simulator; one pick at a time.

    Planning runs in a worker thread, everything else in the callbacks of one thread. A goal is
    only marked as executing when its result is known: a coroutine that awaits it keeps rclpy's
    executor spinning at full load.
    """

    config: PlannerConfig

    def __init__(self, **options):
        super().__init__('planner', PlannerConfig(), **options)
        self._job: PickJob | None = None
        self._goal: ServerGoalHandle | None = None
        self._failed: set[int] = set()  # objects that failed since the last success
        self._counts: dict[str, int] = {}

    def configure(self) -> None:
        """Make the core and all ends."""
        c = self.config
        self.robot = RobotModel(compose(c.robot_description, c.sensor_description))
        self.planner = PickPlanner(c, self.robot)
        self._input = RobotInput(self.robot)
        self._pairing = StampPairing(('objects', 'cloud'))
        self._pair: tuple[ObjectStateArray, PointCloud2] | None = None
        self._worker = ThreadPoolExecutor(1, 'planning')
        self._make_inputs()
        self._make_outputs()
        self.create_entity(self.create_service(Trigger, '~/stop', self._on_stop))
        self.create_entity(
            ActionServer(
                self,
                Pick,
                '~/pick',
                lambda _: Pick.Result(),
                handle_accepted_callback=self._on_goal,
                cancel_callback=self._on_cancel,
            )
        )
        self.create_ticker(1.0 / c.control_rate_hz, self._tick)
        self.create_ticker(WATCH_PERIOD_S, self._watch, wall=True)

    def _make_inputs(self) -> None:
        stale_s = self.config.state_timeout_s
        for stream, kind in (('objects', ObjectStateArray), ('cloud', PointCloud2)):
            on_scene = partial(self._on_scene, stream=stream)
            self.create_input(kind, f'world_model/{stream}', on_scene, stale_s)
        self.create_input(JointState, 'joint_states', self._on_joints, stale_s)
        self.create_input(WrenchStamped, 'wrench', self._on_wrench, stale_s)
        for side in SIDES:
            on_tactile = partial(self._on_tactile, side=side)
            self.create_input(PointCloud2, f'tactile/{side}', on_tactile, stale_s)

    def _make_outputs(self) -> None:
        self._arm = self.create_output(JointTrajectoryMessage, 'arm_controller/joint_trajectory')
        self._gripper = self.create_output(
            JointTrajectoryMessage, 'gripper_controller/joint_trajectory'
        )
        self._grasp = self.create_output(Grasp, 'planner/grasp')
        self._path = self.create_output(MarkerArray, 'planner/path')
        self._times = self.create_output(StageTimes, 'planner/processing_time')

    def deactivate(self) -> None:
        """Hold the arm; a pick under way ends as stopped."""
        self._stop('the planner was deactivated')
        if self._job is not None:
            self._conclude()

    def cleanup(self) -> None:
        """End the planning thread."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def config_changed(self, previous: PlannerConfig) -> None:
        """A new planner for the next pick; one under way keeps its own."""
        if self.active:
            self.planner = PickPlanner(self.config, self.robot)

    def health(self) -> Iterable[Health]:
        """What it is doing and how the picks so far ended."""
        phase = self._job.phase if self._job else 'idle'
        level = WARN if self._failed else OK
        yield Health('picks', level, phase, {**self._counts, 'failed_objects': len(self._failed)})

    # Inputs.

    def _on_scene(self, message: ObjectStateArray | PointCloud2, stream: str) -> None:
        stamp_s = from_stamp(message.header.stamp)
        self._pair = self._pairing.add(stream, stamp_s, message) or self._pair

    def _on_joints(self, message: JointState) -> None:
        self._input.add_joints(from_joint_state(message))

    def _on_wrench(self, message: WrenchStamped) -> None:
        self._input.add_wrench(from_wrench(message))

    def _on_tactile(self, message: PointCloud2, side: str) -> None:
        self._input.add_tactile(from_tactile(message, side))

    def _newest_scene(self) -> Scene | None:
        """Objects and cloud of the same update, once both are there."""
        if self._pair is None:
            return None
        objects, cloud = self._pair
        try:
            return from_object_states(objects, cloud)
        except BadInputError as error:
            self.get_logger().warning(f'scene: {error}', throttle_duration_sec=5.0)
            return None

    # The action.

    def _on_goal(self, goal: ServerGoalHandle) -> None:
        try:
            if not self.active:
                raise BadInputError('planner: it is not active')
            if self._job is not None:
                raise BadInputError('planner: another pick is under way, expected one at a time')
            request = to_request(goal.request, self._to_avoid())
        except BadInputError as error:
            result = Pick.Result(outcome=Pick.Result.REJECTED, reason=str(error))
            self._finish(goal, result)
            return
        self._goal = goal
        self._job = PickJob(self.planner, self.config, request, self._worker)
        goal.publish_feedback(to_feedback(self._job, self.now_s()))

    def _to_avoid(self) -> frozenset[int]:
        """Objects that failed, unless nothing else is left."""
        known = {o.id for o in self._pair[0].objects} if self._pair else set()
        if known <= self._failed:
            self._failed.clear()
        return frozenset(self._failed)

    def _on_cancel(self, goal: ServerGoalHandle) -> CancelResponse:
        if goal is self._goal:
            self._send(self._job.stop(self._input.state(), 'stopped', 'cancelled by the client'))
        return CancelResponse.ACCEPT

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self._stop('stopped on request')
        response.message = 'holding' if response.success else 'no joint states yet: nothing moves'
        return response

    def _stop(self, reason: str, outcome: str = 'stopped') -> bool:
        """Hold the arm where it is; whether that could be commanded."""
        state = self._input.state()
        if self._job is not None:
            self._job.stop(state, outcome, reason)
        if state is None:
            return False
        self._send([hold(state)])
        return True

    # The clock's ticks.

    def _tick(self) -> None:
        state = self._input.state()
        if self._job is None or state is None:
            return
        before = self._job.phase, self._job.plan
        self._send(self._job.step(state, self._newest_scene))
        if self._job.plan is not before[1]:
            self._show_plan()
        if self._job.phase != before[0]:
            self._goal.publish_feedback(to_feedback(self._job, self.now_s()))
        if self._job.done:
            self._conclude()

    def _watch(self) -> None:
        """In wall time: a robot, or a simulator's clock, that fell silent ends the pick."""
        age_s = self.monitors['joint_states'].age_s
        if self._job is None:
            return
        if age_s > self.config.state_timeout_s:
            self._stop(f'no joint states for {age_s:.1f} s', 'stale_input')
        if self._job.done:
            self._conclude()

    def _conclude(self) -> None:
        job, goal = self._job, self._goal
        self._job = self._goal = None
        self._counts[job.outcome] = self._counts.get(job.outcome, 0) + 1
        if job.outcome == 'success':
            self._failed.clear()
        elif job.grasp is not None:
            self._failed.add(job.grasp.object_id)
        self._path.publish(no_path(self.now_s()))
        self.get_logger().info(f'pick: {job.outcome}: {job.reason}')
        self._finish(goal, to_result(job, self.now_s()))

    def _finish(self, goal: ServerGoalHandle, result: Pick.Result) -> None:
        def report(handle: ServerGoalHandle) -> Pick.Result:
            if handle.is_cancel_requested:
                handle.canceled()
            elif result.outcome == Pick.Result.SUCCESS:
                handle.succeed()
            else:
                handle.abort()
            return result

        goal.execute(report)

    def _show_plan(self) -> None:
        job, stamp_s = self._job, self.now_s()
        self._grasp.publish(to_grasp(job.grasp, stamp_s))
        self._path.publish(to_path(job.plan, self.robot, stamp_s))
        self._times.publish(self.stage_times(self.planner.stage_ms, job.scene_stamp_s))

    def _send(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, JointTrajectory):
                self._arm.publish(to_arm_message(command, self.robot.arm_joint_names))
            else:
                self._gripper.publish(to_gripper_message(command, self.robot.finger_joint_names))


def main(args: list[str] | None = None) -> int:
    """Run the planner until SIGINT or SIGTERM."""
    return run(PlannerNode, args)


if __name__ == '__main__':
    sys.exit(main())
