"""What both ends of a link have in common: greeting, signs of life, calls. No I/O, no clock, no randomness.

After WebSocket itself (RFC 6455) and the ``websockets`` library's ``protocol.py``: whoever does the I/O tells
the machine what happened and when (seconds of a clock that never goes back), sends `Machine.frames`, does the
actions that are returned, and calls `Machine.tick` at `Machine.wake_at`.

======== ================================= ==============================================================
state    what happens                      then
======== ================================= ==============================================================
DOWN     `connected`                       GREETING; an agent says hello
GREETING the other's hello, in time        OPEN (a server: when `ServerLink.welcome` has answered)
GREETING heartbeat, unknown frame          ignored
GREETING any other frame                   HangUp 4400; CLOSING
GREETING no hello within `GREETING_S`      HangUp 4408; CLOSING
GREETING a version that is not spoken      HangUp 4406; CLOSING
OPEN     nothing said for the heartbeat    a heartbeat goes
OPEN     nothing heard for `MISSED` of     HangUp 4408; CLOSING
         the other's heartbeats
OPEN     no answer for `PATIENCE_S`        HangUp 4408; CLOSING
OPEN     a frame that is none              HangUp 4400; CLOSING
OPEN     hello again, unknown frame        ignored
OPEN     call                              `Called`; too many: a reply with the error ``busy``
OPEN     reply, or a call's time is up     `Replied`; to a call that is not waiting: ignored
any      `close`                           HangUp; CLOSING
CLOSING  any frame                         ignored
any      `lost`                            DOWN; `Replied` with the error ``link-lost`` for every call
======== ================================= ==============================================================
"""

from __future__ import annotations

from enum import Enum
from typing import Any, ClassVar, Final

from translator.agent_server.json_text import MalformedError
from translator.agent_server.link.actions import Action, Called, HangUp, Ticket
from translator.agent_server.link.open_calls import MAX_CALLS, OpenCalls
from translator.agent_server.protocol.frame_text import decode, encode
from translator.agent_server.protocol.frames import (
    AgentHello,
    Call,
    Frame,
    Heartbeat,
    Reply,
    Role,
    ServerHello,
    Unknown,
)
from translator.errors import TemporaryError

HEARTBEAT_S: Final = 15.0
GREETING_S: Final = 10.0
PATIENCE_S: Final = 60.0
MISSED: Final = 3

MALFORMED: Final = 4400
UNSPOKEN_VERSION: Final = 4406
TOO_LATE: Final = 4408
REPLACED: Final = 4409
OVER_WINDOW: Final = 4413
GOING_AWAY: Final = 1001
TOO_BIG: Final = 1009
"""Close codes: 4000 to 4999 are an application's own (RFC 6455, 7.4.2), the last two are the RFC's."""

MAX_REASON: Final = 120
"""Bytes of a close frame's reason, of the 123 that RFC 6455 allows."""


class State(Enum):
    """How far a connection is."""

    DOWN = "down"
    GREETING = "greeting"
    OPEN = "open"
    CLOSING = "closing"


class Machine:
    """One end of a link, over any number of connections, one at a time.

    Args:
        heartbeat_s: seconds within which this end says something, whatever.
        patience_s: seconds that the other end may take for an answer to tasks or events.

    Attributes:
        state: see the table above.
    """

    _peer: ClassVar[Role]

    def __init__(self, *, heartbeat_s: float = HEARTBEAT_S, patience_s: float = PATIENCE_S) -> None:
        self.state = State.DOWN
        self._heartbeat_s = heartbeat_s
        self._patience_s = patience_s
        self._peer_heartbeat_s = heartbeat_s
        self._peer_calls = False
        self._connection = 0
        self._out: list[str] = []
        self._heard = 0.0
        self._said = 0.0
        self._calls = OpenCalls()

    @property
    def takes_calls(self) -> bool:
        """Whether the other side, while the link is open, takes calls."""
        return self.state is not State.OPEN or self._peer_calls

    def connected(self, now: float) -> None:
        """A connection is there."""
        self.state = State.GREETING
        self._connection += 1
        self._out.clear()
        self._calls.connected()
        self._heard = self._said = now

    def lost(self, now: float) -> list[Action]:
        """The connection is gone, or could not be made."""
        del now
        self.state = State.DOWN
        self._out.clear()
        return list(self._calls.lost())

    def receive(self, text: str, now: float) -> list[Action]:
        """A message has come."""
        if self.state not in {State.GREETING, State.OPEN}:
            return []
        self._heard = now
        try:
            frame = decode(text, sender=self._peer)
        except MalformedError as error:
            return self.close(MALFORMED, error.message)
        return self._greet(frame, now) if self.state is State.GREETING else self._converse(frame, now)

    def _greet(self, frame: Frame, now: float) -> list[Action]:
        if isinstance(frame, AgentHello | ServerHello):
            return self._meet(frame, now)
        if isinstance(frame, Heartbeat | Unknown):
            return []
        return self.close(MALFORMED, f"{type(frame).__name__.lower()} before hello")

    def _converse(self, frame: Frame, now: float) -> list[Action]:
        if isinstance(frame, AgentHello | ServerHello | Heartbeat | Unknown):
            return []
        if isinstance(frame, Call):
            return self._take_call(frame, now)
        if isinstance(frame, Reply):
            return list(self._calls.replied(frame))
        return self._take(frame, now)

    def tick(self, now: float) -> list[Action]:
        """Time has passed."""
        actions: list[Action] = list(self._calls.late(now))
        if self.state is State.GREETING and now >= self._heard + GREETING_S:
            actions += self.close(TOO_LATE, f"no hello within {GREETING_S:g} s")
        elif self.state is State.OPEN:
            actions += self._tick_open(now)
        return actions

    def wake_at(self) -> float:
        """When `tick` is due; infinity: when something else has happened."""
        times = self._calls.times()
        if self.state is State.GREETING:
            times.append(self._heard + GREETING_S)
        elif self.state is State.OPEN:
            times += [self._said + self._heartbeat_s, self._heard + MISSED * self._peer_heartbeat_s]
            if (waiting := self._waiting_since()) is not None:
                times.append(waiting + self._patience_s)
            times += self._own_times()
        return min(times, default=float("inf"))

    def frames(self) -> list[str]:
        """The messages to send now, in order; each is told once."""
        out, self._out = self._out, []
        return out

    def close(self, code: int, reason: str) -> list[Action]:
        """End the connection, if there is one."""
        if self.state not in {State.GREETING, State.OPEN}:
            return []
        self.state = State.CLOSING
        return [HangUp(code, reason.encode()[:MAX_REASON].decode(errors="ignore"))]

    def too_large(self, reason: str) -> list[Action]:
        """The other side closes the connection because a frame is too large for it."""
        del reason
        return []

    def call(self, method: str, params: Any, now: float, timeout_s: float) -> int:
        """Ask the other side; `Replied` with this number tells how it went, exactly once.

        Raises:
            TemporaryError: the link is not open, or the other side takes no calls.
        """
        if self.state is not State.OPEN:
            raise TemporaryError(f"call {method}: the link is not open")
        if not self._peer_calls:
            raise TemporaryError(f"call {method}: the other side takes no calls")
        number = self._calls.ask(now + timeout_s)
        self._say(Call(number, method, params, timeout_s), now)
        return number

    def reply(
        self, ticket: Ticket, now: float, *, result: Any = None, error: tuple[str, str] | None = None
    ) -> None:
        """Answer a `Called`; once its connection has gone, nobody hears it."""
        due = ticket.connection == self._connection and self._calls.answer(ticket.number)
        if due and self.state is State.OPEN:
            self._say(Reply(ticket.number, result, error), now)

    def _meet(self, hello: AgentHello | ServerHello, now: float) -> list[Action]:
        """The other's hello, while greeting."""
        raise NotImplementedError

    def _take(self, frame: Frame, now: float) -> list[Action]:
        """A frame that only this role gets, while open."""
        raise NotImplementedError

    def _waiting_since(self) -> float | None:
        """Since when the other side owes an answer."""
        raise NotImplementedError

    def _own_times(self) -> list[float]:
        """Further times at which `tick` is due, while open."""
        return []

    def _know(self, hello: AgentHello | ServerHello) -> None:
        self._peer_heartbeat_s = hello.heartbeat_s
        self._peer_calls = "calls" in hello.capabilities

    def _tick_open(self, now: float) -> list[Action]:
        silence = MISSED * self._peer_heartbeat_s
        waiting = self._waiting_since()
        if now >= self._heard + silence:
            return self.close(TOO_LATE, f"nothing heard for {silence:g} s")
        if waiting is not None and now >= waiting + self._patience_s:
            return self.close(TOO_LATE, f"no answer for {self._patience_s:g} s")
        if now >= self._said + self._heartbeat_s:
            self._say(Heartbeat(), now)
        return []

    def _take_call(self, frame: Call, now: float) -> list[Action]:
        if not self._calls.is_new(frame.call):
            return []
        if not self._calls.take(frame.call):
            self._say(Reply(frame.call, error=("busy", f"{MAX_CALLS} calls are being answered")), now)
            return []
        ticket = Ticket(self._connection, frame.call)
        return [Called(ticket, frame.method, frame.params, frame.timeout_s)]

    def _say(self, frame: Frame, now: float) -> None:
        self._put(encode(frame), now)

    def _put(self, text: str, now: float) -> None:
        self._out.append(text)
        self._said = now
