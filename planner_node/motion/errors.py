"""Why a motion could not be planned."""

from sakiyomi.errors import WorkFailedError


class MotionError(WorkFailedError):
    """No motion; `reason` starts with one of a few fixed phrases.

    These are: 'unreachable', 'start in collision', 'goal in collision', 'path in collision',
    'no path', 'outside the joint limits'.
    """

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason
