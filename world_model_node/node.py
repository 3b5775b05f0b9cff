"""The ROS 2 node of the world model: sensor topics in, objects and predictions out."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from concurrent.futures import Future
from functools import partial
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseArray, WrenchStamped
from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from sensor_msgs.msg import CameraInfo, Image, JointState, PointCloud2
from trajectory_msgs.msg import MultiDOFJointTrajectory
from visualization_msgs.msg import MarkerArray

from sakiyomi.errors import BadInputError, SakiyomiError
from sakiyomi.robot.robot_description import compose
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import Prediction, Scene
from sakiyomi_interfaces.msg import ObjectStateArray, PredictionArray, StageTimes
from sakiyomi_interfaces.srv import Imagine
from sakiyomi_ros.diagnostics import OK, WARN, Health
from sakiyomi_ros.executors.deferred_service import defer_response
from sakiyomi_ros.executors.pending_messages import take_pending
from sakiyomi_ros.latency import Latency, NewestReading
from sakiyomi_ros.lifecycle import LifecycleNode
from sakiyomi_ros.messages.beliefs import (
    from_hand_motion,
    to_contacts,
    to_object_states,
    to_predictions,
    to_scene_cloud,
)
from sakiyomi_ros.messages.conversions import from_joint_state, from_wrench
from sakiyomi_ros.messages.images import from_camera_info
from sakiyomi_ros.process import run
from sakiyomi_ros.sensor_frames import SensorFrames
from sakiyomi_ros.stamp_synchronizer import StampSynchronizer
from world_model_node import conversions
from world_model_node.config import WorldModelConfig
from world_model_node.core import WorldModel
from world_model_node.inputs.reading_queue import ReadingQueue
from world_model_node.update_thread import UpdateThread
from world_model_node.warm_up import freeze_gc

SWITCH_INTERVAL_S = 5e-4  # longest time that an update holds the interpreter lock


class WorldModelNode(LifecycleNode):
    """Callbacks convert and enqueue messages; an update thread takes over the newest frame.

    An update takes the queued readings in the order of arrival and judges their freshness by their
    stamps, so that readings that arrive during a long update are not late.
    """

    config: WorldModelConfig

    def __init__(self, **options: Any) -> None:
        super().__init__('world_model', WorldModelConfig(), **options)
        self._updates: UpdateThread | None = None
        self._failed = self.create_guard_condition(self._raise_failure)
        back = Duration(seconds=-self.config.timing.clock_jump_s)
        self._jump = self.get_clock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=back, on_clock_change=False),
            post_callback=self._clock_jumped,
        )

    def configure(self) -> None:
        """Read the robot description and create the core, the topics and the service."""
        description = compose(self.config.robot_description, self.config.sensor_description)
        self.robot = RobotModel(description)
        self.frames = SensorFrames(description, self.robot)
        self.world_model = WorldModel(self.config, self.robot)
        self._reset()
        self._subscribe()
        self._advertise()
        service = self.create_service(Imagine, '~/imagine', self._imagine)
        self.create_entity(defer_response(service))
        self.create_ticker(1.0 / self.config.rate_hz, self._tick)
        freeze_gc()

    def activate(self) -> None:
        """Start the update thread."""
        max_jobs = self.config.timing.max_waiting_requests
        self._updates = UpdateThread(self._update, self._failed.trigger, max_jobs)

    def deactivate(self) -> None:
        """Stop the update thread after it has published the running update."""
        self._updates.close()
        self._updates = None

    def _raise_failure(self) -> None:
        """Raise the exception of an update, which ends the node."""
        if self._updates is not None and self._updates.failure is not None:
            raise self._updates.failure

    def _reset(self) -> None:
        self.reading_queue = ReadingQueue(self.config.timing)
        self.pairing: StampSynchronizer[conversions.ImageFrame] = StampSynchronizer(
            ('color', 'depth')
        )
        self._intrinsics: np.ndarray | None = None
        self.latency = Latency()
        self._last_update_s = self._last_frame_s = -float('inf')
        self._stale: tuple[str, ...] = ()

    def _subscribe(self) -> None:
        timing = self.config.timing
        camera_s = timing.camera_stale_s
        self.create_input(CameraInfo, 'camera/camera_info', self._on_info, camera_s)
        self.create_input(Image, 'camera/color/image_raw', self._on_color, camera_s)
        self.create_input(Image, 'camera/depth/image_rect_raw', self._on_depth, camera_s)
        tactile_s = timing.tactile_stale_s
        self._signals = [
            self.create_input(PointCloud2, 'lidar/points', self._on_lidar, timing.lidar_stale_s),
            *(
                self.create_input(
                    PointCloud2, f'tactile/{side}', partial(self._on_tactile, side), tactile_s
                )
                for side in ('left', 'right')
            ),
            self.create_input(WrenchStamped, 'wrench', self._on_wrench, tactile_s),
            self.create_input(JointState, 'joint_states', self._on_joints, timing.joints_stale_s),
        ]

    def _advertise(self) -> None:
        self.objects = self.create_output(ObjectStateArray, 'world_model/objects')
        self.predictions = self.create_output(PredictionArray, 'world_model/predictions')
        self.contacts = self.create_output(PointCloud2, 'world_model/contacts')
        self.cloud = self.create_output(PointCloud2, 'world_model/cloud')
        self.markers = self.create_output(MarkerArray, 'world_model/markers')
        self.poses = self.create_output(PoseArray, 'world_model/predicted_poses')
        self.trajectories = self.create_output(
            MultiDOFJointTrajectory, 'world_model/predicted_trajectories'
        )
        self.times = self.create_output(StageTimes, 'world_model/processing_time')

    # Sensor messages are converted and enqueued.

    def _on_color(self, message: Image) -> None:
        self._pair_images('color', conversions.to_color_frame(message))

    def _on_depth(self, message: Image) -> None:
        self._pair_images('depth', conversions.to_depth_frame(message))

    def _on_info(self, message: CameraInfo) -> None:
        self._intrinsics = from_camera_info(message)

    def _pair_images(self, stream: str, image: conversions.ImageFrame) -> None:
        pair = self.pairing.add(stream, image.stamp_s, image)
        if pair is None or self._intrinsics is None:
            return
        take_pending(self._signals)  # signals sent before the image are processed before it
        T_world_camera = self.frames.pose(pair[0].frame_id)
        frame = conversions.to_camera_frame(*pair, self._intrinsics, T_world_camera)
        self._enqueue('camera', frame)
        self.latency.arrived(frame.stamp_s, self.now_s())
        min_period_s = self.config.timing.min_period_share / self.config.rate_hz
        if frame.stamp_s - self._last_frame_s >= min_period_s:
            self._last_frame_s = frame.stamp_s
            self._updates.request()

    def _on_lidar(self, message: PointCloud2) -> None:
        T_world_lidar = self.frames.pose(message.header.frame_id)
        self._enqueue('lidar', conversions.to_lidar_scan(message, T_world_lidar))

    def _on_tactile(self, side: str, message: PointCloud2) -> None:
        self._enqueue('tactile', conversions.to_tactile_reading(message, side))

    def _on_wrench(self, message: WrenchStamped) -> None:
        self._enqueue('wrench', from_wrench(message))

    def _on_joints(self, message: JointState) -> None:
        reading = from_joint_state(message)
        self.frames.update(reading)
        self._enqueue('joints', reading)

    def _enqueue(self, stream: str, reading: object) -> None:
        self.world_model.inputs.check(stream, reading)
        self.reading_queue.put(stream, reading)

    # The update thread fuses and publishes.

    def _tick(self) -> None:
        # frames trigger the updates, and the timer does without frames
        late = self.now_s() - self._last_update_s > 1.5 / self.config.rate_hz
        if late and self._updates.idle and self.latency.newest.stamp_s:
            self._updates.request()

    def _update(self) -> None:
        newest = self.latency.newest
        for stream, reading in self.reading_queue.take():
            self.world_model.keep(stream, reading)
        # a simulated clock may lag behind the stamps of arrived readings
        now_s = max(self.now_s(), newest.stamp_s)
        scene = self.world_model.update(now_s)
        self._stale = scene.stale
        self._publish(scene, self.world_model.predict(), newest)
        self._last_update_s = now_s

    def _publish(
        self, scene: Scene, predictions: tuple[Prediction, ...], newest: NewestReading
    ) -> None:
        start = time.perf_counter()
        name = self.world_model.model_name
        self.predictions.publish(to_predictions(predictions, scene.stamp_s, name))
        self.objects.publish(to_object_states(scene))
        self._publish_mirrors(scene, predictions)
        publish_ms = (time.perf_counter() - start) * 1e3
        stage_ms = {**self.world_model.stage_ms, 'publish': publish_ms}
        self.times.publish(self.stage_times(stage_ms, newest.stamp_s, newest.latency_s))

    def _publish_mirrors(self, scene: Scene, predictions: tuple[Prediction, ...]) -> None:
        # a message is made only for a topic with subscribers
        stamp_s = scene.stamp_s
        for publisher, make in (
            (self.poses, lambda: conversions.predicted_poses(predictions, stamp_s)),
            (self.trajectories, lambda: conversions.predicted_trajectories(predictions, stamp_s)),
            (self.contacts, lambda: to_contacts(scene)),
            (self.cloud, lambda: to_scene_cloud(scene)),
            (self.markers, lambda: conversions.markers(scene, predictions, self.config.markers)),
        ):
            if publisher.get_subscription_count():
                publisher.publish(make())

    # Imagine requests are answered between two updates.

    def _imagine(
        self, request: Imagine.Request, response: Imagine.Response
    ) -> Imagine.Response | Future:
        try:
            if self._updates is None:
                raise BadInputError('world_model: got a request while inactive')
            return self._updates.submit(partial(self._imagined, request, response))
        except SakiyomiError as error:
            response.message = str(error)
            return response

    def _imagined(self, request: Imagine.Request, response: Imagine.Response) -> Imagine.Response:
        try:
            motions = [from_hand_motion(motion) for motion in request.candidates]
            ids = list(request.object_ids) or None
            outcomes = self.world_model.imagine(motions, ids)
        except SakiyomiError as error:
            response.message = str(error)
            return response
        model = self.world_model.model_name
        response.outcomes = [to_predictions(o, self.now_s(), model) for o in outcomes]
        response.success = True
        return response

    def _clock_jumped(self, jump: TimeJump) -> None:
        if self.active:
            self.get_logger().warning('the clock jumped back: forgetting everything')
            self.deactivate()
            self.world_model.reset()
            self._reset()
            self.activate()

    def health(self) -> Iterable[Health]:
        """Report the dynamics model, the segmenter, stale modalities and the updates."""
        name = self.world_model.model_name
        if self.world_model.dynamics.learned:
            yield Health('dynamics', OK, name, {'model': name})
        else:
            message = f'{name}: a physics prior in place of the learned model'
            yield Health('dynamics', WARN, message, {'model': name})
        yield self._segmentation_health()
        if self._stale:
            missing = ', '.join(self._stale)
            yield Health('fusion', WARN, f'no fresh data from {missing}', {'stale': missing})
        else:
            yield Health('fusion', OK, 'every modality is fresh')
        yield self._updates_health()

    def _updates_health(self) -> Health:
        values = {'pictures_replaced': self._updates.replaced}
        values |= {f'{stream}_dropped': n for stream, n in self.reading_queue.dropped.items() if n}
        if any(self.reading_queue.dropped.values()):
            return Health('updates', WARN, 'updates take longer than the buffers reach', values)
        return Health('updates', OK, 'from the newest picture', values)

    def _segmentation_health(self) -> Health:
        name, wanted = self.world_model.segmenter_name, self.config.segmenter
        if wanted == 'network' and not self.world_model.segmenter.learned:
            return Health('segmentation', WARN, f'{name} in place of the network', {'name': name})
        return Health('segmentation', OK, name, {'name': name})


def main(args: list[str] | None = None) -> int:
    """Run the node and return its exit status."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    return run(WorldModelNode, args)


if __name__ == '__main__':
    sys.exit(main())
