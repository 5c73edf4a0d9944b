"""An answer of the API server that lasts: chunk by chunk, to its end or to where it was cut off."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from translator.engine.argo.answers import Call, UnavailableError, no_answer, words

STREAM_BUFFER = 128 * 1024
"""Bytes held for one stream whose reader is slow (aiohttp stops reading the socket at twice this)."""

BATCH = 128 * 1024
"""Bytes that the kernel gathers of a loud stream before it wakes us: less than `STREAM_BUFFER`, twice."""

LOUD = 4096
"""Bytes of a chunk that show a loud stream: a quiet one comes line by line."""

GATHER_S = 0.04
"""Seconds for which the kernel may gather: they are added to a loud line's way."""


class Stream:
    """An answer whose chunks come as the server sends them, until it ends it.

    Args:
        call: the request, for messages.
        response: the answer.
    """

    def __init__(self, call: Call, response: aiohttp.ClientResponse) -> None:
        self._call = call
        self._response = response
        self._gathering: asyncio.TimerHandle | None = None
        self._socket = self._told_of("socket")
        framed = {"Transfer-Encoding", "Content-Length"} & response.headers.keys()
        self._tls = None if framed else self._told_of("ssl_object")
        self.stopped = False

    def stop(self) -> None:
        """End it from this side: whoever waits for a chunk gets none."""
        self.stopped = True
        drop(self._response)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The chunks.

        Raises:
            SilentError: nothing came for as long as the stream may be silent.
            UnavailableError: the connection broke.
        """
        try:
            async for chunk in self._response.content.iter_any():
                if len(chunk) >= LOUD:
                    self._gather()
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if not self.stopped:
                raise no_answer(f"cannot {self._call}: the stream broke: {words(error)}", error) from error
        finally:
            if self._gathering is not None:
                self._gathering.cancel()
                self._gathered()  # the connection may be used again, for answers that are small
        if not self.stopped and self._tls is not None and not _was_ended(self._tls):
            raise UnavailableError(f"cannot {self._call}: the stream was cut off")

    def _gather(self) -> None:
        """Let the kernel gather what comes next, for a moment: the API server sends it line by line."""
        if self._gathering is not None:
            self._gathering.cancel()
        elif not self._wake_at(BATCH):
            return
        self._gathering = asyncio.get_running_loop().call_later(GATHER_S, self._gathered)

    def _gathered(self) -> None:
        self._gathering = None
        self._wake_at(1)

    def _wake_at(self, size: int) -> bool:
        """Ask the kernel to wake us once there are so many bytes. False: it cannot be asked."""
        if self._socket is None or not hasattr(socket, "SO_RCVLOWAT"):
            return False
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)
        except OSError:
            return False
        return True

    def _told_of(self, name: str) -> Any:
        """What the connection knows; None where the whole answer is there already."""
        connection = self._response.connection
        transport = connection.transport if connection is not None else None
        return transport.get_extra_info(name) if transport is not None else None


def _was_ended(tls: Any) -> bool:
    """Whether the other side said that it ends the connection (RFC 8446, close_notify)."""
    try:
        return bool(tls.read(1) == b"")
    except ssl.SSLZeroReturnError:
        return True
    except (ssl.SSLError, ValueError):
        return False


def drop(response: aiohttp.ClientResponse) -> None:
    """Close the connection at once if more was to come on it: a polite TLS shutdown would wait for that."""
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()
    response.close()
