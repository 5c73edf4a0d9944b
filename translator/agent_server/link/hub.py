"""The stand-in's shell of the link: agents dial in, each with as many processes as it has."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from translator import __version__
from translator.agent_server.answering import refusal
from translator.agent_server.collection import Collection
from translator.agent_server.link.connection import CLOSE_S
from translator.agent_server.link.machine import GOING_AWAY, HEARTBEAT_S, REPLACED
from translator.agent_server.link.server import ServerLink
from translator.agent_server.link.visit import Item, Visit
from translator.agent_server.protocol.frames import MAX_FRAME
from translator.errors import TemporaryError

Answered = Callable[[Sequence[str], Sequence[Mapping[str, Any]]], None]


class _Agent:
    """One agent: the tasks that wait for it, and its processes, any of which may have them.

    Only one of them has tasks that are not answered, so that a task comes before what revokes it.
    """

    def __init__(self, answered: Answered) -> None:
        self._answered = answered
        self._waiting: deque[Item] = deque()
        self._given: deque[Item] = deque()
        self._busy: Visit | None = None
        self.visits: list[Visit] = []
        self.deny = 0

    def hand_over(self, items: Sequence[Item]) -> None:
        self._waiting.extend(items)
        self._pump()

    def willing(self) -> Visit:
        """The process that takes the next call or tasks; they take turns.

        Raises:
            TemporaryError: there is none.
        """
        visit = next((visit for visit in self.visits if visit.willing), None)
        if visit is None:
            raise TemporaryError("no process of the agent is linked")
        self.visits.remove(visit)
        self.visits.append(visit)
        return visit

    def greeted(self, visit: Visit) -> None:
        for other in self.visits:
            if other is not visit and other.willing and other.replica == visit.replica:
                other.hang_up(REPLACED, "the same process has dialled in again")
                self._take_back(other)
        self._pump()

    def denies(self, status: int) -> None:
        self.deny = status

    def drains(self, visit: Visit) -> None:
        self._take_back(visit)

    def answered(self, visit: Visit, references: Sequence[str], answers: Sequence[Mapping[str, Any]]) -> None:
        self._answered(references, answers)
        if visit is self._busy:
            for _ in references:
                self._given.popleft()
            if not self._given:
                self._busy = None
                self._pump()

    def left(self, visit: Visit) -> None:
        self.visits.remove(visit)
        self._take_back(visit)

    def _take_back(self, visit: Visit) -> None:
        if visit is self._busy:
            visit.withdraw()
            self._waiting.extendleft(reversed(self._given))
            self._given.clear()
            self._busy = None
        self._pump()

    def _pump(self) -> None:
        if self._busy is None and self._waiting and any(visit.willing for visit in self.visits):
            self._busy = self.willing()
            self._given, self._waiting = self._waiting, deque()
            self._busy.hand_over(list(self._given))


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
        """Hand tasks to an agent that is known; while all its processes are away they wait."""
        self._agents[client_id].hand_over(items)

    async def call(self, client_id: str, method: str, params: Any, timeout_s: float) -> Any:
        """Call one of an agent's processes, and give its result.

        Raises:
            TemporaryError: none is linked, or no reply came in time.
            PermanentError: its reply is an error.
        """
        agent = self._agents.get(client_id)
        if agent is None:
            raise TemporaryError(f"no agent {client_id} has dialled in")
        return await agent.willing().calls.ask(method, params, timeout_s)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The handler of the link's path.

        Raises:
            web.HTTPBadRequest: the URL names no agent.
        """
        client_id = request.query.get("clientId", "")
        if not client_id:
            raise web.HTTPBadRequest(reason="the URL must end in ?clientId=NAME")
        agent = self._agents.setdefault(client_id, _Agent(self._answered))
        if agent.deny:
            status, agent.deny = agent.deny, 0
            return refusal(status, "fault", "answered so on command")
        socket = web.WebSocketResponse(max_msg_size=MAX_FRAME, timeout=CLOSE_S, compress=False)
        await socket.prepare(request)
        self._linked(client_id)

        def cut() -> None:
            if request.transport is not None:
                request.transport.abort()

        link = ServerLink(software=f"translator-stand-in/{__version__}", heartbeat_s=self._heartbeat)
        visit = Visit(client_id, link, self._collection, agent, socket, cut)
        agent.visits.append(visit)
        try:
            await visit.run()
        finally:
            agent.left(visit)
        return socket

    async def close(self) -> None:
        """Hang up on everyone."""
        for agent in self._agents.values():
            for visit in agent.visits:
                visit.hang_up(GOING_AWAY, "the server stops")
