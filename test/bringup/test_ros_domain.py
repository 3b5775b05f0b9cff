"""A domain counts as free only while nobody listens on its discovery ports."""

import socket

from sakiyomi_bringup.ros_domain import DOMAINS, discovery_port, free_domain, is_free


def test_a_domain_with_a_listener_is_not_free():
    domain = free_domain()
    assert domain in DOMAINS
    assert is_free(domain)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(('0.0.0.0', discovery_port(domain, participant=1)))
        assert not is_free(domain)
        assert free_domain() != domain
    assert is_free(domain)


def test_ports_are_those_of_the_standard():
    assert discovery_port(domain=0, participant=0) == 7410
    assert discovery_port(domain=1, participant=2) == 7664
