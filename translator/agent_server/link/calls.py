"""Calls over the link, both ways: who waits for which reply, and who answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from translator.agent_server.link.actions import Called, Replied
from translator.agent_server.link.connection import now
from translator.agent_server.link.machine import Machine
from translator.errors import PermanentError, TemporaryError, TranslatorError

Method = Callable[[Any], Awaitable[Any]]

# the other side may answer the same call another time
_PASSING = frozenset({"busy", "deadline-exceeded", "link-lost", "unavailable"})

_log = logging.getLogger(__name__)


class Calls:
    """The calls of one end.

    Args:
        machine: that end.
        wake: says that the machine has something to say.

    Attributes:
        methods: what the other side may call.
    """

    def __init__(self, machine: Machine, wake: Callable[[], None]) -> None:
        self.methods: Mapping[str, Method] = {}
        self._machine = machine
        self._wake = wake
        self._waiting: dict[int, asyncio.Future[Replied]] = {}
        self._answering: set[asyncio.Task[None]] = set()

    async def ask(self, method: str, params: Any, timeout_s: float) -> Any:
        """Call the other side, and give its result.

        Raises:
            TemporaryError: the link is away, or no reply came in time.
            PermanentError: the reply is an error.
        """
        number = self._machine.call(method, params, now(), timeout_s)
        self._wake()
        waiter = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            reply = await waiter
        finally:
            del self._waiting[number]
        if reply.error is None:
            return reply.result
        code, message = reply.error
        if code in _PASSING:
            raise TemporaryError(f"call {method}: {message}")
        raise PermanentError(f"call {method}: {message}", reason="CallFailed", remedy=f"the error is {code}")

    def act(self, action: Called | Replied) -> None:
        """Do what the machine asks."""
        if isinstance(action, Replied):
            waiter = self._waiting.get(action.call)
            if waiter and not waiter.done():
                waiter.set_result(action)
            return
        task = asyncio.create_task(self._answer(action), name=f"link call {action.method}")
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def close(self) -> None:
        """Answer no more."""
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    async def _answer(self, called: Called) -> None:
        method = self.methods.get(called.method)
        result, error = None, None
        try:
            if method is None:
                error = ("unknown-method", f"there is no method {called.method}")
            else:
                async with asyncio.timeout(called.timeout_s):
                    result = await method(called.params)
        except TimeoutError:
            error = ("deadline-exceeded", f"no result within {called.timeout_s:g} s")
        except TranslatorError as failure:
            error = ("unavailable" if isinstance(failure, TemporaryError) else "failed", failure.message)
        except Exception:  # noqa: BLE001 - whatever it is, the caller gets an answer
            _log.exception("the call %s failed", called.method)
            error = ("internal", "the call failed; the log says how")
        self._machine.reply(called.ticket, now(), result=result, error=error)
        self._wake()
