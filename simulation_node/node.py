"""The simulated work cell as a ROS 2 node, hidden behind the robot's own topics."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from geometry_msgs.msg import WrenchStamped
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState, PointCloud2
from trajectory_msgs.msg import JointTrajectory

from sakiyomi.errors import BadInputError, SakiyomiError
from sakiyomi_interfaces.msg import Heartbeat, ObjectStateArray, StageTimes
from sakiyomi_interfaces.srv import PushObject, ResetScene, SetConveyor, SpawnObject
from sakiyomi_ros.diagnostics import ERROR, OK, WARN, Health
from sakiyomi_ros.drivers.simulated_arm_action import FollowJointTrajectory, TrajectoryAction
from sakiyomi_ros.lifecycle import LifecycleNode
from sakiyomi_ros.messages.conversions import (
    from_pose,
    from_stamp,
    from_twist,
    from_xyz,
    to_joint_state,
    to_stamp,
    to_wrench,
)
from sakiyomi_ros.messages.trajectories import (
    from_arm_message,
    from_gripper_message,
    is_stop,
    start_of,
)
from sakiyomi_ros.process import run
from simulation_node import conversions
from simulation_node.cell import SimulatedCell
from simulation_node.config import (
    PHYSICS_HZ,
    SimulationConfig,
)
from simulation_node.consumers import PLANNER, WORLD_MODEL, Consumers
from simulation_node.schedule import Pacer, Schedule

CLOCK_HZ = PHYSICS_HZ / 2
MAX_EVENTS_PER_TICK = 8  # most events between two rounds of commands
CONSUMER_SEARCH_PERIOD_S = 0.5
ANSWERS = {WORLD_MODEL: 'world_model/processing_time', PLANNER: 'planner/heartbeat'}
MIN_PACE_SHARE = 0.9  # share of the wanted pace below which /diagnostics warns


class SimulationNode(LifecycleNode):
    """A ticker steps the physics to the next sensor that is due and publishes it.

    It waits for who reads the sensors; an answer that was waited for is a tick, too.
    """

    config: SimulationConfig

    def __init__(self, **options: Any) -> None:
        super().__init__('simulation', SimulationConfig(), **options)

    def configure(self) -> None:
        """Lay the scene; make the topics and services."""
        self.cell = SimulatedCell(self.config)
        robot = self.cell.description.config
        self._frames, self._hand_link = robot.sensors, robot.gripper.hand_link
        self.seed = self.config.seed
        self.step = 0  # since the last reset, which sensor noise is keyed by as well
        self.pacer = Pacer(self.config.real_time_factor)
        self.schedule = self._make_schedule()
        self.consumers = Consumers(self.config.max_lead_s, self.config.lockstep, self._gave_up)
        self._advertise()
        self._subscribe()
        self._serve()
        self.create_ticker(1.0 / CLOCK_HZ, self._tick, wall=True)
        self.create_ticker(CONSUMER_SEARCH_PERIOD_S, self._find_consumers, wall=True)

    def activate(self) -> None:
        """Wait for those who are there from the first reading on."""
        self._find_consumers()

    def config_changed(self, previous: SimulationConfig) -> None:
        """The pace changes at once, everything else with the next configure transition."""
        if not self.active:
            return
        self.consumers.max_lead_s = self.config.max_lead_s
        if self.config.real_time_factor != previous.real_time_factor:
            self.pacer = Pacer(self.config.real_time_factor)

    def cleanup(self) -> None:
        """End the physics."""
        self.cell.close()

    def _make_schedule(self) -> Schedule:
        config = self.config
        touch_hz = config.touch.rate_hz
        return Schedule(
            PHYSICS_HZ,
            {
                'clock': CLOCK_HZ,
                'touch': touch_hz,
                'lidar': config.lidar.rate_hz,
                'camera': config.camera.rate_hz,
            },
        )

    def _advertise(self) -> None:
        out = self.create_output
        self.clock = out(Clock, '/clock')
        self.color = out(Image, 'camera/color/image_raw')
        self.depth = out(Image, 'camera/depth/image_rect_raw')
        self.info = out(CameraInfo, 'camera/camera_info')
        self.lidar = out(PointCloud2, 'lidar/points')
        self.tactile = {
            side: out(PointCloud2, f'tactile/{side}') for side in self._frames.pad_frames
        }
        self.wrench = out(WrenchStamped, 'wrench')
        self.joints = out(JointState, 'joint_states')
        self.truth = out(ObjectStateArray, 'simulation/ground_truth')
        self.times = out(StageTimes, 'simulation/processing_time')

    def _subscribe(self) -> None:
        for part, command in (('arm', self._on_arm), ('gripper', self._on_gripper)):
            on_command = partial(self._on_command, command)
            self.create_input(JointTrajectory, f'{part}_controller/joint_trajectory', on_command)
        self.create_input(StageTimes, ANSWERS[WORLD_MODEL], self._on_update)
        self.create_input(Heartbeat, ANSWERS[PLANNER], self._on_heartbeat)

    def _serve(self) -> None:
        for kind, name, handler in (
            (ResetScene, 'reset', self._reset),
            (SpawnObject, 'spawn', self._spawn),
            (PushObject, 'push', self._push),
            (SetConveyor, 'conveyor', self._conveyor),
        ):
            self.create_entity(self.create_service(kind, f'~/{name}', self._answering(handler)))
        accept = partial(self._on_command, self._on_arm)
        self.action = TrajectoryAction(
            accept,
            self.cell.arm_done,
            self.cell.stop,
            errors=self.cell.arm_errors,
            now_s=lambda: self.cell.time_s,
        )
        if FollowJointTrajectory is not None:
            name = 'arm_controller/follow_joint_trajectory'
            self.create_entity(self.action.serve(self, name))

    # Time.

    def _tick(self) -> None:
        for _ in range(MAX_EVENTS_PER_TICK):
            wall_s, time_s = time.monotonic(), self.cell.time_s
            if not self.pacer.behind(wall_s, time_s):
                return
            if self.consumers.must_wait(time_s, wall_s):
                self._remind(self.consumers.reminder(wall_s))
                return
            self._advance()

    def _remind(self, name: str) -> None:
        """Send once more what may have been lost; the same instant gives the same readings."""
        if name:
            (self._publish_camera if name == WORLD_MODEL else self._publish_touch)()

    def _find_consumers(self) -> None:
        self.consumers.set_present(
            {n for n, topic in ANSWERS.items() if self.count_publishers(topic)}
        )

    def _gave_up(self, name: str) -> None:
        say = self.get_logger().error if self.config.lockstep else self.get_logger().warning
        say(f'{name}: no answer within {self.consumers.patience_s:g} s, going on without it')

    def _on_update(self, message: StageTimes) -> None:
        self.consumers.world_model_answered(from_stamp(message.header.stamp))
        self._tick()

    def _on_heartbeat(self, message: Heartbeat) -> None:
        stamp_s, scene_s = from_stamp(message.header.stamp), from_stamp(message.scene)
        self.consumers.planner_answered(stamp_s, message.commands, scene_s)
        self._tick()

    def _advance(self) -> None:
        start = time.perf_counter()
        steps = self.schedule.steps_to_next(self.step)
        self.cell.step(steps / PHYSICS_HZ)
        self.step += steps
        self.action.poll()
        stage_ms = {'physics': (time.perf_counter() - start) * 1e3}
        for name, publish in self._sensors():
            if self.schedule.due(name, self.step):
                start = time.perf_counter()
                publish()
                stage_ms[name] = (time.perf_counter() - start) * 1e3
        if 'camera' in stage_ms:
            self.times.publish(self.stage_times(stage_ms, self.now_s()))

    def _sensors(self) -> tuple[tuple[str, Callable[[], None]], ...]:
        # the camera last: its arrival triggers the world model, which then has all the rest
        return (
            ('clock', self._publish_clock),
            ('touch', self._publish_touch),
            ('lidar', self._publish_lidar),
            ('camera', self._publish_camera),
        )

    def _publish_clock(self) -> None:
        self.clock.publish(Clock(clock=to_stamp(self.cell.time_s)))

    # Sensors out; a reading that nobody listens to is not made.

    def _publish_touch(self) -> None:
        self.consumers.sent_state(self.cell.time_s)
        self.joints.publish(to_joint_state(self.cell.joints()))
        if self.wrench.get_subscription_count():
            self.wrench.publish(to_wrench(self.cell.wrench(), self._hand_link))
        if any(publisher.get_subscription_count() for publisher in self.tactile.values()):
            for reading in self.cell.tactile():
                message = conversions.tactile_message(
                    reading, self._frames.pad_frames[reading.side]
                )
                self.tactile[reading.side].publish(message)

    def _publish_lidar(self) -> None:
        if self.lidar.get_subscription_count():
            self.lidar.publish(
                conversions.lidar_message(self.cell.lidar_scan(), self._frames.lidar_frame)
            )

    def _publish_camera(self) -> None:
        if self.truth.get_subscription_count():
            truth = conversions.ground_truth_message(self.cell.ground_truth(), self.cell.time_s)
            self.truth.publish(truth)
        if not (self.color.get_subscription_count() or self.depth.get_subscription_count()):
            return
        color, depth, info = conversions.camera_messages(
            self.cell.camera_frame(), self._frames.camera_frame
        )
        self.consumers.sent_picture(self.cell.time_s)
        self.info.publish(info)
        self.color.publish(color)
        self.depth.publish(depth)

    # Commands in.

    def _on_command(
        self, command: Callable[[JointTrajectory], None], message: JointTrajectory
    ) -> None:
        self.consumers.command_received()
        command(message)
        self._tick()

    def _on_arm(self, message: JointTrajectory) -> None:
        if is_stop(message):
            self.cell.stop()
        else:
            trajectory = from_arm_message(message, self.cell.world.robot.arm_joints)
            self.cell.command_arm(trajectory, start_of(message))

    def _on_gripper(self, message: JointTrajectory) -> None:
        command = from_gripper_message(
            message,
            self.cell.world.robot.finger_joints,
            self.cell.description.config.hand.grip_force_n,
        )
        self.cell.command_gripper(command)

    # Services; what is wrong with a request is said in its answer.

    def _answering(self, handler: Callable) -> Callable:
        def answer(request: object, response: object) -> object:
            try:
                if not self.active:
                    raise BadInputError('simulation: got a request while inactive')
                handler(request, response)
                response.success = True
            except SakiyomiError as error:
                response.message = str(error)
            return response

        return answer

    def _reset(self, request: ResetScene.Request, response: ResetScene.Response) -> None:
        seed = self.seed + 1 if request.seed < 0 else request.seed
        response.names = self.cell.reset(
            seed,
            objects=request.objects or None,
            scene=request.scene or None,
            count=request.count or None,
        )
        self.seed, self.step = seed, 0
        self.consumers.restart()
        response.message = f'{len(response.names)} objects, seed {seed}'

    def _spawn(self, request: SpawnObject.Request, response: SpawnObject.Response) -> None:
        T_world_object = from_pose(request.pose, 'spawn pose')
        twist = from_twist(request.twist, 'spawn twist')
        response.name = self.cell.spawn(request.path, T_world_object, twist)
        response.message = f'spawned {response.name}'

    def _push(self, request: PushObject.Request, response: PushObject.Response) -> None:
        impulse = from_xyz(request.impulse, 'impulse')
        point = from_xyz(request.point, 'point')
        name = request.name or self.cell.nearest(point)
        self.cell.apply_impulse(name, impulse)
        response.name, response.message = name, f'pushed {name}'

    def _conveyor(self, request: SetConveyor.Request, response: SetConveyor.Response) -> None:
        self.cell.set_conveyor(from_xyz(request.velocity, 'conveyor velocity'))
        response.message = 'conveyor set'

    def health(self) -> Iterable[Health]:
        """Whether simulated time keeps pace, and whom it waits for."""
        wanted, measured = self.config.real_time_factor, self.pacer.measured_factor
        values = {'time_s': round(self.cell.time_s, 3), 'real_time_factor': round(measured, 3)}
        waits_s = self.consumers.waits_s()
        values |= {f'waited_for_{name}_s': round(waits_s[name], 3) for name in sorted(waits_s)}
        yield Health('pace', *self._pace(wanted, measured, waits_s), values)

    def _pace(
        self, wanted: float, measured: float, waits_s: dict[str, float]
    ) -> tuple[bytes, str]:
        if self.consumers.given_up:
            level = ERROR if self.config.lockstep else WARN
            return level, f'no answer from {", ".join(sorted(self.consumers.given_up))}'
        if measured < MIN_PACE_SHARE * wanted:
            slowest = max(waits_s, key=waits_s.get, default='')
            cause = f', waits for {slowest}' if slowest else ''
            return WARN, f'slower than real time: factor {measured:.2f}, wanted {wanted:g}{cause}'
        return OK, 'keeps pace'


def main(args: list[str] | None = None) -> int:
    """Run the node; the exit status."""
    return run(SimulationNode, args)


if __name__ == '__main__':
    sys.exit(main())
