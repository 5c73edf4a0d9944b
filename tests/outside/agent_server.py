"""agent-server's part, written from docs/protocol.md alone.

It keeps every event that it is sent, answers as it is told, and notes whatever breaks the protocol's rules
at the moment it comes. What a whole attempt says is judged in `judge.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

Json = dict[str, Any]

FINAL = ("Succeeded", "Failed", "Error", "Cancelled", "TimedOut")
EVENTS = "/api/v1/agent/task/events"
LINK = "/api/v1/agent/link"
NGINX_LIMIT = 1024 * 1024
"""What nginx lets through unless it is told otherwise."""


@dataclass(frozen=True)
class Answer:
    """How a request with events is answered.

    Attributes:
        status: of HTTP; anything but 200 keeps no event.
        retry_after: the header.
        hang: seconds before anything is said.
        cut: "before" or "after" the events were kept, the connection is cut instead of an answer.
    """

    status: int = 200
    retry_after: str = ""
    hang: float = 0.0
    cut: str = ""


def is_final(event: Mapping[str, Any]) -> bool:
    return event["kind"] == "status" and event["phase"] in FINAL


@dataclass
class Attempt:
    """What is held of one attempt, in order of `seq`, which begins at 1."""

    events: list[Json] = field(default_factory=list)

    @property
    def final(self) -> Json | None:
        return next((event for event in self.events if is_final(event)), None)


class AgentServer:
    """Takes events over HTTP and over the link, and keeps them.

    Attributes:
        attempts: what is held, by taskId and attempt.
        breaches: what broke a rule of the protocol, in words.
        bodies: every request or frame with events, as it came.
        limit: a request of more bytes is answered 413 without being read, as nginx does.
        always: how requests are answered that `next` has no answer for.
        links: the WebSockets that are open, by replica.
    """

    def __init__(self) -> None:
        self.attempts: dict[tuple[str, int], Attempt] = {}
        self.breaches: list[str] = []
        self.bodies: list[str] = []
        self.limit = NGINX_LIMIT
        self.always = Answer()
        self.links: dict[str, web.WebSocketResponse] = {}
        self.tasks: set[str] = set()
        self.url = ""
        self._next: list[Answer] = []
        self._came = asyncio.Condition()
        self._batches: dict[int, asyncio.Future[Json]] = {}
        self._batch = 0

    def next(self, *answers: Answer) -> None:
        """Say how the next requests are answered, each once."""
        self._next.extend(answers)

    def forget(self) -> None:
        """Lose everything, as an agent-server with an empty database."""
        self.attempts.clear()
        self.tasks.clear()

    # ---- tasks

    async def submit(self, service: str, *items: Json) -> list[Json]:
        """Submit a batch to a service over HTTP; returns its answer to each item."""
        self.tasks.update(each["taskId"] for each in items)
        return await post(service + "/api/v1/agent/task/batch", list(items))

    async def hand_over(self, replica: str, *items: Json) -> list[Json]:
        """Submit a batch over the link of a replica."""
        self.tasks.update(each["taskId"] for each in items)
        self._batch += 1
        answered: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._batches[self._batch] = answered
        await self.links[replica].send_json({"type": "tasks", "batch": self._batch, "items": list(items)})
        async with asyncio.timeout(30):
            answers: list[Json] = (await answered)["answers"]
        return answers

    async def wait_for_link(self, count: int, seconds: float = 30) -> None:
        """Wait until so many replicas have dialled in."""
        await self.wait(lambda: len(self.links) >= count, seconds, f"{count} links")

    # ---- what came

    async def wait(self, happened: Callable[[], Any], seconds: float, what: str) -> Any:
        """Wait until what was told makes something true, and return it."""
        try:
            async with asyncio.timeout(seconds), self._came:
                while not (found := happened()):
                    await self._came.wait()
                return found
        except TimeoutError:
            held = [
                f"\n{task}/{attempt} holds {len(kept.events)}, at last {kept.events[-2:]}"
                for (task, attempt), kept in self.attempts.items()
                if task in what
            ]
            raise AssertionError(f"not told in {seconds:g} s: {what}{''.join(held)}") from None

    async def event(self, task_id: str, seconds: float = 60, attempt: int = 1, **wanted: Any) -> Json:
        """Wait for the first event of an attempt that has these fields."""

        def first() -> Json | None:
            for event in self.events(task_id, attempt):
                if all(event.get(name) == value for name, value in wanted.items()):
                    return event
            return None

        found: Json = await self.wait(first, seconds, f"{task_id}/{attempt} {wanted}")
        return found

    async def line(self, task_id: str, text: str, seconds: float = 60, attempt: int = 1) -> None:
        """Wait for a log line."""

        def came() -> bool:
            return any(text in event.get("lines", ()) for event in self.events(task_id, attempt))

        await self.wait(came, seconds, f"{task_id}/{attempt} line {text}")

    async def final(self, task_id: str, seconds: float = 90, attempt: int = 1) -> Json:
        """Wait for an attempt's final status."""

        def ended() -> Json | None:
            kept = self.attempts.get((task_id, attempt))
            return kept.final if kept else None

        found: Json = await self.wait(ended, seconds, f"{task_id}/{attempt} final")
        return found

    def events(self, task_id: str, attempt: int = 1) -> list[Json]:
        kept = self.attempts.get((task_id, attempt))
        return kept.events if kept else []

    def of(self, task_id: str) -> list[int]:
        """The attempts of which something is held."""
        return sorted(attempt for task, attempt in self.attempts if task == task_id)

    # ---- events

    async def _post(self, request: web.Request) -> web.StreamResponse:
        if (request.content_length or 0) > self.limit:
            return web.Response(status=413, text="<html>413 Request Entity Too Large</html>")
        answer = self._next.pop(0) if self._next else self.always
        body = await request.text()
        await asyncio.sleep(answer.hang)
        if answer.cut == "before":
            return _cut(request)
        if answer.status != 200:
            headers = {"Retry-After": answer.retry_after} if answer.retry_after else {}
            return web.Response(status=answer.status, text="no", headers=headers)
        self.bodies.append(body)
        brought = json.loads(body)
        held = await self.keep(brought["events"])
        asked = brought.get("ask", [])
        held += [self._row(each["taskId"], each["attempt"]) for each in asked if self._knows(each["taskId"])]
        if answer.cut == "after":
            return _cut(request)
        return web.json_response({"held": held})

    async def keep(self, events: Sequence[Json]) -> list[Json]:
        """Keep what follows on what is held; returns a row for each attempt."""
        for event in events:
            self.breaches.extend(f"{fault}: {event}" for fault in faults(event))
            key = (event["taskId"], event["attempt"])
            kept = self.attempts.setdefault(key, Attempt()).events
            seq, name = event["seq"], f"{key[0]}/{key[1]} seq {event['seq']}"
            if seq <= len(kept):
                if kept[seq - 1] != event:
                    self.breaches.append(f"{name} has two contents: {kept[seq - 1]} and {event}")
            elif seq > len(kept) + 1:
                self.breaches.append(f"{name} came, but {len(kept)} is the last that is held")
            else:
                if kept and is_final(kept[-1]):
                    self.breaches.append(f"{name} follows the final status: {event}")
                kept.append(event)
        async with self._came:
            self._came.notify_all()
        keys = dict.fromkeys((event["taskId"], event["attempt"]) for event in events)
        return [self._row(*key) for key in keys]

    def _knows(self, task_id: str) -> bool:
        return task_id in self.tasks or bool(self.of(task_id))

    def _row(self, task_id: str, attempt: int) -> Json:
        kept = self.attempts.get((task_id, attempt), Attempt())
        row: Json = {"taskId": task_id, "attempt": attempt, "seq": len(kept.events)}
        return row | {"phase": kept.final["phase"]} if kept.final else row

    # ---- the link

    async def _link(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=64 << 20)
        await socket.prepare(request)
        hello = await socket.receive_json()
        assert hello["type"] == "hello", hello
        replica = hello.get("replica", "")
        if replica in self.links:
            await self.links[replica].close(code=4409)
        self.links[replica] = socket
        open_attempts = [self._row(each["taskId"], each["attempt"]) for each in hello["open"]]
        greeting = {"type": "hello", "version": 1, "software": "outside/1", "heartbeatSeconds": 5}
        more = {"capabilities": ["tasks", "events", "calls"], "rowLimit": 1000}
        window = {"window": {"events": 4096, "bytes": 8388608}}
        await socket.send_json(greeting | more | window | {"held": open_attempts})
        async with self._came:
            self._came.notify_all()
        beat = asyncio.create_task(_beat(socket))
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    await self._frame(request, socket, message.data)
        finally:
            beat.cancel()
            if self.links.get(replica) is socket:
                del self.links[replica]
        return socket

    async def _frame(self, request: web.Request, socket: web.WebSocketResponse, text: str) -> None:
        frame = json.loads(text)
        match frame["type"]:
            case "events":
                answer = self._next.pop(0) if self._next else self.always
                await asyncio.sleep(answer.hang)
                if answer.status != 200:
                    first = frame["events"][0]
                    refusal = {"taskId": first["taskId"], "attempt": first["attempt"], "code": "no"}
                    again = {"retryAfter": float(answer.retry_after)} if answer.retry_after else {}
                    await socket.send_json({"type": "refused", "message": "no"} | refusal | again)
                    return
                self.bodies.append(text)
                held = [] if answer.cut == "before" else await self.keep(frame["events"])
                if answer.cut:
                    _cut(request)
                else:
                    await socket.send_json({"type": "held", "held": held})
            case "answers":
                self._batches.pop(frame["batch"]).set_result(frame)
            case "call" if frame["method"] == "held":
                asked = frame["params"]["ask"]
                rows = [
                    self._row(each["taskId"], each["attempt"])
                    for each in asked
                    if self._knows(each["taskId"])
                ]
                await socket.send_json({"type": "reply", "call": frame["call"], "result": {"held": rows}})

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[AgentServer]:
        """Listen on loopback, on a port that stays the same until the end."""
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post(EVENTS, self._post)
        app.router.add_get(LINK, self._link)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            for socket in list(self.links.values()):
                await socket.close(code=1001)
            await runner.cleanup()


async def post(url: str, body: Any) -> Any:
    """POST JSON; whatever is not 200 is an error that says what came."""
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
        assert answer.status == 200, f"{answer.status} {await answer.text()}"
        return await answer.json()


async def _beat(socket: web.WebSocketResponse) -> None:
    with contextlib.suppress(ConnectionError):
        while not socket.closed:
            await asyncio.sleep(2)
            await socket.send_json({"type": "heartbeat"})


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


_FIELDS: Mapping[str, Mapping[str, type]] = {
    "status": {"phase": str},
    "step": {"name": str, "phase": str},
    "log": {"step": str, "lines": list},
    "gap": {"step": str, "why": str},
}
_PHASES = {
    "status": ("Pending", "Running", *FINAL),
    "step": ("Pending", "Running", "Succeeded", "Failed", "Skipped"),
}


def faults(event: Json) -> list[str]:
    """What an event lacks of docs/protocol.md. Fields that are not known are none of it."""
    found = []
    common: Mapping[str, type] = {"taskId": str, "agentId": str, "attempt": int, "seq": int, "time": str}
    for name, kind in {**common, **_FIELDS.get(event.get("kind", ""), {"kind of these": str})}.items():
        if not isinstance(event.get(name), kind):
            found.append(f"{name} is no {kind.__name__}")
    phases = _PHASES.get(event.get("kind", ""))
    if phases and event.get("phase") not in phases:
        found.append(f"phase is none of {phases}")
    if (
        event.get("kind") == "status"
        and event.get("phase") in FINAL
        and not isinstance(event.get("steps"), list)
    ):
        found.append("a final status without steps")
    return found
