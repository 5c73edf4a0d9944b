from __future__ import annotations

from datetime import UTC, datetime

import pytest

from translator.agent_server.verdict import (
    DENIAL_REMEDY,
    DeniedError,
    denial,
    failure,
    is_denial,
    retry_after,
    succeeded,
)
from translator.errors import PermanentError, TemporaryError

NOW = datetime(2026, 11, 24, 2, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7),
        (" 0 ", 0),
        ("Tue, 24 Nov 2026 02:00:30 GMT", 30),
        ("Tue, 24 Nov 2026 04:00:30 +0200", 30),
        ("Tuesday, 24-Nov-26 02:00:30 GMT", 30),
        ("Tue Nov 24 02:00:30 2026", 30),
        ("Tue, 24 Nov 2026 01:00:00 GMT", 0),
        ("Wed, 25 Nov 2026 02:00:00 GMT", 3600),
        ("86400", 3600),
        ("9" * 5000, 3600),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("²", None),
        ("Tue, 99 Nov 2026 02:00:30 GMT", None),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert retry_after(header, NOW) == seconds


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 599])
def test_these_are_worth_another_try(status):
    error = failure("http://x/e", status, "busy", 4.0)
    assert isinstance(error, TemporaryError)
    assert error.retry_after == 4.0
    assert str(error) == f"POST http://x/e was answered {status}: busy"


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
def test_these_are_not(status):
    assert not is_denial(status)
    error = failure("http://x/e", status, "<html>\n  no\n</html>" + "x" * 500, None)
    assert isinstance(error, PermanentError)
    assert error.reason == "AgentServerRefused"
    assert error.remedy
    assert str(error).startswith(f"POST http://x/e was answered {status}: <html> no </html>xxx")
    assert len(str(error).partition(": ")[2]) == 200


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404, 405, 407])
def test_these_are_about_the_whole_connection(status):
    assert is_denial(status)
    error = denial("http://x/e", status, "no")
    assert isinstance(error, DeniedError)
    assert isinstance(error, TemporaryError)
    assert error.retry_after is None
    assert str(error) == f"POST http://x/e was answered {status}: no; {DENIAL_REMEDY}"


def test_an_empty_body_adds_nothing():
    assert str(failure("http://x/e", 400, " \n", None)) == "POST http://x/e was answered 400"


def test_success_is_2xx():
    assert [status for status in (199, 200, 202, 204, 299, 300) if succeeded(status)] == [200, 202, 204, 299]
