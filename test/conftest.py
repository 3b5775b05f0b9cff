import signal

import pytest

from sakiyomi_bringup.ros_domain import free_domain
from sakiyomi_ros.environment import prepare_environment

prepare_environment()
# a shell's background job ignores Ctrl-C, and so would all that the tests start and end by it
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope='module')
def ros_domain_id():
    """Nodes of one test module are not heard by those of another, nor by another run's."""
    domain_id = free_domain()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('ROS_DOMAIN_ID', str(domain_id))
        yield domain_id
