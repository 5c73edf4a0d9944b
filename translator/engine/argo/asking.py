"""Asks the API server until it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from translator.engine.argo.answers import RefusedError
from translator.engine.argo.watching import Pace
from translator.errors import TemporaryError

T = TypeVar("T")

_log = structlog.get_logger(__name__)


async def patiently(ask: Callable[[], Awaitable[T]], pace: Pace) -> T | None:
    """The answer, or None where the object does not exist.

    Args:
        ask: the request.
        pace: how long to wait after a failure.

    Raises:
        PermanentError: the server will not.
    """
    failures = 0
    while True:
        try:
            return await ask()
        except RefusedError as error:
            if error.status == 404:
                return None
            raise
        except TemporaryError as error:
            failures += 1
            _log.debug("asking again", error=error.message)
            await pace.pause(failures, error.retry_after)


async def stubbornly(ask: Callable[[], Awaitable[T]], pace: Pace) -> T | None:
    """The answer, as `patiently`, even where the server refuses now.

    A permission that was taken away is the operator's to give back: the tasks that run are not at fault.
    """
    while True:
        try:
            return await patiently(ask, pace)
        except RefusedError as error:
            _log.warning("the API server refuses, asking again", error=error.message, remedy=error.remedy)
            await pace.sleep(pace.longest)
