"""The server's end of a link, agent-server's: hands tasks over, takes events. Pure.

`translator.agent_server.link.machine` has the table of the connection; this is what a server adds to it:

======== ================================= ==============================================================
state    what happens                      then
======== ================================= ==============================================================
GREETING the agent's hello                 `Greeted`; `welcome` says hello in turn: OPEN
OPEN     `hand_over`                       batches go, one at a time, each when the one before is answered
other    `hand_over`                       they wait
OPEN     answers                           `TasksAnswered`, the next batch; to no batch under way: ignored
OPEN     later                             the same batch again, after the time it says
OPEN     draining                          `AgentDrains`
any      `withdraw`                        no batch waits or is under way; an answer to one is ignored
OPEN     events                            `EventsCame`; over the window: HangUp 4413
any      `lost`                            the batch that is not answered waits again
======== ================================= ==============================================================
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from translator.agent_server.link.actions import (
    Action,
    AgentDrains,
    EventsCame,
    Greeted,
    Key,
    TasksAnswered,
    Ticket,
)
from translator.agent_server.link.machine import (
    HEARTBEAT_S,
    MALFORMED,
    OVER_WINDOW,
    PATIENCE_S,
    Machine,
    State,
)
from translator.agent_server.protocol.frame_text import encode
from translator.agent_server.protocol.frames import (
    VERSION,
    AgentHello,
    Answers,
    Draining,
    Events,
    Frame,
    Held,
    Later,
    Refused,
    Role,
    ServerHello,
    Tasks,
)

BATCH_ITEMS: Final = 1000
BATCH_BYTES: Final = 4 * 1024 * 1024
"""Tasks in one frame (a bigger one goes alone)."""


@dataclass(frozen=True, slots=True)
class _Batch:
    number: int
    references: tuple[str, ...]
    text: str


class ServerLink(Machine):
    """A server's end, for one agent.

    Args:
        software: name and version, for people.
        row_limit: log lines that an events frame may have.
        window_events: events that may be unanswered at once.
        window_bytes: bytes of events that may be unanswered at once.
        heartbeat_s: seconds within which this end says something, whatever.
        patience_s: seconds that the agent may take for an answer to tasks.
    """

    _peer: ClassVar[Role] = "agent"

    def __init__(
        self,
        *,
        software: str = "",
        row_limit: int = 10_000,
        window_events: int = 4096,
        window_bytes: int = 8 * 1024 * 1024,
        heartbeat_s: float = HEARTBEAT_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        super().__init__(heartbeat_s=heartbeat_s, patience_s=patience_s)
        self._software = software
        self._row_limit = row_limit
        self._window_events = window_events
        self._window_bytes = window_bytes
        self._batches: deque[_Batch] = deque()
        self._last_batch = 0
        self._sent_at: float | None = None
        self._not_before = 0.0
        self._taken: dict[int, tuple[Key, int, int]] = {}
        self._last_taken = 0

    @property
    def unanswered(self) -> tuple[int, int]:
        """Events and characters of events that came and are not answered."""
        return sum(each[1] for each in self._taken.values()), sum(each[2] for each in self._taken.values())

    def connected(self, now: float) -> None:
        """A connection is there; the agent is to say hello."""
        super().connected(now)
        self._taken.clear()

    def lost(self, now: float) -> list[Action]:
        """The connection is gone: what is not answered is handed over again on the next one."""
        self._sent_at = None
        self._not_before = now
        self._taken.clear()
        return super().lost(now)

    def welcome(self, held: Mapping[Key, int], now: float) -> None:
        """Answer `Greeted` with what is held of the attempts that the agent's hello named."""
        if self.state is State.GREETING:
            self.state = State.OPEN
            self._say(
                ServerHello(
                    self._software,
                    self._heartbeat_s,
                    self._row_limit,
                    self._window_events,
                    self._window_bytes,
                    held,
                ),
                now,
            )
            self._pump(now)

    def hand_over(self, items: Sequence[tuple[str, Any]], now: float) -> None:
        """Hand tasks over, after those before.

        Args:
            items: each one's reference (told in `TasksAnswered`), and the item as JSON data.
            now: the time.
        """
        batch: list[tuple[str, Any]] = []
        size = 0
        for item in items:
            length = len(encode(Tasks(1, [item[1]])))
            if batch and (len(batch) == BATCH_ITEMS or size + length > BATCH_BYTES):
                self._append(batch)
                batch, size = [], 0
            batch.append(item)
            size += length
        if batch:
            self._append(batch)
        self._pump(now)

    def withdraw(self) -> None:
        """Hand over nothing of what was to be: somebody else gets it."""
        self._batches.clear()
        self._sent_at = None

    def keep(self, ticket: Ticket, seq: int, now: float) -> None:
        """Answer events: the attempt is held up to this seq."""
        if taken := self._answered(ticket):
            self._say(Held({taken[0]: seq}), now)

    def refuse(
        self, ticket: Ticket, code: str, message: str, now: float, *, retry_after: float | None
    ) -> None:
        """Answer events: they are not held.

        Args:
            ticket: theirs.
            code: stable kebab-case name.
            message: one sentence.
            now: the time.
            retry_after: seconds after which they may come again; None: never.
        """
        if taken := self._answered(ticket):
            self._say(Refused(*taken[0], code, message, retry_after), now)

    def _answered(self, ticket: Ticket) -> tuple[Key, int, int] | None:
        # numbers are not used again, so one of an earlier connection is not found
        taken = self._taken.pop(ticket.number, None)
        return taken if self.state is State.OPEN else None

    def _meet(self, hello: AgentHello | ServerHello, now: float) -> list[Action]:
        del now
        assert isinstance(hello, AgentHello), "decode lets no other through"
        # an agent of any later version speaks the first one too
        assert hello.version >= VERSION
        self._know(hello)
        return [Greeted(hello)]

    def _take(self, frame: Frame, now: float) -> list[Action]:
        if isinstance(frame, Events):
            return self._take_events(frame)
        if isinstance(frame, Answers):
            return self._take_answers(frame, now)
        if isinstance(frame, Later) and self._is_under_way(frame.batch):
            self._sent_at = None
            self._not_before = now + frame.retry_after
            self._pump(now)
        return [AgentDrains()] if isinstance(frame, Draining) else []

    def _take_events(self, frame: Events) -> list[Action]:
        events, size = self.unanswered
        if self._taken and (
            events + len(frame.events) > self._window_events or size + frame.size > 2 * self._window_bytes
        ):
            return self.close(OVER_WINDOW, "more events than the window allows")
        self._last_taken += 1
        self._taken[self._last_taken] = (frame.key, len(frame.events), frame.size)
        return [EventsCame(Ticket(self._connection, self._last_taken), frame.key, frame.events)]

    def _take_answers(self, frame: Answers, now: float) -> list[Action]:
        if not self._is_under_way(frame.batch):
            return []
        references = self._batches[0].references
        if len(frame.answers) != len(references):
            return self.close(
                MALFORMED, f"{len(frame.answers)} answers to the {len(references)} tasks of a batch"
            )
        self._batches.popleft()
        self._sent_at = None
        self._pump(now)
        return [TasksAnswered(references, frame.answers)]

    def _is_under_way(self, batch: int) -> bool:
        return self._sent_at is not None and self._batches[0].number == batch

    def _append(self, items: Sequence[tuple[str, Any]]) -> None:
        self._last_batch += 1
        references, raw = zip(*items, strict=True)
        self._batches.append(_Batch(self._last_batch, references, encode(Tasks(self._last_batch, raw))))

    def _pump(self, now: float) -> None:
        ready = self._batches and self._sent_at is None and now >= self._not_before
        if ready and self.state is State.OPEN:
            self._sent_at = now
            self._put(self._batches[0].text, now)

    def _tick_open(self, now: float) -> list[Action]:
        self._pump(now)
        return super()._tick_open(now)

    def _own_times(self) -> list[float]:
        return [self._not_before] if self._batches and self._sent_at is None else []

    def _waiting_since(self) -> float | None:
        return self._sent_at
