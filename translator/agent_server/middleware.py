"""What is done to every HTTP request before a route is looked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from urllib.parse import unquote

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from translator.agent_server.api_error import ApiError
from translator.agent_server.hosts import PROBES


class EncodedSlashes:
    """Keeps a slash that a caller has encoded apart from one that separates the parts of a path.

    ASGI's ``path`` is decoded as a whole, so that the task ``a/logs``, asked for as ``/tasks/a%2Flogs``,
    would be taken for the log of the task ``a``. Below the given paths each part is decoded by itself; ``%``
    and ``/`` in it stay encoded, and routes decode them (`translator.agent_server.api_tasks.TaskId`).

    Args:
        app: what answers.
        below: the paths.
    """

    def __init__(self, app: ASGIApp, below: Sequence[str]) -> None:
        self._app = app
        self._below = tuple(f"{path}/" for path in below)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["path"].startswith(self._below):
            raw = scope.get("raw_path")
            parts = raw.decode("latin-1").split("/") if raw is not None else [scope["path"]]
            decoded = (unquote(part).replace("%", "%25") for part in parts)
            # without the raw path nobody knows which slashes were encoded
            path = "/".join(decoded if raw is None else (part.replace("/", "%2F") for part in decoded))
            if path.startswith(self._below):
                scope = {**scope, "path": path}
        await self._app(scope, receive, send)


class HeadAsGet:
    """Answers HEAD as GET would be, without the body; FastAPI's routes know only the methods they name.

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        told = asyncio.Event()

        async def headers_only(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                told.set()

        answer = asyncio.ensure_future(self._app({**scope, "method": "GET"}, receive, headers_only))
        telling = asyncio.create_task(told.wait())
        try:
            # a stream of server-sent events would go on, unheard
            await asyncio.wait((answer, telling), return_when=asyncio.FIRST_COMPLETED)
        finally:
            answer.cancel()
            telling.cancel()
            results = await asyncio.gather(answer, telling, return_exceptions=True)
        if not told.is_set() and isinstance(results[0], Exception):
            raise results[0]


class ReadLimit:
    """Bounds what is read at once, so that those who read keep neither tasks nor probes waiting.

    A few reads go on at a time, some wait, and the rest is answered 429 at once. Streams of server-sent
    events mostly wait: they have a limit of their own.

    Args:
        app: what answers.
        at_once: reads that are worked on at a time.
        waiting: reads that wait for their turn.
        streams: streams that are open at a time.
    """

    def __init__(self, app: ASGIApp, *, at_once: int = 16, waiting: int = 112, streams: int = 256) -> None:
        self._app = app
        self._turns = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self._reads = 0
        self._most_streams = streams
        self._streams = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"} or scope["path"] in PROBES:
            await self._app(scope, receive, send)
        elif b"follow=" in scope["query_string"]:
            await self._stream(scope, receive, send)
        elif self._reads >= self._most:
            await _busy("reads")(scope, receive, send)
        else:
            await self._read(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._streams >= self._most_streams:
            await _busy("streams")(scope, receive, send)
            return
        self._streams += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._streams -= 1

    async def _read(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as turn:

            async def told(message: Message) -> None:
                # what is left is to send it: a slow reader must not keep the others waiting
                await turn.aclose()
                await send(message)

            self._reads += 1
            turn.callback(self._has_read)
            await turn.enter_async_context(self._turns)
            await self._app(scope, receive, told)

    def _has_read(self) -> None:
        self._reads -= 1


def _busy(what: str) -> JSONResponse:
    message = f"too many {what} at once: try again after Retry-After"
    return ApiError(429, "too-many-requests", message, {"Retry-After": "1"}).answer()
