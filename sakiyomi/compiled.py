"""Loops over points, compiled to machine code by numba where they are first called.

That takes seconds, once on a machine: the code is kept beside the source, or in the user's cache
where that is not writable. A new world model looks at something made up (`warm_up.py`), which
compiles all that a frame needs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numba

OPTIONS = {'nogil': True, 'error_model': 'numpy'}
log = logging.getLogger(__name__)


def compiled(function: Callable) -> Callable:
    """The function in machine code, for arrays and numbers."""
    try:
        return numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError as error:  # there is no folder to write to
        log.warning('%s is compiled anew at every start: %s', function.__name__, error)
        return numba.njit(**OPTIONS)(function)
