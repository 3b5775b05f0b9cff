"""The check that the page's port is free, made before anything is started."""

from __future__ import annotations

import errno
import socket

from sakiyomi.errors import BadInputError


def require_free_port(host: str, port: int) -> None:
    """Bind the port and let it go again.

    Raises:
        BadInputError: the port is taken, or the host is no address of this machine.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BadInputError(_reason(error, host, port)) from error


def port_taken(host: str, port: int) -> str:
    """The line that says so, and how to mend it."""
    return (
        f'port {port} on {host} is taken; free it, or choose another one with the '
        f'parameter port (for example -p port:={port + 1})'
    )


def _reason(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return port_taken(host, port)
    if error.errno == errno.EACCES:
        return f'port {port} on {host} is not allowed; choose one of 1024 or more'
    return f'host: got {host!r}, expected an address of this machine'
