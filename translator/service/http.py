"""Serves the API over HTTP until it is told to stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

from translator.errors import PermanentError
from translator.service.connections import HEADERS_S, Connections, Reserved, bound_to, most_connections

OPEN_REQUESTS_S = 5
"""For answering open requests, when it is told to stop."""


BACKLOG = 512
"""Connections that wait to be taken; asyncio tries so many at a time, also when none can be."""


class _Server(uvicorn.Server):
    """Leaves signals to the caller: uvicorn would end the process by them before the service has stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(
    app: FastAPI, host: str, port: int, *, connections: int = 1000, headers_s: float = HEADERS_S
) -> AsyncIterator[str]:
    """Serve within the context; yields the URL once requests are answered.

    Args:
        app: the API.
        host: where to listen.
        port: 0 chooses a free one.
        connections: that may be open at a time; fewer where there are few file descriptors.
        headers_s: seconds within which a request's headers must have come.

    Raises:
        PermanentError: the address cannot be listened on.
    """
    listener = _listen(host, port)
    limits = Connections(most_connections(connections), headers_s)
    config = uvicorn.Config(
        Reserved(app, limits),
        http=bound_to(limits),
        backlog=BACKLOG,
        ws="none",
        # anybody can say X-Forwarded-For
        proxy_headers=False,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=OPEN_REQUESTS_S,
        lifespan="off",
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(limits.on_exception)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http server")
    try:
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        loop.set_exception_handler(before)
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # with the protocol named, asyncio turns Nagle's algorithm off; otherwise each answer may wait 40 ms
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as e:
        raise PermanentError(
            f"cannot listen on {host}:{port}: {e}",
            reason="AddressInUse",
            remedy="choose another address with --listen",
        ) from e
    return listener
