"""Why a pick could not be planned."""

from sakiyomi.errors import WorkFailedError


class PlanError(WorkFailedError):
    """No plan; `outcome` is one of the Pick action's outcomes in lower case."""

    def __init__(self, outcome: str, reason: str):
        super().__init__(f'{outcome}: {reason}')
        self.outcome = outcome
        self.reason = reason
