"""What is done to every HTTP request before a route is looked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send


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
