"""Agent-server's part, for trials and tests: takes tasks, hands them to the translator, collects events.

Speaks agent-server's public API as the seed shows it, and the translator's own events protocol
(docs/protocol.md). Everything is kept in memory.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, Self

from aiohttp import web

from translator.agent_server.answering import cut, json_errors, no_server_header, read_json, refusal
from translator.agent_server.collection import Collection
from translator.agent_server.faults import Fault, Faults, parse_faults
from translator.agent_server.handover import Handover
from translator.agent_server.json_text import parse_json
from translator.agent_server.ledger import Ledger, Violation, is_final
from translator.agent_server.link.hub import Hub
from translator.agent_server.link.machine import HEARTBEAT_S
from translator.agent_server.protocol import (
    BATCH_PATH,
    CALL_PATH,
    EVENTS_PATH,
    LOG_PATH,
    Answer,
    Refusal,
    TaskItem,
    encode_held,
    encode_known,
    parse_batch,
    parse_events,
    parse_question,
)
from translator.agent_server.protocol.frames import CALL_TASK, LINK_PATH
from translator.errors import PermanentError, TemporaryError

MAX_BODY: Final = 64 * 1024 * 1024

CALL_S: Final = 30.0
"""Seconds that an agent may take for a call."""

Item = tuple[str, Mapping[str, Any]]
"""A task's id, and the task as it came."""


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
        app.router.add_post(BATCH_PATH, self._take_tasks)
        app.router.add_post(events_path, self._take_events)
        app.router.add_get(LINK_PATH, self._hub.serve)
        app.router.add_post(CALL_PATH, self._call)
        app.router.add_get(LOG_PATH, self._show_log)
        app.router.add_get("/violations", self._show_violations)
        app.router.add_post("/faults", self._add_faults)
        app.router.add_delete("/faults", self._clear_faults)
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

    async def _take_tasks(self, request: web.Request) -> web.Response:
        data = parse_json(await read_json(request))
        entries = parse_batch(data)
        assert isinstance(data, list)
        self._collection.hand_out(entry.task_id for entry in entries if isinstance(entry, TaskItem))
        pairs = zip(data, entries, strict=True)
        self._route(
            [(entry.agent_id, (entry.task_id, raw)) for raw, entry in pairs if isinstance(entry, TaskItem)]
        )
        answers = [
            entry.answer() if isinstance(entry, Refusal) else Answer(entry.task_id, "accepted")
            for entry in entries
        ]
        return web.json_response([answer.as_json() for answer in answers])

    async def _take_events(self, request: web.Request) -> web.StreamResponse:
        body = await read_json(request)
        if asked := parse_question(body):
            return web.Response(
                body=encode_known(self._collection.known(asked)), content_type="application/json"
            )
        fault = self.faults.take() or Fault()
        await asyncio.sleep(fault.delay)
        if fault.drop == "before":
            return cut(request)
        if fault.status:
            headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            return refusal(fault.status, "fault", "answered so on command", headers)
        held = self._collection.take(parse_events(body), fault)
        await self._collection.turn(fault)
        if fault.drop == "after":
            return cut(request)
        return web.Response(body=encode_held(held), content_type="application/json")

    async def _call(self, request: web.Request) -> web.Response:
        item = parse_json(await read_json(request))
        entry = parse_batch([item])[0]
        if isinstance(entry, Refusal):
            return web.json_response(entry.answer().as_json())
        try:
            return web.json_response(await self._hub.call(entry.agent_id, CALL_TASK, item, CALL_S))
        except TemporaryError as error:
            return refusal(503, "unavailable", error.message)
        except PermanentError as error:
            return refusal(502, "call-failed", error.message)

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

    async def _show_log(self, request: web.Request) -> web.Response:
        log_id = request.query.get("task_id", "")
        log = self.ledger.log(log_id)
        if log is None:
            return refusal(404, "not-found", f"no log is held of {log_id!r}; task_id is taskId---agentId")
        return web.json_response(log)

    async def _show_violations(self, _: web.Request) -> web.Response:
        return web.json_response({"violations": [each.as_json() for each in self.ledger.violations]})

    async def _add_faults(self, request: web.Request) -> web.Response:
        self.faults.add(*parse_faults(parse_json(await read_json(request))))
        return web.Response(status=204)

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self.faults.clear()
        return web.Response(status=204)
