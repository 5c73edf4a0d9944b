"""An API server with thousands of running Workflows that change all the time, in a process of its own.

Run by `watch.py`: ``busy_api.py EVENTS_A_SECOND TOLD_EVERY``. It takes the Workflows that the service creates
and answers what the Argo engine asks while it follows; ``POST /begin?seconds=N`` lets the changes begin. They
go round the Workflows: most change what a controller writes all the time (here the version); every
``TOLD_EVERY``th moves a step on, which agent-server is to be told: the step's ``startedAt`` or ``finishedAt``
is then the moment at which the change is sent, to the microsecond.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

NAMESPACE = "busy"
TICK_S = 0.01
VERSION = b"@version@"
GROUP = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/workflows"
BEFORE = "2026-01-01T00:00:00Z"


class Busy:
    """One Workflow, whose steps start and end one after the other.

    Args:
        created: as the service sent it.
    """

    def __init__(self, created: dict[str, Any]) -> None:
        self._thing = created
        metadata = created["metadata"]
        self.name: str = metadata["name"]
        metadata |= {
            "uid": str(uuid.uuid4()),
            "resourceVersion": VERSION.decode(),
            "creationTimestamp": BEFORE,
        }
        metadata["managedFields"] = [
            {
                "manager": "workflow-controller",
                "operation": "Update",
                "fieldsV1": {"f:status": {"f:nodes": {}}},
            }
        ]
        self._steps = [task["name"] for task in created["spec"]["templates"][0]["dag"]["tasks"]]
        self._moves = 0
        root = {"id": self.name, "name": self.name, "displayName": self.name, "templateName": "task"}
        nodes = {self.name: root | {"type": "DAG", "phase": "Running", "startedAt": BEFORE}}
        nodes |= {f"{self.name}-{n}": self._node(step, n) for n, step in enumerate(self._steps)}
        created["status"] = {
            "phase": "Running",
            "progress": f"0/{len(self._steps)}",
            "startedAt": BEFORE,
            "nodes": nodes,
        }
        self.text = _dump(created)

    def move(self) -> bool:
        """Let the step that runs end, or the next one start; whether there was anything left to move."""
        number, ends = divmod(self._moves, 2)
        if number == len(self._steps):
            return False
        self._moves += 1
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        node = self._thing["status"]["nodes"][f"{self.name}-{number}"]
        node |= {"phase": "Succeeded", "finishedAt": now} if ends else {"phase": "Running", "startedAt": now}
        self.text = _dump(self._thing)
        return True

    def _node(self, step: str, number: int) -> dict[str, Any]:
        return {
            "id": f"{self.name}-{number}",
            "name": f"{self.name}.{step}",
            "displayName": step,
            "type": "Pod",
            "boundaryID": self.name,
            "templateName": step,
            "templateScope": f"local/{self.name}",
            "phase": "Pending",
            "startedAt": BEFORE,
            "inputs": {"parameters": [{"name": "context", "value": "141 142 143 " * 20}]},
        }


class BusyApi:
    """Serves the Workflows.

    Args:
        rate: events a second.
        told_every: how many events there are to one that moves a step on.
    """

    def __init__(self, rate: int, told_every: int) -> None:
        self._rate = rate
        self._told_every = told_every
        self._begin = asyncio.Event()
        self._seconds = 0.0
        self._version = 1000
        self._told = {"sent": 0, "moved": 0, "asked": 0, "watches": 0, "behind": 0}
        self._held: dict[str, Busy] = {}

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=8 << 20)
        app.router.add_get(GROUP, self._workflows)
        app.router.add_post(GROUP, self._create)
        app.router.add_get(GROUP + "/{name}", self._workflow)
        app.router.add_get("/told", self._tell)
        app.router.add_get("/{tail:.*}", self._others)
        app.router.add_post("/begin", self._start)
        return app

    async def _start(self, request: web.Request) -> web.Response:
        self._seconds = float(request.query["seconds"])
        self._begin.set()
        return web.Response()

    async def _tell(self, _: web.Request) -> web.Response:
        size = len(next(iter(self._held.values())).text) if self._held else 0
        return web.json_response(self._told | {"size": size})

    async def _create(self, request: web.Request) -> web.Response:
        made = Busy(await request.json())
        self._held[made.name] = made
        return _json(self._now(made.text), status=201)

    async def _workflows(self, request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return await self._watch(request)
        start = int(request.query.get("continue", "0"))
        end = start + int(request.query.get("limit", "500"))
        more = f',"continue":"{end}"' if end < len(self._held) else ""
        items = b",".join(self._now(thing.text) for thing in list(self._held.values())[start:end])
        metadata = f'{{"resourceVersion":"{self._version}"{more}}}'.encode()
        return _json(b'{"kind":"List","metadata":' + metadata + b',"items":[' + items + b"]}")

    async def _workflow(self, request: web.Request) -> web.Response:
        self._told["asked"] += 1
        return _json(self._now(self._held[request.match_info["name"]].text))

    async def _others(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            self._told["asked"] += "labelSelector" in request.query and "limit" not in request.query
            return _json(b'{"kind":"List","metadata":{"resourceVersion":"1"},"items":[]}')
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(float(request.query["timeoutSeconds"]))
        return response

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        self._told["watches"] += 1
        await self._begin.wait()
        all_of_them = list(self._held.values())
        start, sent = time.monotonic(), 0
        while (passed := time.monotonic() - start) < self._seconds:
            due = int(passed * self._rate)
            if due > sent:
                events = (self._event(n, all_of_them[n % len(all_of_them)]) for n in range(sent, due))
                await response.write(b"".join(events))
                self._told["behind"] = max(self._told["behind"], due - sent)
                self._told["sent"] = sent = due
            await asyncio.sleep(TICK_S)
        await asyncio.sleep(float(request.query["timeoutSeconds"]))
        return response

    def _event(self, number: int, thing: Busy) -> bytes:
        turn = number // len(self._held)
        if (number + turn) % self._told_every == 0 and thing.move():
            self._told["moved"] += 1
        return b'{"type":"MODIFIED","object":' + self._now(thing.text) + b"}\n"

    def _now(self, text: bytes) -> bytes:
        self._version += 1
        return text.replace(VERSION, b"%d" % self._version)


def _dump(thing: Mapping[str, Any]) -> bytes:
    return json.dumps(thing, separators=(",", ":")).encode()


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


async def _main(rate: int, told_every: int) -> None:
    runner = web.AppRunner(BusyApi(rate, told_every).app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    print(f"listening on http://{host}:{port}", file=sys.stderr, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2])))
