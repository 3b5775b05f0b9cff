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
from visualization_msgs.msg import MarkerArray

from planner_node.config import PlannerConfig
from planner_node.conversions import (
    cleared_path,
    from_tactile,
    to_feedback,
    to_grasp,
    to_heartbeat,
    to_path,
    to_request,
    to_result,
)
from planner_node.core import PickPlanner
from planner_node.execution.command_counter import CommandCounter
from planner_node.execution.pick_execution import PickExecution
from planner_node.pick_job import PickJob, RobotDrivers
from planner_node.pick_plan import PickPlan
from planner_node.robot_input import SIDES, RobotInput
from sakiyomi.errors import BadInputError
from sakiyomi.robot.robot_description import compose
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import Scene
from sakiyomi_interfaces.action import Pick
from sakiyomi_interfaces.msg import Grasp, Heartbeat, ObjectStateArray, StageTimes
from sakiyomi_ros.diagnostics import OK, WARN, Health
from sakiyomi_ros.drivers.driver_selection import make_arm_driver, make_gripper_driver
from sakiyomi_ros.lifecycle import LifecycleNode
from sakiyomi_ros.messages.beliefs import from_object_states
from sakiyomi_ros.messages.conversions import from_joint_state, from_stamp, from_wrench
from sakiyomi_ros.process import run
from sakiyomi_ros.stamp_synchronizer import StampSynchronizer

INPUT_CHECK_PERIOD_S = 0.5
# outcomes that count against the object
OBJECT_FAILURES = ('missed', 'slipped', 'dropped', 'not_placed', 'collided')


class PlannerNode(LifecycleNode):
    """Reads topics, never the simulator; one pick at a time.

    Planning runs in a worker thread, so that a busy planner blinds nobody: each joint state steps
    the pick under way, and a ticker sees to it when they stop coming. A goal is only marked as
    executing when its result is known: a coroutine that awaits it keeps rclpy's executor spinning
    at full load.
    """

    config: PlannerConfig

    def __init__(self, **options):
        super().__init__('planner', PlannerConfig(), **options)
        self._job: PickJob | None = None
        self._goal: ServerGoalHandle | None = None
        self._unfinished: PickExecution | None = None  # of a pick that ended with a full hand
        self._failed: set[int] = set()  # objects that failed since the last success
        self._counts: dict[str, int] = {}

    def configure(self) -> None:
        """Make the core and all ends."""
        c = self.config
        self.robot = RobotModel(compose(c.robot_description, c.sensor_description))
        self.planner = PickPlanner(c, self.robot)
        self._input = RobotInput(self.robot)
        self._synchronizer = StampSynchronizer(('objects', 'cloud'))
        self._pair: tuple[ObjectStateArray, PointCloud2] | None = None
        self._scene: Scene | None = None  # of the pair, once it is asked for
        self._deferred_pair: tuple[ObjectStateArray, PointCloud2] | None = None
        self._scene_stamp_s = self._last_step_stamp_s = 0.0
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
        self.create_ticker(1.0 / c.supervisor.rate_hz, self._supervise)
        self.create_ticker(INPUT_CHECK_PERIOD_S, self._check_inputs, wall=True)

    def _make_inputs(self) -> None:
        stale_s = self.config.state_timeout_s
        for stream, kind in (('objects', ObjectStateArray), ('cloud', PointCloud2)):
            on_scene = partial(self._on_scene, stream=stream)
            self.create_input(kind, f'world_model/{stream}', on_scene, stale_s)
        self.create_input(WrenchStamped, 'wrench', self._on_wrench, stale_s)
        for side in SIDES:
            on_tactile = partial(self._on_tactile, side=side)
            self.create_input(PointCloud2, f'tactile/{side}', on_tactile, stale_s)
        self.create_input(JointState, 'joint_states', self._on_joints, stale_s)

    def _make_outputs(self) -> None:
        d, names = self.config.drivers, self.robot.finger_joint_names
        fingers = self.robot.config.gripper.kinematics
        arm = make_arm_driver(self, d.arm, self.robot.arm_joint_names, d.arm_action)
        gripper = make_gripper_driver(self, d.gripper, names, fingers, d.gripper_action)
        self._arm, self._gripper = CommandCounter(arm), CommandCounter(gripper)
        self._heartbeat = self.create_output(Heartbeat, 'planner/heartbeat')
        self._grasp = self.create_output(Grasp, 'planner/grasp')
        self._path = self.create_output(MarkerArray, 'planner/path')
        self._times = self.create_output(StageTimes, 'planner/processing_time')

    def deactivate(self) -> None:
        """A pick under way ends as stopped; the goal that its controller has ends at rest."""
        if self._job is not None:
            self._job.abandon('stopped', 'the planner was deactivated')
            self._finish_job()

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
        for name, driver in (('arm', self._arm), ('gripper', self._gripper)):
            yield Health(name, OK, driver.note or 'driven as configured', {'sent': driver.count})
        yield self._contact_health()

    def _contact_health(self) -> Health:
        if self._input.wrench_known:
            return Health('contact', OK, 'the wrist is guarded')
        return Health('contact', WARN, 'no wrench: nothing is felt that the arm runs into')

    # Inputs.

    def _on_scene(self, message: ObjectStateArray | PointCloud2, stream: str) -> None:
        stamp_s = from_stamp(message.header.stamp)
        pair = self._synchronizer.add(stream, stamp_s, message)
        if pair is not None:
            self._scene_stamp_s = stamp_s
            if self.config.lockstep:
                self._deferred_pair = pair  # for the next instant, however early it has come
            else:
                self._pair, self._scene = pair, None
            self._publish_heartbeat()

    def _on_joints(self, message: JointState) -> None:
        self._input.add_joints(from_joint_state(message))
        self._step()

    def _on_wrench(self, message: WrenchStamped) -> None:
        self._input.add_wrench(from_wrench(message))
        self._step_in_lockstep()

    def _on_tactile(self, message: PointCloud2, side: str) -> None:
        self._input.add_tactile(from_tactile(message, side))
        self._step_in_lockstep()

    def _step_in_lockstep(self) -> None:
        if self.config.lockstep:
            self._step()

    def _newest_scene(self) -> Scene | None:
        """Objects and cloud of the same update, once both are there."""
        if self._scene is None and self._pair is not None:
            try:
                self._scene = from_object_states(*self._pair)
            except BadInputError as error:
                self.get_logger().warning(f'scene: {error}', throttle_duration_sec=5.0)
        return self._scene

    # The action.

    def _on_goal(self, goal: ServerGoalHandle) -> None:
        try:
            if not self.active:
                raise BadInputError('planner: it is not active')
            if self._job is not None:
                raise BadInputError('planner: another pick is under way, expected one at a time')
            request = to_request(
                goal.request, self.robot.config.arm.base_link, self._excluded_objects()
            )
            if self._unfinished is not None and request.target != 'any':
                held = self._unfinished.plan.grasp.object_id
                raise BadInputError(
                    f'planner: the hand holds object {held}, expected a pick of any object first,'
                    ' which places it'
                )
        except BadInputError as error:
            result = Pick.Result(outcome=Pick.Result.REJECTED, reason=str(error))
            self._send_result(goal, result)
            return
        self._goal = goal
        ports = RobotDrivers(self._arm, self._gripper)
        self._job = PickJob(
            self.planner, self.config, request, self._worker, ports, self._unfinished
        )
        goal.publish_feedback(to_feedback(self._job, self.now_s()))

    def _excluded_objects(self) -> frozenset[int]:
        """Objects that failed, unless nothing else is left."""
        known = {o.id for o in self._pair[0].objects} if self._pair else set()
        if known <= self._failed:
            self._failed.clear()
        return frozenset(self._failed)

    def _on_cancel(self, goal: ServerGoalHandle) -> CancelResponse:
        if goal is self._goal:
            self._stop('cancelled by the client')
        return CancelResponse.ACCEPT

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = True
        response.message = 'the arm brakes' if self._job is not None else 'nothing was under way'
        self._stop('stopped on request')
        return response

    def _stop(self, reason: str) -> None:
        """Brake a moving arm on its path; nothing is commanded where none moves."""
        if self._job is not None:
            self._job.stop('stopped', reason)
            if self._job.done:
                self._finish_job()

    # Time goes on with the joint states; the tickers are for when they do not come.

    def _step(self) -> None:
        state = self._input.state()
        if state is None:
            return
        if state.stamp_s == self._last_step_stamp_s:
            if self.config.lockstep:
                self._publish_heartbeat()  # the last one may be lost
            return
        if self.config.lockstep and not self._input.is_complete(state.stamp_s):
            return
        passed_s = state.stamp_s - self._last_step_stamp_s
        if not self.config.lockstep and 0.0 < passed_s < 0.5 / self.config.supervisor.rate_hz:
            return  # some arms speak a thousand times a second
        self._last_step_stamp_s = state.stamp_s
        if self._deferred_pair is not None and self._scene_stamp_s < state.stamp_s:
            self._pair, self._scene, self._deferred_pair = self._deferred_pair, None, None
        if self._job is not None:
            before = self._job.phase, self._job.plan
            self._job.step(self.now_s(), state, self._newest_scene)
            self._report(*before)
        self._publish_heartbeat()

    def _report(self, phase: str, plan: PickPlan | None) -> None:
        """Say what has changed since."""
        if self._job.plan is not plan:
            self._publish_plan()
        if self._job.phase != phase:
            self._goal.publish_feedback(to_feedback(self._job, self.now_s()))
        if self._job.done:
            self._finish_job()

    def _publish_heartbeat(self) -> None:
        phase = self._job.phase if self._job else 'idle'
        commands = self._arm.count + self._gripper.count
        self._heartbeat.publish(
            to_heartbeat(self._last_step_stamp_s, commands, phase, self._scene_stamp_s)
        )

    def _supervise(self) -> None:
        """What must be seen to although no joint state comes."""
        if self._job is not None:
            self._job.supervise(self.now_s())
            if self._job.done:
                self._finish_job()

    def _check_inputs(self) -> None:
        """In wall time: a robot that fell silent ends the pick, or a simulator that hangs.

        A simulator stands still while it waits for a slow node, and so does its arm.
        """
        c, simulated = self.config, self.get_parameter('use_sim_time').value
        age_s = 0.0 if c.lockstep else self.monitors['joint_states'].age_s
        limit_s = c.clock_timeout_s if simulated else c.state_timeout_s
        if self._job is not None and age_s > limit_s:
            self._job.abandon('stale_input', f'no joint states for {age_s:.1f} s')
            self._finish_job()

    def _finish_job(self) -> None:
        job, goal = self._job, self._goal
        self._unfinished = job.unfinished
        self._job = self._goal = None
        self._counts[job.outcome] = self._counts.get(job.outcome, 0) + 1
        if job.outcome == 'success':
            self._failed.clear()
        elif job.grasp is not None and job.outcome in OBJECT_FAILURES:
            self._failed.add(job.grasp.object_id)
        self._path.publish(cleared_path(self.now_s()))
        self.get_logger().info(f'pick: {job.outcome}: {job.reason}')
        self._send_result(goal, to_result(job, self.now_s()))

    def _send_result(self, goal: ServerGoalHandle, result: Pick.Result) -> None:
        def report(handle: ServerGoalHandle) -> Pick.Result:
            if handle.is_cancel_requested:
                handle.canceled()
            elif result.outcome == Pick.Result.SUCCESS:
                handle.succeed()
            else:
                handle.abort()
            return result

        goal.execute(report)

    def _publish_plan(self) -> None:
        job, stamp_s = self._job, self.now_s()
        self._grasp.publish(to_grasp(job.grasp, stamp_s))
        self._path.publish(to_path(job.plan, self.robot, stamp_s))
        self._times.publish(self.stage_times(self.planner.stage_ms, job.scene_stamp_s))


def main(args: list[str] | None = None) -> int:
    """Run the planner until SIGINT or SIGTERM."""
    return run(PlannerNode, args)


if __name__ == '__main__':
    sys.exit(main())
