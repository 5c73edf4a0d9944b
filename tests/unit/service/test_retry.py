from __future__ import annotations

import pytest
from structlog.testing import capture_logs
from tenacity import Future, RetryCallState

from translator.errors import TemporaryError
from translator.service.retry import LONGEST_S, pause, tell


def failed(error, number=1):
    state = RetryCallState(None, None, (), {})
    state.attempt_number = number
    state.outcome = Future(number)
    state.outcome.set_exception(error)
    return state


@pytest.mark.parametrize("seconds", [0.0, 7.0, 3600.0])
def test_what_the_other_side_asks_for_is_waited(seconds):
    assert pause(failed(TemporaryError("x", retry_after=seconds))) == seconds


@pytest.mark.parametrize(
    ("number", "bound"), [(1, 0.1), (4, 0.8), (8, 12.8), (9, 25.6), (10, LONGEST_S), (5000, LONGEST_S)]
)
def test_else_the_pause_is_random_below_a_bound_that_doubles(number, bound):
    pauses = [pause(failed(TemporaryError("x"), number)) for _ in range(200)]
    assert 0 <= min(pauses) < bound / 2 < max(pauses) <= bound


def test_a_long_row_of_failures_is_told_ever_more_seldom():
    with capture_logs() as logs:
        for number in range(1, 40):
            tell(failed(TemporaryError("agent-server is away"), number))
    assert [log["failures"] for log in logs] == [1, 2, 4, 8, 16, 32]
    assert {log["log_level"] for log in logs} == {"warning"}


def test_an_unexpected_error_is_told_with_its_traceback():
    with capture_logs() as logs:
        tell(failed(ValueError("a bug")))
    assert logs[0]["log_level"] == "error"
    assert isinstance(logs[0]["exc_info"], ValueError)
