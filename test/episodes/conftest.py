"""Cheap sensors, and one push and one drop that the whole folder looks at."""

import numpy as np
import pytest
from cheap_sensors import CHEAP

from sakiyomi_data.episodes.recorder import EpisodeRecorder
from simulation_node.objects.object_files import object_files


@pytest.fixture(scope='session')
def files():
    return object_files('random_urdfs')[:40]


@pytest.fixture(scope='session')
def recorder():
    recorder = EpisodeRecorder(**CHEAP)
    yield recorder
    recorder.close()


@pytest.fixture(scope='session')
def push(recorder, files):
    return recorder.episode('push', files, 3, 0)


@pytest.fixture(scope='session')
def drop(recorder, files):
    return recorder.episode('drop', files, 3, 1)


@pytest.fixture
def same():
    def compare(one, other):
        return [k for k in one if not np.array_equal(np.asarray(one[k]), np.asarray(other[k]))]

    return compare
