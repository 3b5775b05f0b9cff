"""Loops over points, compiled to machine code by numba where they are first called.

That takes seconds, once on a machine: the code is kept beside the source, or in the user's cache
where that is not writable. Looking at something made up when a world model is made
(`warm_up.py`) compiles all that a frame needs.
"""

from __future__ import annotations

import numba

compiled = numba.njit(cache=True, nogil=True, error_model='numpy')
