import tracemalloc
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from receiver import Receiver, sample

BURST = 20  # messages of one example
GROWTH_BYTES = 6e6

common = {
    'deadline': None,
    'derandomize': True,
    'suppress_health_check': list(HealthCheck),
}


@pytest.fixture(scope='module')
def good():
    return sample()


def burst(good, random, count=BURST):
    receiver = Receiver(good)
    receiver.run(random, count)
    return receiver


@given(random=st.randoms(use_true_random=False))
@settings(max_examples=300 // BURST, **common)
def test_300_mutated_messages_are_refused_or_borne(good, random):
    burst(good, random)


@pytest.mark.slow
@given(random=st.randoms(use_true_random=True))
@settings(max_examples=20_000 // BURST, **common)
def test_20000_mutated_messages_are_refused_or_borne(good, random):
    burst(good, random)


def test_the_mutations_are_neither_all_harmless_nor_all_fatal(good):
    receiver = burst(good, Random(0), 400)
    assert receiver.refused > 40
    assert receiver.taken > 100
    assert receiver.objects > 0


def grown(good, count):
    """Bytes that a world model holds more after `count` messages than after as many before."""
    receiver, random = Receiver(good), Random(1)
    receiver.run(random, count)
    tracemalloc.start()
    try:
        receiver.run(random, count)
        middle = tracemalloc.get_traced_memory()[0]
        receiver.run(random, count)
        return tracemalloc.get_traced_memory()[0] - middle
    finally:
        tracemalloc.stop()


def test_memory_is_flat(good):
    assert grown(good, 300) < GROWTH_BYTES


@pytest.mark.slow
def test_memory_is_flat_over_20000_messages(good):
    assert grown(good, 6_700) < GROWTH_BYTES
