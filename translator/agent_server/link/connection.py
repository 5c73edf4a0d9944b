"""One WebSocket and one end of a link, until either of them ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.web import WebSocketResponse

from translator.agent_server.link.actions import Action, HangUp
from translator.agent_server.link.machine import GOING_AWAY, MALFORMED, TOO_BIG, Machine

CLOSE_S: Final = 1.0
"""Seconds that the other end may take to close."""

Socket = ClientWebSocketResponse | WebSocketResponse


class Connection:
    """Carries a machine's frames over a WebSocket; used once.

    Args:
        socket: open; `run` closes it.
        machine: connected already; its `lost` is left to the caller.
        act: does what the machine asks, without waiting.
    """

    def __init__(self, socket: Socket, machine: Machine, act: Callable[[Action], None]) -> None:
        self._socket = socket
        self._machine = machine
        self._act = act
        self._wake = asyncio.Event()
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        self._end: tuple[int, str] | None = None

    def wake(self) -> None:
        """Look again: the machine has been told something by someone else."""
        self._wake.set()

    def hang_up(self, code: int, reason: str) -> None:
        """End it, from outside."""
        self.do(self._machine.close(code, reason))

    def do(self, actions: Sequence[Action]) -> None:
        """Do what the machine asks."""
        for action in actions:
            if isinstance(action, HangUp):
                self._end = (action.code, action.reason)
            else:
                self._act(action)
        self._wake.set()

    async def run(self) -> str:
        """Until the connection ends.

        Returns:
            Why it ended, for people.
        """
        reading = asyncio.create_task(self._read(), name="link read")
        others = [
            asyncio.create_task(self._write(), name="link write"),
            asyncio.create_task(self._watch(), name="link watch"),
        ]
        try:
            await asyncio.wait([reading, *others], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in (reading, *others):
                part.cancel()
            results = await asyncio.gather(reading, *others, return_exceptions=True)
            await self._close()
        for result in results:
            # what a socket that breaks raises is one way of ending; anything else is a fault of this program
            if isinstance(result, Exception) and not isinstance(result, OSError):
                raise result
        if self._end:
            return f"hung up: {self._end[1]}"
        return next((str(result) for result in results if isinstance(result, str)), "the connection broke")

    async def _read(self) -> str:
        while True:
            message = await self._socket.receive()
            if message.type is WSMsgType.TEXT:
                self.do(self._machine.receive(message.data, now()))
            elif message.type is WSMsgType.BINARY:
                self.do(self._machine.close(MALFORMED, "frames are text"))
            elif message.type is WSMsgType.CLOSE:
                if message.data == TOO_BIG:
                    self.do(self._machine.too_large(str(message.extra or "")))
                return f"closed by the other side: {message.data} {message.extra or ''}".rstrip()
            else:
                return f"the connection broke: {message.data or 'no close frame came'}"

    async def _write(self) -> None:
        while True:
            await self._socket.send_str(await self._outbox.get())

    async def _watch(self) -> None:
        """Move what the machine says to the writer, who may be held up, and tell the machine of the time."""
        while self._end is None:
            self._wake.clear()
            for text in self._machine.frames():
                self._outbox.put_nowait(text)
            delay = self._machine.wake_at() - now()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(delay, 0.0) if delay < 1e6 else None):
                    await self._wake.wait()
            self.do(self._machine.tick(now()))

    async def _close(self) -> None:
        code, reason = self._end or (GOING_AWAY, "going away")
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(CLOSE_S):
                await self._socket.close(code=code, message=reason.encode())


def now() -> float:
    """The links' clock: seconds, never going back."""
    return asyncio.get_running_loop().time()
