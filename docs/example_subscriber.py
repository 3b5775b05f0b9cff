"""Print what Sakiyomi predicts: where each object will be at the end of the horizon."""

from contextlib import suppress

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from sakiyomi_interfaces.msg import PredictionArray


class PredictionPrinter(Node):
    """A subscriber like any other."""

    def __init__(self):
        super().__init__('prediction_printer')
        self.create_subscription(PredictionArray, '/world_model/predictions', self.show, 5)

    def show(self, message):
        """One line for each object."""
        for future in message.predictions:
            p, variance = future.poses[-1].pose.position, future.poses[-1].covariance[0]
            at = f'({p.x:.3f}, {p.y:.3f}, {p.z:.3f}) m, x +- {1e3 * variance**0.5:.1f} mm'
            print(f'object {future.object_id} will be at {at}, says {message.model}', flush=True)


rclpy.init()
with suppress(KeyboardInterrupt, ExternalShutdownException):
    rclpy.spin(PredictionPrinter())
