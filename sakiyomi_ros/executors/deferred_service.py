"""A service that answers when its answer is ready, while the executor goes on."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from rclpy.service import Service


def defer_response(service: Service) -> Service:
    """Let the callback return a future of its response; whoever completes that one answers.

    A coroutine would do the same, but rclpy's executor spins at full load while one waits.
    """
    send = service.send_response

    def send_when_done(response: Any, header: Any) -> None:
        if isinstance(response, Future):
            response.add_done_callback(lambda done: send(done.result(), header))
        else:
            send(response, header)

    service.send_response = send_when_done
    return service
