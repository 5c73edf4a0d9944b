"""The calls of one end of a link that are not answered yet: its own, and the other side's. Pure."""

from __future__ import annotations

from typing import Final

from translator.agent_server.link.actions import Replied
from translator.agent_server.protocol.frames import Reply

MAX_CALLS: Final = 64
"""Calls of the other side that are answered at once."""


class OpenCalls:
    """Those of one end, over any number of connections, one at a time."""

    def __init__(self) -> None:
        self._asked: dict[int, float] = {}
        self._last_asked = 0
        self._taken: set[int] = set()
        self._last_heard = 0

    def connected(self) -> None:
        """Another connection: on it the other side counts its calls anew."""
        self._taken.clear()
        self._last_heard = 0

    def lost(self) -> list[Replied]:
        """The connection is gone, and no reply to a call of ours will come."""
        ended = [Replied(call, error=("link-lost", "the link was lost")) for call in self._asked]
        self._asked.clear()
        return ended

    def ask(self, until: float) -> int:
        """A new call of ours, which waits for its reply until then; gives its number."""
        self._last_asked += 1
        self._asked[self._last_asked] = until
        return self._last_asked

    def replied(self, reply: Reply) -> list[Replied]:
        """A reply has come; one to a call that is not waiting is ignored."""
        known = self._asked.pop(reply.call, None)
        return [Replied(reply.call, reply.result, reply.error)] if known is not None else []

    def late(self, now: float) -> list[Replied]:
        """End the calls of ours whose time is up."""
        late = [call for call, until in self._asked.items() if until <= now]
        for call in late:
            del self._asked[call]
        return [Replied(call, error=("deadline-exceeded", "no reply came in time")) for call in late]

    def times(self) -> list[float]:
        """When `late` is due."""
        return list(self._asked.values())

    def is_new(self, call: int) -> bool:
        """Whether this call of the other side comes for the first time: numbers grow."""
        new = call > self._last_heard
        self._last_heard = max(call, self._last_heard)
        return new

    def take(self, call: int) -> bool:
        """Take a call of the other side, to be answered once; False: too many are being answered."""
        if len(self._taken) >= MAX_CALLS:
            return False
        self._taken.add(call)
        return True

    def answer(self, call: int) -> bool:
        """Whether this call of the other side may be answered: it was taken, and not answered yet."""
        due = call in self._taken
        self._taken.discard(call)
        return due
