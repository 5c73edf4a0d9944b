"""The stand-in's shell of the link: agents dial in, each to its own end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from translator import __version__
from translator.agent_server.answering import refusal
from translator.agent_server.collection import Collection
from translator.agent_server.faults import Fault
from translator.agent_server.link.actions import Action, Called, EventsCame, Greeted, Replied, TasksAnswered
from translator.agent_server.link.calls import Calls
from translator.agent_server.link.connection import CLOSE_S, Connection
from translator.agent_server.link.machine import GOING_AWAY, HEARTBEAT_S, REPLACED
from translator.agent_server.link.server import ServerLink
from translator.agent_server.protocol.fields import known_rows, read_asked
from translator.agent_server.protocol.frames import CALL_KNOWN, MAX_FRAME
from translator.agent_server.verdict import is_denial, is_passing, retry_after
from translator.errors import TemporaryError

_log = logging.getLogger(__name__)

Answered = Callable[[Sequence[str], Sequence[Mapping[str, Any]]], None]


class _Agent:
    """One agent's end, over all its connections."""

    def __init__(self, name: str, link: ServerLink, collection: Collection, answered: Answered) -> None:
        self.name = name
        self.link = link
        self.calls = Calls(link, self.wake)
        self.calls.methods = {CALL_KNOWN: self._known}
        self._collection = collection
        self._answered = answered
        self._connection: Connection | None = None
        self._free = asyncio.Lock()
        self._came: asyncio.Queue[EventsCame] = asyncio.Queue()
        self._answers: set[asyncio.Task[None]] = set()
        self._cut: Callable[[], None] = lambda: None
        self.deny = 0

    @property
    def linked(self) -> bool:
        return self._connection is not None

    def wake(self) -> None:
        if self._connection:
            self._connection.wake()

    def hang_up(self, code: int, reason: str) -> None:
        if self._connection:
            self._connection.hang_up(code, reason)

    async def serve(self, socket: web.WebSocketResponse, cut: Callable[[], None]) -> None:
        """Run one connection; an earlier one that is still there gives way."""
        self.hang_up(REPLACED, "the same clientId has dialled in again")
        async with self._free:
            self._cut = cut
            self._came = asyncio.Queue()
            self.link.connected(_now())
            self._connection = Connection(socket, self.link, self._act, _now)
            taking = asyncio.create_task(self._take_events(), name=f"link events {self.name}")
            try:
                why = await self._connection.run()
                _log.info("agent %s left: %s", self.name, why)
            finally:
                self._connection = None
                for task in (taking, *self._answers):
                    task.cancel()
                await asyncio.gather(taking, *self._answers, return_exceptions=True)
                for action in self.link.lost(_now()):
                    self._act(action)

    async def close(self) -> None:
        self.hang_up(GOING_AWAY, "the server stops")
        await self.calls.close()

    async def _known(self, params: Any) -> Any:
        return known_rows(self._collection.known(read_asked(params)))

    def _act(self, action: Action) -> None:
        if isinstance(action, Greeted):
            hello = action.hello
            _log.info("agent %s has dialled in: %s", self.name, hello.software)
            held = {key: self._collection.ledger.held(*key) for key in hello.open}
            self.link.welcome(held, _now())
            self.wake()
        elif isinstance(action, EventsCame):
            self._came.put_nowait(action)
        elif isinstance(action, TasksAnswered):
            self._answered(action.references, action.answers)
        elif isinstance(action, Called | Replied):
            self.calls.act(action)

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
                self.deny = fault.status
                self._cut()
                return
            if fault.status:
                passing = is_passing(fault.status)
                wait = (retry_after(fault.retry_after, datetime.now(UTC)) or 0.0) if passing else None
                message = f"answered {fault.status} on command"
                self.link.refuse(came.ticket, "fault", message, _now(), retry_after=wait)
                self.wake()
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
            self.link.keep(came.ticket, held, _now())
        else:
            message = f"held up to seq {held}, so the events up to {last} do not follow"
            self.link.refuse(came.ticket, "out-of-order", message, _now(), retry_after=1.0)
        self.wake()


class Hub:
    """The agents that dial in, by clientId.

    Args:
        collection: where events go.
        answered: called with the taskIds of tasks that were handed over, and what the agent answered.
        linked: called with the clientId of an agent that has dialled in.
        heartbeat: seconds within which this end says something, whatever.
    """

    def __init__(
        self,
        collection: Collection,
        answered: Answered,
        linked: Callable[[str], None],
        *,
        heartbeat: float = HEARTBEAT_S,
    ) -> None:
        self._collection = collection
        self._answered = answered
        self._linked = linked
        self._heartbeat = heartbeat
        self._agents: dict[str, _Agent] = {}

    def knows(self, client_id: str) -> bool:
        """Whether an agent of this name has ever dialled in."""
        return client_id in self._agents

    def hand_over(self, client_id: str, items: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Hand tasks to an agent that is known; while it is away they wait."""
        agent = self._agents[client_id]
        agent.link.hand_over(items, _now())
        agent.wake()

    async def call(self, client_id: str, method: str, params: Any, timeout_s: float) -> Any:
        """Call an agent, and give its result.

        Raises:
            TemporaryError: it is not linked, or no reply came in time.
            PermanentError: its reply is an error.
        """
        agent = self._agents.get(client_id)
        if agent is None:
            raise TemporaryError(f"no agent {client_id} has dialled in")
        return await agent.calls.ask(method, params, timeout_s)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The handler of the link's path.

        Raises:
            web.HTTPBadRequest: the URL names no agent.
        """
        client_id = request.query.get("clientId", "")
        if not client_id:
            raise web.HTTPBadRequest(reason="the URL must end in ?clientId=NAME")
        agent = self._agents.get(client_id)
        if agent is not None and agent.deny:
            status, agent.deny = agent.deny, 0
            return refusal(status, "fault", "answered so on command")
        socket = web.WebSocketResponse(max_msg_size=MAX_FRAME, timeout=CLOSE_S, compress=False)
        await socket.prepare(request)
        agent = self._agents.get(client_id)
        if agent is None:
            link = ServerLink(software=f"translator-stand-in/{__version__}", heartbeat_s=self._heartbeat)
            agent = self._agents[client_id] = _Agent(client_id, link, self._collection, self._answered)
        self._linked(client_id)

        def cut() -> None:
            if request.transport is not None:
                request.transport.abort()

        await agent.serve(socket, cut)
        return socket

    async def close(self) -> None:
        """Hang up on everyone."""
        await asyncio.gather(*(agent.close() for agent in self._agents.values()))


def _now() -> float:
    return asyncio.get_running_loop().time()
