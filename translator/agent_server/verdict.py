"""What the status and headers of agent-server's answer mean for the batch that was sent. No I/O, no clock."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from translator.errors import PermanentError, TemporaryError

# 408 Request Timeout, 425 Too Early, 429 Too Many Requests: RFC 9110, RFC 8470, RFC 6585
TRY_AGAIN: Final = frozenset({408, 425, 429})

DENIALS: Final = frozenset({401, 403, 404, 405, 407})
"""Statuses that, as redirects do, say nothing about the events: the token or the address is wrong."""

DENIED_PAUSE_S: Final = 30.0
"""Until agent-server is tried again after one of them."""

MAX_RETRY_AFTER: Final = 3600.0

TOO_LARGE: Final = 413
"""Content Too Large (RFC 9110, 15.5.14): said by proxies too, nginx for one where more than 1 MiB come."""

TOO_LARGE_REMEDY: Final = (
    "set maxRequestBytes to what agent-server, and each proxy before it, takes; then replay the parked events"
)

DENIAL_REMEDY: Final = "check agent-server's address, the events path and the token"

EXCERPT: Final = 200


def succeeded(status: int) -> bool:
    """Whether the status says that the batch was taken."""
    return 200 <= status < 300


def is_passing(status: int) -> bool:
    """Whether the same batch, sent again after this status, may be taken.

    A success that came with no proper body is one too.
    """
    return status in TRY_AGAIN or status >= 500 or succeeded(status)


class DeniedError(TemporaryError):
    """Agent-server denies us the whole connection: no event is at fault, and all of them wait."""


class TooLargeError(PermanentError):
    """The request has too many bytes for agent-server, or for a proxy before it: fewer events may pass."""


def is_denial(status: int) -> bool:
    """Whether the status is about who asks or where, whatever the request brings."""
    return status in DENIALS or 300 <= status < 400


def failure(url: str, status: int, excerpt: str, wait: float | None) -> TemporaryError | PermanentError:
    """The error that an answer other than 2xx is.

    Args:
        url: where the batch was sent.
        status: the HTTP status.
        excerpt: the start of the body; of it, the first `EXCERPT` characters are told.
        wait: seconds that the answer's Retry-After asked for.
    """
    message = _answered(url, status, excerpt)
    if is_passing(status):
        return TemporaryError(message, retry_after=wait)
    if status == TOO_LARGE:
        return TooLargeError(message, reason="AgentServerRefused", remedy=TOO_LARGE_REMEDY)
    return PermanentError(
        message,
        reason="AgentServerRefused",
        remedy="ask agent-server's log why, then replay the parked events",
    )


def denial(url: str, status: int, excerpt: str, target: str = "") -> DeniedError:
    """The error that a status is of which `is_denial` says so; arguments as of `failure`.

    `target` is where the answer points, if it is a redirect.

    When to ask again is for whoever asks to decide: of these statuses, RFC 9110 (10.2.3) gives Retry-After a
    meaning with redirects alone, and none is followed.
    """
    return DeniedError(f"{_answered(url, status, excerpt)}{pointing(target)}; {DENIAL_REMEDY}")


def pointing(target: str) -> str:
    """Where a redirect points, for a message; empty: it does not say."""
    return f" (a redirect to {target!r}, which is not followed)" if target else ""


def _answered(url: str, status: int, excerpt: str) -> str:
    body = " ".join(excerpt.split())[:EXCERPT]
    return f"POST {url} was answered {status}" + (f": {body}" if body else "")


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, at most `MAX_RETRY_AFTER`.

    Args:
        value: the header: seconds or an HTTP-date (RFC 9110, 10.2.3).
        now: an aware time.

    Returns:
        None where the header is absent or says neither.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        # a number too long to read is longer than the longest wait
        return min(float(text[:12]), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 0.0), MAX_RETRY_AFTER)
