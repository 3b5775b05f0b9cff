import os
import time
import tracemalloc
from argparse import Namespace
from random import Random

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from receiver import Receiver, sample

from sakiyomi_data.results import write_results

BURST = 20  # messages of one example
GROWTH_BYTES = 6e6
RESIDENT_BYTES = 40e6  # allocators keep what they once had

pytestmark = pytest.mark.filterwarnings('error::RuntimeWarning')  # of numpy: nothing overflows

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
@settings(max_examples=150 // BURST, **common)
def test_150_mutated_messages_are_refused_or_borne(good, random):
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
    """What the process holds more after `count` messages than after as many before.

    Returns:
        Bytes that Python and numpy hold, bytes of resident memory, and the receiver.
    """
    receiver, random, process = Receiver(good), Random(1), psutil.Process()
    receiver.run(random, count)
    tracemalloc.start()
    try:
        receiver.run(random, count)
        held, resident = tracemalloc.get_traced_memory()[0], process.memory_info().rss
        receiver.run(random, count)
        held = tracemalloc.get_traced_memory()[0] - held
    finally:
        tracemalloc.stop()
    return held, process.memory_info().rss - resident, receiver


def test_memory_is_flat(good):
    assert grown(good, 300)[0] < GROWTH_BYTES


@pytest.mark.slow
def test_memory_is_flat_over_20000_messages(good, record_property):
    started_s = time.monotonic()
    held, resident, receiver = grown(good, 20_000 // 3)
    figures = {
        'messages': receiver.taken + receiver.refused,
        'refused': receiver.refused,
        'seconds': time.monotonic() - started_s,
        'held_growth_mb': held / 1e6,
        'resident_growth_mb': resident / 1e6,
    }
    for name, figure in figures.items():
        record_property(name, figure)
    write_results(os.environ.get('FUZZ_JSON'), figures, Namespace(seed=1))
    assert held < GROWTH_BYTES
    assert resident < RESIDENT_BYTES
