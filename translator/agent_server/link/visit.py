"""One connection of an agent to the stand-in: takes its events, hands tasks over to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from aiohttp import web

from translator.agent_server.collection import Collection
from translator.agent_server.faults import Fault
from translator.agent_server.link.actions import (
    Action,
    AgentDrains,
    Called,
    EventsCame,
    Greeted,
    Replied,
    TasksAnswered,
)
from translator.agent_server.link.calls import Calls
from translator.agent_server.link.connection import Connection, now
from translator.agent_server.link.server import ServerLink
from translator.agent_server.protocol.fields import known_rows, read_asked
from translator.agent_server.protocol.frames import CALL_KNOWN
from translator.agent_server.verdict import is_denial, is_passing, retry_after

_log = logging.getLogger(__name__)

Item = tuple[str, Mapping[str, Any]]
"""A task's id, and the task as it came."""


class Host(Protocol):
    """Whose visit it is."""

    def greeted(self, visit: Visit) -> None:
        """The agent has said hello: from now on it may be given tasks."""

    def denies(self, status: int) -> None:
        """Its next request for a connection is to be answered with this status."""

    def drains(self, visit: Visit) -> None:
        """The agent wants no more tasks."""

    def answered(self, visit: Visit, references: Sequence[str], answers: Sequence[Mapping[str, Any]]) -> None:
        """The agent has answered so many tasks, the first of those that it was given."""


class Visit:
    """One connection.

    Args:
        name: the agent's.
        link: new.
        collection: where events go.
        host: told what happens.
        socket: open.
        cut: breaks the connection off.

    Attributes:
        replica: which of the agent's processes it is, once it has said hello.
        willing: whether it may be given tasks.
    """

    def __init__(
        self,
        name: str,
        link: ServerLink,
        collection: Collection,
        host: Host,
        socket: web.WebSocketResponse,
        cut: Callable[[], None],
    ) -> None:
        self.replica = ""
        self.willing = False
        self.calls = Calls(link, self._wake)
        self.calls.methods = {CALL_KNOWN: self._known}
        self._name = name
        self._link = link
        self._collection = collection
        self._host = host
        self._cut = cut
        self._connection = Connection(socket, link, self._act)
        self._came: asyncio.Queue[EventsCame] = asyncio.Queue()
        self._answers: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the connection ends."""
        self._link.connected(now())
        taking = asyncio.create_task(self._take_events(), name=f"link events {self._name}")
        try:
            why = await self._connection.run()
            _log.info("agent %s left: %s", self._name, why)
        finally:
            self.willing = False
            for task in (taking, *self._answers):
                task.cancel()
            await asyncio.gather(taking, *self._answers, return_exceptions=True)
            for action in self._link.lost(now()):
                self._act(action)
            await self.calls.close()

    def hang_up(self, code: int, reason: str) -> None:
        """End it."""
        self.willing = False
        self._connection.hang_up(code, reason)

    def hand_over(self, items: Sequence[Item]) -> None:
        """Give it tasks, after those before."""
        self._link.hand_over(items, now())
        self._wake()

    def withdraw(self) -> None:
        """Take back what it has not answered."""
        self._link.withdraw()

    def _wake(self) -> None:
        self._connection.wake()

    def _act(self, action: Action) -> None:
        if isinstance(action, Greeted):
            hello = action.hello
            _log.info("agent %s %s has dialled in: %s", self._name, hello.replica, hello.software)
            self.replica, self.willing = hello.replica, True
            held = {key: self._collection.ledger.held(*key) for key in hello.open}
            self._link.welcome(held, now())
            self._wake()
            self._host.greeted(self)
        elif isinstance(action, AgentDrains):
            self.willing = False
            self._host.drains(self)
        elif isinstance(action, EventsCame):
            self._came.put_nowait(action)
        elif isinstance(action, TasksAnswered):
            self._host.answered(self, action.references, action.answers)
        elif isinstance(action, Called | Replied):
            self.calls.act(action)

    async def _known(self, params: Any) -> Any:
        return known_rows(self._collection.known(read_asked(params)))

    async def _take_events(self) -> None:
        """One frame after the other; an answer that is to be overtaken waits beside."""
        while True:
            came = await self._came.get()
            fault = self._collection.faults.take() or Fault()
            await asyncio.sleep(fault.delay)
            if fault.drop == "before":
                self._cut()
                return
            if is_denial(fault.status):
                # no frame says so: the connection goes, and the next request for one is answered with it
                self._host.denies(fault.status)
                self._cut()
                return
            if fault.status:
                passing = is_passing(fault.status)
                wait = (retry_after(fault.retry_after, datetime.now(UTC)) or 0.0) if passing else None
                message = f"answered {fault.status} on command"
                self._link.refuse(came.ticket, "fault", message, now(), retry_after=wait)
                self._wake()
                continue
            held = self._collection.take(came.events, fault)[came.key]
            if fault.drop == "after":
                self._cut()
                return
            if fault.reorder:
                task = asyncio.create_task(self._answer_in_turn(came, held, fault))
                self._answers.add(task)
                task.add_done_callback(self._answers.discard)
            else:
                await self._collection.turn(fault)
                self._answer(came, held)

    async def _answer_in_turn(self, came: EventsCame, held: int, fault: Fault) -> None:
        await self._collection.turn(fault)
        self._answer(came, held)

    def _answer(self, came: EventsCame, held: int) -> None:
        last = came.events[-1]["seq"]
        if held >= last:
            self._link.keep(came.ticket, held, now())
        else:
            message = f"held up to seq {held}, so the events up to {last} do not follow"
            self._link.refuse(came.ticket, "out-of-order", message, now(), retry_after=1.0)
        self._wake()
