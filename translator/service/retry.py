"""When a piece of work is tried again."""

from __future__ import annotations

import structlog
from tenacity import RetryCallState, wait_random_exponential

from translator.errors import TemporaryError, TranslatorError

LONGEST_S = 30.0
"""The longest pause of our own choice; a Retry-After may ask for more."""

_EXPONENTIAL = wait_random_exponential(multiplier=0.1, max=LONGEST_S)

_log = structlog.get_logger()


def pause(state: RetryCallState) -> float:
    """Seconds until the next try: what the other side asked for, else random up to an exponential bound."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, TemporaryError) and error.retry_after is not None:
        return max(0.0, error.retry_after)
    return _EXPONENTIAL(state)


def tell(state: RetryCallState) -> None:
    """Log a failure before the pause; of a long row of them the 1st, 2nd, 4th, 8th and so on.

    The frames that the error came through are let go: they hold what was being submitted or sent, for as long
    as the pause lasts, of every task that waits.
    """
    error = state.outcome.exception() if state.outcome else None
    number = state.attempt_number
    if not number & (number - 1):
        _log_failure(error, number, round(state.next_action.sleep, 1) if state.next_action else 0.0)
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def _log_failure(error: BaseException | None, number: int, seconds: float) -> None:
    if isinstance(error, TranslatorError):
        _log.warning("trying again", error=error.message, failures=number, pause_s=seconds)
    else:
        _log.error("trying again after an unexpected error", failures=number, pause_s=seconds, exc_info=error)
