"""What a connection to the API may take: time for its headers, time to read, and one of so many places."""

from __future__ import annotations

import asyncio
import resource
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from translator.agent_server.api_error import ApiError
from translator.agent_server.api_mirror import NATIVE_PATH
from translator.agent_server.hosts import PROBES
from translator.agent_server.protocol import BATCH_PATH, CALL_PATH, INFO_PATH

HEADERS_S: Final = 10.0
"""From a connection, or a request's first byte on one that was kept, to the end of the headers."""

STUCK_S: Final = 60.0
"""For so long a caller may read nothing of an answer that is ready."""

RESERVE: Final = 64
"""Places beyond the limit, for those who are served whoever else is there."""

TELL_S: Final = 60.0

SERVED: Final = PROBES | {BATCH_PATH, CALL_PATH, INFO_PATH, NATIVE_PATH}
"""The probes, and what agent-server asks."""

_log = structlog.get_logger()


def most_connections(wished: int) -> int:
    """As many as are wished, but no more than half of the file descriptors that the process has to spare."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wished if soft == resource.RLIM_INFINITY else max(16, min(wished, (soft - 128) // 2))


class Connections:
    """All connections to one listener.

    Where there are too many, the one goes that has been without a request for the longest time: whoever comes
    is served, whatever others hold open. Where each has a request, more come in only up to the reserve, and
    only for what is always served.

    Args:
        limit: how many there may be.
        headers_s: as `HEADERS_S`.
    """

    def __init__(self, limit: int, headers_s: float = HEADERS_S) -> None:
        self.headers_s = headers_s
        self._limit = limit
        self._all: set[Any] = set()
        self._idle: dict[Any, None] = {}
        self._told: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    @property
    def crowded(self) -> bool:
        """Whether the places that are for everyone are taken."""
        return len(self._all) > self._limit

    def joined(self, connection: LimitedProtocol) -> None:
        """A connection has come."""
        self._all.add(connection)
        self._idle[connection] = None
        if not self.crowded:
            return
        first = next(iter(self._idle))
        if first is not connection:
            self.tell("too many connections: those without a request are closed, the oldest first")
            first.drop()
        elif len(self._all) > self._limit + RESERVE:
            self.tell("too many connections, each with a request: new ones are closed")
            connection.drop()

    def left(self, connection: LimitedProtocol) -> None:
        """A connection has gone."""
        self._all.discard(connection)
        self._idle.pop(connection, None)

    def idle(self, connection: LimitedProtocol, *, idle: bool) -> None:
        """A connection has no request now, or has one."""
        if not idle:
            self._idle.pop(connection, None)
        elif connection in self._all:
            self._idle.setdefault(connection)

    def tell(self, what: str, **more: object) -> None:
        """Log what happens often: once each `TELL_S`, with how often it happened since."""
        now = asyncio.get_running_loop().time()
        if now - self._told.get(what, float("-inf")) < TELL_S:
            self._untold[what] = self._untold.get(what, 0) + 1
            return
        self._told[what] = now
        _log.warning(
            what, connections=len(self._all), limit=self._limit, before=self._untold.pop(what, 0), **more
        )

    def on_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log what asyncio cannot raise, as an event loop's exception handler."""
        # without file descriptors asyncio logs each of a thousand tries, with a traceback
        if str(context.get("message", "")).startswith("socket.accept() out of system resource"):
            self.tell(
                "no connection can be taken: out of file descriptors", error=str(context.get("exception"))
            )
        else:
            loop.default_exception_handler(context)


class LimitedProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, within the limits; `bound_to` gives the class for one listener."""

    limits: Connections
    _waits: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._waits = self.loop.call_later(self.limits.headers_s, self._late)
        self.limits.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self.limits.left(self)
        for timer in (self._waits, self._stuck):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """A request has been answered; uvicorn closes the connection if nothing comes for some seconds."""
        super().on_response_complete()
        self.limits.idle(self, idle=self._is_idle())

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(STUCK_S, self._not_read)

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def drop(self) -> None:
        """End the connection at once."""
        self.limits.left(self)
        self.transport.abort()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _look(self) -> None:
        idle = self._is_idle()
        self.limits.idle(self, idle=idle)
        if idle and self._waits is None and not self.transport.is_closing():
            # headers have begun on a connection that was kept: uvicorn stops its own timer at the first byte
            self._waits = self.loop.call_later(self.limits.headers_s, self._late)
        elif not idle and self._waits is not None:
            self._waits.cancel()
            self._waits = None

    def _late(self) -> None:
        self.limits.tell("connections are closed: their headers did not come in time")
        self.drop()

    def _not_read(self) -> None:
        self.limits.tell("connections are closed: what was answered is not read")
        self.drop()


def bound_to(limits: Connections) -> type[LimitedProtocol]:
    """The protocol for one listener."""
    return type("BoundProtocol", (LimitedProtocol,), {"limits": limits})


class Reserved:
    """Serves in the places of the reserve only what is always served.

    Args:
        app: what answers.
        limits: the connections.
    """

    def __init__(self, app: ASGIApp, limits: Connections) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and self._limits.crowded and scope["path"] not in SERVED:
            headers = {"Retry-After": "1", "Connection": "close"}
            error = ApiError(
                429, "too-many-requests", "too many connections: try again after Retry-After", headers
            )
            await error.answer()(scope, receive, send)
        else:
            await self._app(scope, receive, send)
