"""What the stand-in answers over HTTP: tasks, events and calls that come, logs and faults that are asked for.

Speaks agent-server's public API as the seed shows it, and the translator's own events protocol
(docs/protocol.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import web

from translator.agent_server.answering import cut, read_json, refusal
from translator.agent_server.collection import Collection
from translator.agent_server.faults import Fault, parse_faults
from translator.agent_server.json_text import parse_json
from translator.agent_server.link.hub import Hub
from translator.agent_server.link.visit import Item
from translator.agent_server.protocol import (
    BATCH_PATH,
    CALL_PATH,
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
from translator.agent_server.protocol.frames import CALL_TASK
from translator.errors import PermanentError, TemporaryError

CALL_S: Final = 30.0
"""Seconds that an agent may take for a call."""

Route = Callable[[Sequence[tuple[str, Item]]], None]
"""Sees to it that tasks, each with its agent's name, come to their agents."""


class StandInApi:
    """The stand-in's routes, but for the one of the link.

    Args:
        collection: where events go.
        hub: the links, over which calls go.
        route: told of the tasks that come.
        events_path: where events are taken.
    """

    def __init__(self, collection: Collection, hub: Hub, route: Route, events_path: str) -> None:
        self._collection = collection
        self._hub = hub
        self._route = route
        self._events_path = events_path

    def routes(self) -> list[web.RouteDef]:
        """For an application that turns what a handler raises into an answer (`json_errors`)."""
        return [
            web.post(BATCH_PATH, self._take_tasks),
            web.post(self._events_path, self._take_events),
            web.post(CALL_PATH, self._call),
            web.get(LOG_PATH, self._show_log),
            web.get("/violations", self._show_violations),
            web.post("/faults", self._add_faults),
            web.delete("/faults", self._clear_faults),
        ]

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
        fault = self._collection.faults.take() or Fault()
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

    async def _show_log(self, request: web.Request) -> web.Response:
        log_id = request.query.get("task_id", "")
        log = self._collection.ledger.log(log_id)
        if log is None:
            return refusal(404, "not-found", f"no log is held of {log_id!r}; task_id is taskId---agentId")
        return web.json_response(log)

    async def _show_violations(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"violations": [each.as_json() for each in self._collection.ledger.violations]}
        )

    async def _add_faults(self, request: web.Request) -> web.Response:
        self._collection.faults.add(*parse_faults(parse_json(await read_json(request))))
        return web.Response(status=204)

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._collection.faults.clear()
        return web.Response(status=204)
