"""The one base class of every error that Sakiyomi raises on purpose."""


class SakiyomiError(Exception):
    """An error that a user can mend; one line with the given and the expected value."""


class BadInputError(SakiyomiError, ValueError):
    """An argument, file or message that cannot be used (exit status 2 on the command line)."""


class WorkFailedError(SakiyomiError, RuntimeError):
    """Valid input, but the job could not be done (exit status 1 on the command line)."""
