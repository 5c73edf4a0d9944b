"""The agent's end of a link, the translator's: dials, brings events, takes tasks. Pure.

`translator.agent_server.link.machine` has the table of the connection; this is what an agent adds to it:

======== ================================= ==============================================================
state    what happens                      then
======== ================================= ==============================================================
DOWN     `dial_at` has come                whoever runs it connects, and tells `connected` or `lost`
any      `lost`                            what was under way waits again; `dial_at` is later each time
GREETING the server's hello                what it says it holds is settled, the rest goes again
OPEN     `offer`                           what the server's hello said it holds is settled; frames of the
                                           rest go as far as the window lets them, what is left waits
other    `offer`                           it waits
OPEN     held                              events up to it are forgotten; `Settled` where an offer is whole
OPEN     refused                           `Declined` for every offer with events of the attempt
OPEN     `drain`                           draining goes; tasks that come anyway are for the caller to refuse
OPEN     tasks                             `TasksCame`; a second batch before the answer to the first: later
======== ================================= ==============================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from translator.agent_server.link.actions import Action, Key, Opened, Settled, TasksCame, Ticket
from translator.agent_server.link.machine import HEARTBEAT_S, PATIENCE_S, UNSPOKEN_VERSION, Machine, State
from translator.agent_server.link.outgoing import FRAME_BYTES, Outgoing
from translator.agent_server.protocol.fields import ENVELOPE, held_rows
from translator.agent_server.protocol.frames import (
    VERSION,
    AgentHello,
    Answers,
    Draining,
    Frame,
    Held,
    Later,
    Refused,
    Role,
    ServerHello,
    Tasks,
)
from translator.observe.event import encode as dump

FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 30.0


class AgentLink(Machine):
    """An agent's end.

    Args:
        client_id: the agent's name, to which tasks are handed over.
        biz_id: the business that it belongs to; may be empty.
        software: name and version, for people.
        replica: which of the agent's processes this is; empty: there is one.
        row_limit: log lines in one frame (any other event counts as one).
        max_bytes: of one frame of events; a bigger event goes alone.
        heartbeat_s: seconds within which this end says something, whatever.
        patience_s: seconds that the server may take for an answer to events.

    Attributes:
        dial_at: when to connect, while DOWN.
    """

    _peer: ClassVar[Role] = "server"

    def __init__(
        self,
        client_id: str,
        *,
        biz_id: str = "",
        software: str = "",
        replica: str = "",
        row_limit: int = 1000,
        max_bytes: int = FRAME_BYTES,
        heartbeat_s: float = HEARTBEAT_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        super().__init__(heartbeat_s=heartbeat_s, patience_s=patience_s)
        self.dial_at = 0.0
        self._client_id = client_id
        self._biz_id = biz_id
        self._software = software
        self._replica = replica
        self._draining = False
        self._max_bytes = max_bytes
        self._outgoing = Outgoing(row_limit, max_bytes - ENVELOPE)
        self._named: dict[Key, int] = {}
        self._working: int | None = None
        self._failures = 0
        self._opened = float("inf")

    @property
    def in_flight(self) -> tuple[int, int]:
        """Events and bytes that are sent and not answered."""
        return self._outgoing.in_flight

    @property
    def kept(self) -> int:
        """Events that are remembered, waiting or under way."""
        return self._outgoing.kept

    def connected(self, now: float, unheld: Mapping[Key, int] | None = None) -> None:
        """A connection is there: say hello.

        Args:
            now: the time.
            unheld: every attempt of which it is not known that its events are held, and its highest seq, as
                far as that is written down somewhere: the link itself remembers only what it was offered.
        """
        super().connected(now)
        self._working = None
        self._named = self._nameable(unheld or {})
        self._say(
            AgentHello(
                self._client_id, self._biz_id, self._software, self._heartbeat_s, self._named, self._replica
            ),
            now,
        )

    def _nameable(self, unheld: Mapping[Key, int]) -> dict[Key, int]:
        """The attempts of a hello, those that wait here first: as many as one frame takes.

        Of an attempt that is not named, the events are sent whether the server holds them or not.
        """
        waiting = self._outgoing.open()
        named: dict[Key, int] = {}
        room = self._max_bytes - 2 * ENVELOPE
        for key in [*waiting, *(key for key in unheld if key not in waiting)]:
            seq = max(waiting.get(key, 0), unheld.get(key, 0))
            room -= len(dump(held_rows({key: seq})))
            if room < 0:
                break
            named[key] = seq
        return named

    def lost(self, now: float, jitter: float = 1.0) -> list[Action]:
        """The connection is gone, or could not be made: dial again, later each time.

        Args:
            now: the time.
            jitter: from 0 to 1; how much of the pause's random half is taken.
        """
        # one that held for a while was good; one that is dropped at once is not tried at once again
        self._failures = 0 if now - self._opened >= self._heartbeat_s else self._failures + 1
        self._opened = float("inf")
        pause = min(FIRST_PAUSE_S * 2.0 ** min(self._failures, 16), LONGEST_PAUSE_S)
        self.dial_at = now + pause * (0.5 + jitter / 2)
        self._outgoing.rewind()
        self._working = None
        return super().lost(now)

    def too_large(self, reason: str) -> list[Action]:
        """The server closes the connection because a frame is too large for it."""
        return list(self._outgoing.refuse_largest(reason or "a frame is too large"))

    def drain(self, now: float) -> None:
        """Say that this process is about to stop, and wants no more tasks."""
        self._draining = True
        if self.state is State.OPEN:
            self._say(Draining(), now)

    def offer(self, offer: int, events: Sequence[Mapping[str, Any]], now: float) -> list[Settled]:
        """Bring these events to the server, those of one attempt in order.

        Args:
            offer: names it in `Settled` or `Declined`, one of which comes unless it is withdrawn; used once.
            events: at least one.
            now: the time.

        Raises:
            PermanentError: an event does not fit into a frame.
        """
        settled = self._outgoing.add(offer, events)
        self._pump(now)
        return settled

    def withdraw(self, offer: int) -> None:
        """Forget an offer; nobody waits for it any more."""
        self._outgoing.withdraw(offer)

    def answer(self, ticket: Ticket, answers: Sequence[Mapping[str, Any]], now: float) -> None:
        """Answer tasks, which are durable now where the answer says accepted."""
        if self._is_due(ticket):
            self._say(Answers(ticket.number, answers), now)

    def postpone(self, ticket: Ticket, message: str, retry_after: float, now: float) -> None:
        """Say that tasks cannot be taken now."""
        if self._is_due(ticket):
            self._say(Later(ticket.number, retry_after, message), now)

    def _is_due(self, ticket: Ticket) -> bool:
        due = ticket.connection == self._connection and ticket.number == self._working
        if due:
            self._working = None
        return due and self.state is State.OPEN

    def _meet(self, hello: AgentHello | ServerHello, now: float) -> list[Action]:
        assert isinstance(hello, ServerHello), "decode lets no other through"
        if hello.version > VERSION:
            return self.close(UNSPOKEN_VERSION, f"version {hello.version} is not spoken here")
        self.state = State.OPEN
        self._opened = now
        self._know(hello)
        if self._draining:
            self._say(Draining(), now)
        self._outgoing.allow(hello.row_limit, hello.window_events, hello.window_bytes)
        # more than was named cannot be meant: what was never sent must not count as held
        held = {key: min(seq, self._named[key]) for key, seq in hello.held.items() if key in self._named}
        self._outgoing.know(held)
        return [Opened(hello), *self._settle(held, now)]

    def _take(self, frame: Frame, now: float) -> list[Action]:
        if isinstance(frame, Held):
            return list(self._settle(frame.held, now))
        if isinstance(frame, Refused):
            key = (frame.task_id, frame.attempt)
            declined = self._outgoing.refuse(key, frame.code, frame.message, frame.retry_after)
            self._pump(now)
            return list(declined)
        if isinstance(frame, Tasks):
            return self._take_tasks(frame, now)
        return []

    def _take_tasks(self, frame: Tasks, now: float) -> list[Action]:
        if self._working == frame.batch:
            return []
        if self._working is not None:
            self._say(Later(frame.batch, 1.0, f"batch {self._working} is not answered yet"), now)
            return []
        self._working = frame.batch
        return [TasksCame(Ticket(self._connection, frame.batch), frame.items)]

    def _settle(self, held: Mapping[Key, int], now: float) -> list[Settled]:
        settled = self._outgoing.held(held)
        self._pump(now)
        return settled

    def _pump(self, now: float) -> None:
        while self.state is State.OPEN and (text := self._outgoing.next_frame(now)) is not None:
            self._put(text, now)

    def _waiting_since(self) -> float | None:
        return self._outgoing.since()
