"""An API server with thousands of running Workflows that change all the time, in a process of its own.

Run by `watch.py`: ``busy_api.py WORKFLOWS EVENTS_A_SECOND``. It answers what the Argo engine asks while it
follows; ``POST /begin?seconds=N`` lets the changes begin. The time at which an event is sent is in its
``status.message``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator

from aiohttp import web

from translator.service.template import load_template
from translator.task.parse import parse_task
from translator.workflow.options import Options
from translator.workflow.translate import translate

NAMESPACE = "busy"
TICK_S = 0.01
STEPS = 5
MARK = b"@sent-at@"
VERSION = b"@version@"

TASK = "taskSpec:\n  displayName: busy\n  steps:\n" + "".join(
    f"    - name: step-{n}\n      image: library/alpine:latest\n      script: |\n        #!/bin/sh\n"
    f"        codo set-context step={n}\n        echo the context is $(codo get-context step)\n"
    for n in range(STEPS)
)


def workflow(number: int) -> bytes:
    """A running Workflow as a watch tells it, with `MARK` and `VERSION` where every event has its own."""
    task = parse_task(TASK, task_id=f"busy-{number}", namespace=NAMESPACE).task
    assert task is not None
    made = json.loads(json.dumps(_TRANSLATED or _translated(task)))
    name = f"task-busy-{number}"
    made["metadata"] |= {"name": name, "uid": f"uid-{number}", "resourceVersion": VERSION.decode()}
    made["metadata"]["managedFields"] = [
        {"manager": "workflow-controller", "operation": "Update", "fieldsV1": {"f:status": {"f:nodes": {}}}}
    ]
    made["status"] = {
        "phase": "Running",
        "progress": f"0/{STEPS}",
        "message": MARK.decode(),
        "startedAt": "2026-01-01T00:00:00Z",
        "nodes": dict(_nodes(name)),
    }
    return json.dumps(made, separators=(",", ":")).encode()


_TRANSLATED: dict[str, object] = {}


def _translated(task: object) -> dict[str, object]:
    rendered = translate(task, attempt=1, options=Options(), template=load_template())  # type: ignore[arg-type]
    _TRANSLATED.update(rendered.workflow)
    return _TRANSLATED


def _nodes(name: str) -> Iterator[tuple[str, object]]:
    root = {"id": name, "name": name, "displayName": name, "templateName": "task", "phase": "Running"}
    yield name, root | {"type": "DAG", "startedAt": "2026-01-01T00:00:00Z", "children": [f"{name}-0"]}
    for n in range(STEPS):
        yield (
            f"{name}-{n}",
            {
                "id": f"{name}-{n}",
                "name": f"{name}.step-{n}",
                "displayName": f"step-{n}",
                "type": "Pod",
                "boundaryID": name,
                "templateName": f"step-{n}",
                "templateScope": f"local/{name}",
                "phase": "Pending" if n else "Running",
                "startedAt": "2026-01-01T00:00:00Z",
                "inputs": {"parameters": [{"name": "context", "value": "141 142 143 " * 20}]},
            },
        )


class BusyApi:
    """Serves the Workflows.

    Args:
        count: of Workflows.
        rate: events a second.
    """

    def __init__(self, count: int, rate: int) -> None:
        self._rate = rate
        self._begin = asyncio.Event()
        self._seconds = 0.0
        self._version = 1000
        self._sent = self._asked = self._watches = 0
        self._objects = [workflow(number) for number in range(count)]
        self._events = [b'{"type":"MODIFIED","object":' + thing + b"}\n" for thing in self._objects]

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application()
        group = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/workflows"
        app.router.add_get(group, self._workflows)
        app.router.add_get(group + "/task-busy-{number}", self._workflow)
        app.router.add_get("/told", self._tell)
        app.router.add_get("/{tail:.*}", self._others)
        app.router.add_post("/begin", self._start)
        return app

    async def _start(self, request: web.Request) -> web.Response:
        self._seconds = float(request.query["seconds"])
        self._begin.set()
        return web.Response()

    async def _tell(self, _: web.Request) -> web.Response:
        return web.json_response({"sent": self._sent, "asked": self._asked, "watches": self._watches})

    async def _workflows(self, request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return await self._watch(request)
        start = int(request.query.get("continue", "0"))
        end = start + int(request.query.get("limit", "500"))
        more = f',"continue":"{end}"' if end < len(self._objects) else ""
        items = b",".join(self._now(thing) for thing in self._objects[start:end])
        metadata = f'{{"resourceVersion":"{self._version}"{more}}}'.encode()
        return _json(b'{"kind":"List","metadata":' + metadata + b',"items":[' + items + b"]}")

    async def _workflow(self, request: web.Request) -> web.Response:
        self._asked += 1
        return _json(self._now(self._objects[int(request.match_info["number"])]))

    async def _others(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            self._asked += 1
            return _json(b'{"kind":"List","metadata":{"resourceVersion":"1"},"items":[]}')
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(float(request.query["timeoutSeconds"]))
        return response

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        self._watches += 1
        await self._begin.wait()
        start, sent = time.monotonic(), 0
        while (passed := time.monotonic() - start) < self._seconds:
            due = int(passed * self._rate)
            if due > sent:
                numbers = (n % len(self._events) for n in range(sent, due))
                await response.write(b"".join(self._now(self._events[n]) for n in numbers))
                self._sent = sent = due
            await asyncio.sleep(TICK_S)
        await asyncio.sleep(float(request.query["timeoutSeconds"]))
        return response

    def _now(self, thing: bytes) -> bytes:
        self._version += 1
        told = thing.replace(MARK, b"%.6f" % time.time())
        return told.replace(VERSION, b"%d" % self._version)


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


async def _main(count: int, rate: int) -> None:
    runner = web.AppRunner(BusyApi(count, rate).app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    print(f"listening on http://{host}:{port}", file=sys.stderr, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2])))
