"""An API server of one node whose containers print as fast as they are read, in a process of its own.

Run by `loud.py`: ``loud_api.py LINES CERTIFICATE KEY``. It takes a Workflow, lets its pod run, and serves the
pod's log as the real one does: over TLS, each line a chunk and a TLS record of its own. When a follow has got
the whole log, the pod has ended, and the Workflow with it.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from typing import Any

from aiohttp import web

LENGTH = 107
BURST = 500
"""Lines after which others get their turn."""


RATE = 40_000
"""Lines a second, by their times."""


class LoudApi:
    """Serves the Workflows that are created in it.

    Args:
        count: of lines in each log.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._version = 1000
        self._objects: dict[str, dict[str, dict[str, Any]]] = {"workflows": {}, "pods": {}}
        self._told: dict[str, list[bytes]] = {"workflows": [], "pods": []}
        self._changed = asyncio.Condition()
        fill = "x" * (LENGTH - 8)
        self._log = [f"{_time(n)} {n:07} {fill}\n".encode() for n in range(count)]

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application()
        app.router.add_get("/{tail:.*}/pods/{name}/log", self._serve_log)
        app.router.add_get("/{tail:.*}/{resource:workflows|pods}", self._list)
        app.router.add_post("/{tail:.*}/workflows", self._create)
        app.router.add_route("*", "/{tail:.*}/{resource:workflows|pods}/{name}", self._object)
        app.router.add_route("*", "/{tail:.*}", self._other)
        return app

    async def _create(self, request: web.Request) -> web.Response:
        made = await request.json()
        metadata = made["metadata"]
        metadata["uid"] = f"uid-{metadata['name']}"
        await self._put("workflows", made)
        await self._set(metadata["name"], "Running", {"running": {"startedAt": "2026-01-01T00:00:00Z"}})
        return web.json_response(made, status=201)

    async def _set(self, name: str, phase: str, main: dict[str, Any]) -> None:
        workflow = self._objects["workflows"][name]
        step = next(t for t in workflow["spec"]["templates"] if "script" in t)
        node = {"id": f"{name}-1", "displayName": step["name"], "boundaryID": name, "type": "Pod"}
        status = {"name": "main", "containerID": "containerd://1", "state": main}
        pod = {
            "metadata": {
                "name": f"{name}-pod",
                "namespace": workflow["metadata"]["namespace"],
                "uid": f"uid-{name}-pod",
                "labels": {**workflow["metadata"]["labels"], **step["metadata"]["labels"],
                           "workflows.argoproj.io/workflow": name},
                "annotations": {"workflows.argoproj.io/node-id": f"{name}-1"},
                "ownerReferences": [{"uid": workflow["metadata"]["uid"]}],
            },
            "spec": {"containers": [{"name": "main"}, {"name": "wait"}]},
            "status": {"phase": phase, "startTime": "2026-01-01T00:00:00Z", "containerStatuses": [status]},
        }  # fmt: skip
        workflow["status"] = {
            "phase": phase,
            "nodes": {
                name: {"id": name, "name": name, "displayName": name, "type": "DAG", "phase": phase},
                f"{name}-1": node | {"phase": phase, "startedAt": "2026-01-01T00:00:00Z"},
            },
        }
        await self._put("pods", pod)
        await self._put("workflows", workflow)

    async def _put(self, resource: str, thing: dict[str, Any]) -> None:
        self._version += 1
        metadata = thing["metadata"]
        metadata["resourceVersion"] = str(self._version)
        kind = "MODIFIED" if metadata["name"] in self._objects[resource] else "ADDED"
        self._objects[resource][metadata["name"]] = thing
        async with self._changed:
            self._told[resource].append(json.dumps({"type": kind, "object": thing}).encode() + b"\n")
            self._changed.notify_all()

    async def _list(self, request: web.Request) -> web.StreamResponse:
        resource = request.match_info["resource"]
        if "watch" not in request.query:
            items = list(self._objects[resource].values())
            return web.json_response({"metadata": {"resourceVersion": str(self._version)}, "items": items})
        response = web.StreamResponse()
        await response.prepare(request)
        told, sent = self._told[resource], 0
        while True:
            fresh, sent = told[sent:], len(told)
            for line in fresh:
                await response.write(line)
            async with self._changed:
                while len(told) == sent:
                    await self._changed.wait()

    async def _object(self, request: web.Request) -> web.Response:
        found = self._objects[request.match_info["resource"]].get(request.match_info["name"])
        return web.json_response(found) if found else web.json_response({"kind": "Status"}, status=404)

    async def _other(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        body.setdefault("metadata", {}).setdefault("uid", "uid-other")
        return web.json_response(body)

    async def _serve_log(self, request: web.Request) -> web.StreamResponse:
        follow = "follow" in request.query
        response = web.StreamResponse()
        if request.version >= (1, 1):
            response.enable_chunked_encoding()
        else:
            response.force_close()
        await response.prepare(request)
        since = request.query.get("sinceTime", "")[:-1].encode()
        lines = [line for line in self._log if line >= since]
        if "tailLines" in request.query:
            lines = lines[-1:]
        for start in range(0, len(lines), BURST):
            portion = lines[start : start + BURST]
            for piece in portion if follow else [b"".join(portion)]:
                await response.write(piece)
            await asyncio.sleep(0)
        await response.write_eof()
        if follow:
            name = request.match_info["name"].removesuffix("-pod")
            ended = {"startedAt": "2026-01-01T00:00:00Z", "exitCode": 0}
            await self._set(name, "Succeeded", {"terminated": ended})
        return response


def _time(number: int) -> str:
    seconds, rest = divmod(number, RATE)
    return f"2026-01-01T00:00:{seconds:02}.{rest * 10**9 // RATE:09}Z"


async def _main(count: int, certificate: str, key: str) -> None:
    runner = web.AppRunner(LoudApi(count).app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    host, port = runner.addresses[0][:2]
    print(f"listening on https://{host}:{port}", file=sys.stderr, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
