"""Waits at the start for what the service needs, and says so: a first installation starts everything at once.

Only what can pass is waited for. A name that is not known is taken for a mistake in the settings.
"""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from translator.agent_server.protocol import error_body
from translator.errors import TemporaryError
from translator.service.factory import Running, running
from translator.service.http import serving
from translator.service.retry import pause
from translator.settings import Settings

LONGEST_S = 5.0
"""Between two tries: shorter than in retries at work, as whoever installs it looks on."""

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

_log = structlog.get_logger()


async def start(stack: AsyncExitStack, settings: Settings, host: str, port: int) -> Running:
    """Start the service, as often as it takes.

    Meanwhile ``/healthz`` answers that the process lives, and everything else 503 with what is waited for.

    Args:
        stack: stops the service at its end; it has nothing to stop where this fails or is cancelled.
        settings: all of them.
        host: where the API will be served.
        port: of it; 0: any.

    Raises:
        TemporaryError: an address has a name that is not known.
        PermanentError: the settings do not fit what is there, or the address cannot be listened on.
    """
    waiting = _Waiting()
    tries = AsyncRetrying(
        retry=retry_if_exception(_may_come), wait=_pause, before_sleep=waiting.tell, reraise=True
    )
    async with serving(waiting.app(), host, port):
        async for attempt in tries:
            with attempt:
                run = await stack.enter_async_context(running(settings))
        return run


class _Waiting:
    """What is waited for, as the log and the API tell it."""

    def __init__(self) -> None:
        self._what = "the service is starting"

    def tell(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        seconds = state.next_action.sleep if state.next_action else 0.0
        self._what = f"the service cannot start yet: {error}"
        _log.warning(
            "cannot start yet", error=str(error), failures=state.attempt_number, pause_s=round(seconds, 1)
        )

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.get("/healthz")
        async def healthz() -> dict[str, str]:
            return {"status": "ok"}

        async def later(request: Request) -> JSONResponse:
            code = "not-ready" if request.url.path == "/readyz" else "unavailable"
            return JSONResponse(error_body(code, self._what), 503, {"Retry-After": "1"})

        app.add_route("/{path:path}", later, methods=list(_METHODS))
        return app


def _may_come(error: BaseException) -> bool:
    return isinstance(error, TemporaryError) and not _is_unknown_name(error)


def _is_unknown_name(error: BaseException | None) -> bool:
    """Whether it came of a name that DNS says not to exist; a DNS server that is silent may come yet."""
    while error is not None:
        if isinstance(error, socket.gaierror):
            return error.errno in (socket.EAI_NONAME, socket.EAI_NODATA)
        error = error.__cause__ or error.__context__
    return False


def _pause(state: RetryCallState) -> float:
    return min(pause(state), LONGEST_S)
