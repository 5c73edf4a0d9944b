"""Agent-server's part, for trials and tests: takes tasks, hands them to the translator, collects events.

It speaks HTTP (`translator.agent_server.stand_in_api`) and the link. Everything is kept in memory.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, Self

from aiohttp import web

from translator.agent_server.answering import json_errors, no_server_header, refusal
from translator.agent_server.collection import Collection
from translator.agent_server.faults import Faults
from translator.agent_server.handover import Handover
from translator.agent_server.ledger import Ledger, Violation, is_final
from translator.agent_server.link.hub import Hub
from translator.agent_server.link.machine import HEARTBEAT_S
from translator.agent_server.link.visit import Item
from translator.agent_server.protocol import EVENTS_PATH
from translator.agent_server.protocol.frames import LINK_PATH
from translator.agent_server.stand_in_api import StandInApi

MAX_BODY: Final = 64 * 1024 * 1024


class StandIn:
    """Serves from `start` to `close`, or as an async context.

    Args:
        host: where to listen.
        port: 0 chooses a free one; see `url`.
        agent: the translator's address, to which tasks are handed; may be set later (`agent`).
        events_path: where events are taken.
        token: the bearer token that is asked of everyone, and shown to the agent; empty: none.
        heartbeat: seconds within which something is said on every link.

    Attributes:
        token: asked of everyone from now on.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        agent: str = "",
        events_path: str = EVENTS_PATH,
        token: str = "",
        heartbeat: float = HEARTBEAT_S,
    ) -> None:
        self._collection = Collection()
        self._host = host
        self._port = port
        self.token = token
        self._handover = Handover(agent, token)
        self._hub = Hub(self._collection, self._note_answers, self._flush, heartbeat=heartbeat)
        self._waiting: dict[str, list[Item]] = {}
        app = web.Application(client_max_size=MAX_BODY, middlewares=[json_errors, self._guard])
        app.add_routes(StandInApi(self._collection, self._hub, self._route, events_path).routes())
        app.router.add_get(LINK_PATH, self._hub.serve)
        app.on_response_prepare.append(no_server_header)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Begin to listen and to hand over.

        Raises:
            OSError: the address cannot be listened on.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        self._handover.start()

    async def close(self) -> None:
        """Stop. Whoever waits for events gets the end."""
        self._collection.close()
        await self._hub.close()
        await self._handover.close()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The address that it listens on."""
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def agent(self) -> str:
        """The translator's address; tasks wait while it is empty."""
        return self._handover.agent

    @agent.setter
    def agent(self, url: str) -> None:
        self._handover.agent = url
        for items in self._waiting.values() if url else ():
            self._handover.add(items)
        if url:
            self._waiting.clear()

    @property
    def link(self) -> str:
        """The address at which agents dial in; ``?clientId=NAME`` is to be appended."""
        return f"ws{self.url.removeprefix('http')}{LINK_PATH}"

    @property
    def ledger(self) -> Ledger:
        """The events held and the violations of the contract."""
        return self._collection.ledger

    @ledger.setter
    def ledger(self, ledger: Ledger) -> None:
        self._collection.ledger = ledger

    @property
    def faults(self) -> Faults:
        """What happens to the next batches of events."""
        return self._collection.faults

    def events(self, after: int = 0) -> AsyncIterator[Mapping[str, Any]]:
        """Every event held, once, in order of arrival: those there are, then those to come, until `close`.

        Args:
            after: how many of the first to leave out.
        """
        return self._collection.events.follow(after)

    async def final(self, task_id: str, attempt: int = 1) -> Mapping[str, Any]:
        """Wait for an attempt's final status.

        Raises:
            EOFError: the stand-in was closed before it came.
        """
        return await self._collection.events.first(
            lambda event: event["taskId"] == task_id and event["attempt"] == attempt and is_final(event)
        )

    def violations(self) -> AsyncIterator[Violation]:
        """What breaks the contract, as `events` does."""
        return self._collection.violations.follow()

    def answers(self, after: int = 0) -> AsyncIterator[Mapping[str, Any]]:
        """What the agent answers about tasks (`protocol.Answer` as JSON), as `events` does."""
        return self._handover.answers.follow(after)

    async def answer(self, task_id: str) -> Mapping[str, Any]:
        """Wait for what the agent first answers about a task.

        Raises:
            EOFError: the stand-in was closed before it answered.
        """
        return await self._handover.answers.first(lambda answer: answer.get("taskId") == task_id)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
        token = self.token.encode()
        if token and not secrets.compare_digest(shown, token):
            return refusal(401, "unauthorized", "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
        response: web.StreamResponse = await handler(request)
        return response

    def _route(self, tasks: Sequence[tuple[str, Item]]) -> None:
        """Each over the link of its agent; else to the agent at an address; else it waits for either."""
        linked: dict[str, list[Item]] = {}
        posted: list[Item] = []
        for agent_id, item in tasks:
            if self._hub.knows(agent_id):
                linked.setdefault(agent_id, []).append(item)
            elif self.agent:
                posted.append(item)
            else:
                self._waiting.setdefault(agent_id, []).append(item)
        for agent_id, items in linked.items():
            self._hub.hand_over(agent_id, items)
        self._handover.add(posted)

    def _flush(self, client_id: str) -> None:
        if items := self._waiting.pop(client_id, None):
            self._hub.hand_over(client_id, items)

    def _note_answers(self, task_ids: Sequence[str], answers: Sequence[Mapping[str, Any]]) -> None:
        del task_ids  # each answer says it itself
        self._handover.answers.extend(answers)
