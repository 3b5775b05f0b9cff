"""Find a ROS domain that nobody on this host uses, by the UDP ports that DDS derives from it."""

from __future__ import annotations

import os
import random
import socket

from sakiyomi.errors import WorkFailedError

# DDSI-RTPS 2.5, section 9.6.2: unicast discovery of participant p in domain d
PORT_BASE, DOMAIN_GAIN, UNICAST_OFFSET, PARTICIPANT_GAIN = 7400, 250, 10, 2
DOMAINS = range(1, 102)  # above 101 the ports run into Linux's ephemeral range
PROBED_PARTICIPANTS = 4


def discovery_port(domain: int, participant: int) -> int:
    """The UDP port that this participant of a domain listens on."""
    return PORT_BASE + DOMAIN_GAIN * domain + UNICAST_OFFSET + PARTICIPANT_GAIN * participant


def is_free(domain: int) -> bool:
    """Whether none of a domain's first participants is on this host."""
    return all(_can_bind(discovery_port(domain, p)) for p in range(PROBED_PARTICIPANTS))


def free_domain() -> int:
    """A domain that is free now, another one for each process that asks.

    Raises:
        WorkFailedError: all are in use.
    """
    domains = list(DOMAINS)
    random.Random(os.getpid()).shuffle(domains)
    for domain in domains:
        if is_free(domain):
            return domain
    raise WorkFailedError(f'ROS domains {DOMAINS.start} to {DOMAINS.stop - 1}: all in use')


def _can_bind(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(('0.0.0.0', port))
        except OSError:
            return False
    return True
