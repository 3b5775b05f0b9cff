"""Messages that have arrived and that no executor has taken yet."""

from __future__ import annotations

from collections.abc import Iterable

from rclpy.subscription import Subscription


def take_pending(subscriptions: Iterable[Subscription]) -> None:
    """Call back for every message that waits: an executor takes one of each topic per round."""
    for subscription in subscriptions:
        for _ in range(subscription.qos_profile.depth):
            with subscription.handle:
                taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
            if taken is None:
                break
            subscription.callback(taken[0])
