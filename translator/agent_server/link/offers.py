"""The events that an agent's end offers: who waits for which of them to be acknowledged."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from translator.agent_server.link.actions import Declined, Key, Settled
from translator.agent_server.link.agent import AgentLink
from translator.agent_server.link.connection import now
from translator.agent_server.link.outgoing import TOO_LARGE
from translator.agent_server.verdict import TOO_LARGE_REMEDY, TooLargeError
from translator.errors import PermanentError, TemporaryError, TranslatorError


class Offers:
    """The offers of one end.

    Args:
        link: that end.
        url: where it dials, for people.
        wake: says that the link has something to say.
    """

    def __init__(self, link: AgentLink, url: str, wake: Callable[[], None]) -> None:
        self._link = link
        self._url = url
        self._wake = wake
        self._waiting: dict[int, asyncio.Future[dict[Key, int]]] = {}
        self._numbers = itertools.count(1)

    async def make(self, events: Sequence[Mapping[str, Any]], timeout_s: float) -> dict[Key, int]:
        """Offer events, at least one, and wait until they are held.

        Returns:
            (taskId, attempt) → highest seq that agent-server now holds.

        Raises:
            TimeoutError: they were not acknowledged in time, and are offered no more.
            TemporaryError: agent-server asks for them later, or nobody dials any more.
            PermanentError: agent-server refuses them, or an event does not fit into a frame.
        """
        number = next(self._numbers)
        waiter: asyncio.Future[dict[Key, int]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiter
        try:
            for settled in self._link.offer(number, events, now()):
                self.act(settled)
            self._wake()
            async with asyncio.timeout(timeout_s):
                return await waiter
        finally:
            del self._waiting[number]
            self._link.withdraw(number)

    def act(self, action: Settled | Declined) -> None:
        """Do what the link asks."""
        waiter = self._waiting.get(action.offer)
        if waiter is None or waiter.done():
            return
        if isinstance(action, Settled):
            waiter.set_result(dict(action.held))
        else:
            waiter.set_exception(self._refusal(action))

    def close(self) -> None:
        """Nothing more will be acknowledged: whoever waits is told so."""
        for waiter in self._waiting.values():
            if not waiter.done():
                waiter.set_exception(TemporaryError(f"the link to {self._url} was closed here"))

    def _refusal(self, declined: Declined) -> TranslatorError:
        task_id, attempt = declined.key
        message = (
            f"link {self._url}: events of task {task_id}, attempt {attempt}, were refused: {declined.message}"
        )
        if declined.retry_after is not None:
            return TemporaryError(message, retry_after=declined.retry_after)
        if declined.code == TOO_LARGE:
            return TooLargeError(message, reason="AgentServerRefused", remedy=TOO_LARGE_REMEDY)
        return PermanentError(
            message,
            reason="AgentServerRefused",
            remedy="ask agent-server's log why, then replay the parked events",
        )
