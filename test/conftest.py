import itertools
import os

import pytest

from sakiyomi_ros.environment import prepare_environment

prepare_environment()

LAST_DOMAIN_ID = 101  # beyond it, ports collide with those that Linux hands out
_domain_ids = itertools.count(os.getpid())


@pytest.fixture(autouse=True, scope='module')
def ros_domain_id():
    """Nodes of one test module are not heard by those of another."""
    domain_id = 1 + next(_domain_ids) % LAST_DOMAIN_ID
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('ROS_DOMAIN_ID', str(domain_id))
        yield domain_id
