"""Agent-server's part, for trials and tests: takes tasks, hands them to the translator, collects events.

Speaks agent-server's public API as the seed shows it, and the translator's own events protocol
(docs/protocol.md). Everything is kept in memory.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Self

from aiohttp import web

from translator.agent_server.faults import Fault, Faults, parse_faults
from translator.agent_server.feed import Feed
from translator.agent_server.handover import Handover
from translator.agent_server.json_text import MalformedError, parse_json
from translator.agent_server.ledger import Ledger, Violation, is_final
from translator.agent_server.protocol import (
    BATCH_PATH,
    ERROR_CODES,
    EVENTS_PATH,
    LOG_PATH,
    Answer,
    Refusal,
    TaskItem,
    encode_held,
    error_body,
    parse_batch,
    parse_events,
)

MAX_BODY: Final = 64 * 1024 * 1024


class StandIn:
    """Serves from `start` to `close`, or as an async context.

    Args:
        host: where to listen.
        port: 0 chooses a free one; see `url`.
        agent: the translator's address, to which tasks are handed; may be set later (`agent`).
        events_path: where events are taken.
        token: the bearer token that is asked of everyone, and shown to the agent; empty: none.

    Attributes:
        ledger: the events held and the violations of the contract.
        faults: what happens to the next POSTs of events.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        agent: str = "",
        events_path: str = EVENTS_PATH,
        token: str = "",
    ) -> None:
        self.ledger = Ledger()
        self.faults = Faults()
        self._host = host
        self._port = port
        self._token = token.encode()
        self._handover = Handover(agent, token)
        self._events: Feed[Mapping[str, Any]] = Feed()
        self._violations: Feed[Violation] = Feed()
        app = web.Application(client_max_size=MAX_BODY, middlewares=[_json_errors, self._guard])
        app.router.add_post(BATCH_PATH, self._take_tasks)
        app.router.add_post(events_path, self._take_events)
        app.router.add_get(LOG_PATH, self._show_log)
        app.router.add_get("/violations", self._show_violations)
        app.router.add_post("/faults", self._add_faults)
        app.router.add_delete("/faults", self._clear_faults)
        app.on_response_prepare.append(_no_server_header)
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
        self._events.close()
        self._violations.close()
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

    def events(self, after: int = 0) -> AsyncIterator[Mapping[str, Any]]:
        """Every event held, once, in order of arrival: those there are, then those to come, until `close`.

        Args:
            after: how many of the first to leave out.
        """
        return self._events.follow(after)

    async def final(self, task_id: str, attempt: int = 1) -> Mapping[str, Any]:
        """Wait for an attempt's final status.

        Raises:
            EOFError: the stand-in was closed before it came.
        """
        return await self._events.first(
            lambda event: event["taskId"] == task_id and event["attempt"] == attempt and is_final(event)
        )

    def violations(self) -> AsyncIterator[Violation]:
        """What breaks the contract, as `events` does."""
        return self._violations.follow()

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
        if self._token and not secrets.compare_digest(shown, self._token):
            return _error(401, "unauthorized", "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
        response: web.StreamResponse = await handler(request)
        return response

    async def _take_tasks(self, request: web.Request) -> web.Response:
        data = parse_json(await _read_json(request))
        entries = parse_batch(data)
        assert isinstance(data, list)
        pairs = zip(data, entries, strict=True)
        self._handover.add([(entry.task_id, raw) for raw, entry in pairs if isinstance(entry, TaskItem)])
        answers = [
            entry.answer() if isinstance(entry, Refusal) else Answer(entry.task_id, "accepted")
            for entry in entries
        ]
        return web.json_response([answer.as_json() for answer in answers])

    async def _take_events(self, request: web.Request) -> web.StreamResponse:
        body = await _read_json(request)
        fault = self.faults.take() or Fault()
        await asyncio.sleep(fault.delay)
        if fault.drop == "before":
            return _cut(request)
        if fault.status:
            headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            return _error(fault.status, "fault", "answered so on command", headers)
        held = self.ledger.take(parse_events(body))
        self._events.extend(self.ledger.kept[len(self._events.items) :])
        self._violations.extend(self.ledger.violations[len(self._violations.items) :])
        if fault.drop == "after":
            return _cut(request)
        return web.Response(body=encode_held(held), content_type="application/json")

    async def _show_log(self, request: web.Request) -> web.Response:
        log_id = request.query.get("task_id", "")
        log = self.ledger.log(log_id)
        if log is None:
            return _error(404, "not-found", f"no log is held of {log_id!r}; task_id is taskId---agentId")
        return web.json_response(log)

    async def _show_violations(self, _: web.Request) -> web.Response:
        return web.json_response({"violations": [each.as_json() for each in self.ledger.violations]})

    async def _add_faults(self, request: web.Request) -> web.Response:
        self.faults.add(*parse_faults(parse_json(await _read_json(request))))
        return web.Response(status=204)

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self.faults.clear()
        return web.Response(status=204)


async def _read_json(request: web.Request) -> bytes:
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(reason="Content-Type must be application/json")
    return await request.read()


@web.middleware
async def _json_errors(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except MalformedError as error:
        return _error(400, error.code, error.message)
    except web.HTTPException as error:
        code = ERROR_CODES.get(error.status, "http-error")
        headers = {name: value for name, value in error.headers.items() if name == "Allow"}
        return _error(error.status, code, f"{request.method} {request.path}: {error.reason}", headers)
    return response


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response(error_body(code, message), status=status, headers=headers)


def _cut(request: web.Request) -> web.Response:
    """End the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _no_server_header(_: web.Request, response: web.StreamResponse) -> None:
    # aiohttp would tell its version and Python's
    response.headers.pop("Server", None)
