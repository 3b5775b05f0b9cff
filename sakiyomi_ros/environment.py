"""What a ROS 2 process needs in its environment, set before `rclpy.init`.

A sourced ROS 2 install brings its own environment and is left alone. ROS 2 from PyPI wheels lives
in the interpreter's prefix and sets nothing, so that prefix is named here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

from sakiyomi.paths import share_dir

# as Fast DDS 2 (Jazzy) and Fast DDS 3 (Kilted) call it
PROFILE_VARIABLES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')


def ros_is_sourced(environ: MutableMapping[str, str] = os.environ) -> bool:
    """Whether a ROS 2 install other than this interpreter's own prefix has been sourced."""
    return environ.get('AMENT_PREFIX_PATH', '') not in ('', sys.prefix)


def prepare_environment(environ: MutableMapping[str, str] = os.environ) -> None:
    """Fill in what is missing; what the user has set stays.

    Without a sourced ROS 2 the nodes find each other on this host only. The Fast DDS profile
    widens the shared-memory segment, without which camera images get lost.
    """
    profile = share_dir('config') / 'fastdds.xml'
    for variable in PROFILE_VARIABLES:
        if profile.is_file():
            environ.setdefault(variable, str(profile))
    if not ros_is_sourced(environ):
        environ['AMENT_PREFIX_PATH'] = sys.prefix
        environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
