"""An API server over HTTP, as far as the Argo engine uses one; tests script what it does wrong."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def status(code: int, message: str, reason: str = "", **details: Any) -> dict[str, Any]:
    return {
        "kind": "Status",
        "status": "Failure",
        "code": code,
        "message": message,
        "reason": reason,
        "details": details,
    }


class FakeApi:
    """Keeps objects, tells watches of every change, and serves logs.

    Attributes:
        requests: (method, path, query) of all that was asked.
        faults: by (method, resource), handlers that answer the next requests in its place.
        logs: by (pod, container), what successive reads of the log give; the last one stays.
        history: watch events by resource, (version, event).
        without_token: namespaces that lack the token of Argo's executor.
        terminating: namespaces that are being deleted.
        user: who asks.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: list[Any] = []
        self.faults: dict[tuple[str, str], deque[Handler]] = defaultdict(deque)
        self.logs: dict[tuple[str, str], deque[Handler]] = defaultdict(deque)
        self.objects: dict[str, dict[tuple[str, str], dict[str, Any]]] = defaultdict(dict)
        self.history: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self.cuts: dict[str, int] = defaultdict(int)
        self.without_token: set[str] = set()
        self.terminating: set[str] = set()
        self.user = "admin"
        self.page = 500
        self.version = 100
        self.watching = asyncio.Condition()
        self.open_watches: dict[str, int] = defaultdict(int)
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        app = web.Application(client_max_size=8 << 20)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"{'https' if tls else 'http'}://{host}:{port}"

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    # What tests do.

    async def put(self, resource: str, thing: dict[str, Any], *, silently: bool = False) -> dict[str, Any]:
        """Create or change an object; silently: no watch is told."""
        thing = json.loads(json.dumps(thing))
        metadata = thing["metadata"]
        key = (metadata["namespace"], metadata["name"])
        self.version += 1
        metadata["resourceVersion"] = str(self.version)
        metadata.setdefault("uid", f"uid-{metadata['name']}")
        kind = "MODIFIED" if key in self.objects[resource] else "ADDED"
        self.objects[resource][key] = thing
        if not silently:
            await self.tell(resource, {"type": kind, "object": thing})
        return thing

    async def remove(
        self, resource: str, name: str, namespace: str = "default", *, silently: bool = False
    ) -> None:
        """Delete an object."""
        thing = self.objects[resource].pop((namespace, name))
        self.version += 1
        if not silently:
            gone = {**thing, "metadata": {**thing["metadata"], "resourceVersion": str(self.version)}}
            await self.tell(resource, {"type": "DELETED", "object": gone})

    async def tell(self, resource: str, event: dict[str, Any] | str) -> None:
        """Send an event, or any line, to the watches of a resource."""
        if isinstance(event, str):
            self.version += 1
        line = event if isinstance(event, str) else json.dumps(event)
        async with self._changed:
            self.history[resource].append((self.version, line))
            self._changed.notify_all()

    async def cut(self, resource: str) -> None:
        """End the watches of a resource, as the server does at their timeout."""
        async with self._changed:
            self.cuts[resource] += 1
            self._changed.notify_all()

    async def watched(self, resource: str, times: int = 1) -> None:
        """Wait until the resource has been watched that many times in all."""
        async with self.watching:
            await self.watching.wait_for(lambda: self.open_watches[resource] >= times)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds of the objects and requests."""
        async with self._changed:
            await self._changed.wait_for(holds)

    def count(self, method: str, part: str) -> int:
        return sum(1 for verb, path, _ in self.requests if verb == method and part in path)

    # HTTP.

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path, dict(request.query)))
        async with self._changed:
            self._changed.notify_all()
        parts = request.path.strip("/").split("/")
        parts = parts[3:] if parts[0] == "apis" else parts[2:]
        namespace = ""
        if parts[0] == "namespaces":
            namespace, parts = parts[1], parts[2:]
        resource, name = parts[0], parts[1] if len(parts) > 1 else ""
        verb = "WATCH" if request.query.get("watch") else request.method
        if len(parts) > 2:
            resource = f"{resource}/{parts[2]}"
        if self.faults[verb, resource]:
            answer = await self.faults[verb, resource].popleft()(request)
            if answer is not None:
                return answer
        if resource == "selfsubjectreviews":
            return web.json_response({"status": {"userInfo": {"username": self.user}}}, status=201)
        if resource == "pods/log":
            return await self._log(request, name)
        if verb == "WATCH":
            return await self._watch(request, resource)
        body = await request.json() if request.can_read_body else None
        self.bodies.append((verb, resource, name, body))
        resource = resource.removesuffix("/status")
        return await self._object(verb, resource, (namespace, name), body, request)

    async def _object(
        self, verb: str, resource: str, key: tuple[str, str], body: Any, request: web.Request
    ) -> web.StreamResponse:
        held = self.objects[resource]
        if verb == "GET" and not key[1]:
            return self._list(request, resource, key[0])
        if verb == "POST" and request.query.get("dryRun"):
            return self._dry_run(key[0], body)
        if verb == "POST":
            return await self._create(resource, (key[0], body["metadata"]["name"]), body)
        if key not in held:
            return web.json_response(status(404, f'{resource} "{key[1]}" not found', "NotFound"), status=404)
        if verb == "PATCH":
            return await self._patch(resource, held[key], body)
        if verb == "DELETE":
            await self.remove(resource, key[1], key[0])
        return web.json_response(held.get(key, {"kind": "Status", "status": "Success"}))

    def _dry_run(self, namespace: str, body: Any) -> web.Response:
        """Is the executor's token there? Is the namespace being deleted?"""
        name = body["metadata"]["name"]
        if namespace in self.terminating:
            words = f"unable to create new content in namespace {namespace} because it is being terminated"
            return web.json_response(status(403, words, "Forbidden"), status=403)
        if body["kind"] == "ConfigMap":
            return web.json_response(body, status=201)
        assert body["type"] == "kubernetes.io/service-account-token"
        if namespace in self.without_token:
            return web.json_response(body, status=201)
        said = status(409, f'secrets "{name}" already exists', "AlreadyExists")
        return web.json_response(said, status=409)

    async def _create(self, resource: str, key: tuple[str, str], body: Any) -> web.Response:
        if key in self.objects[resource]:
            said = status(409, f'{resource} "{key[1]}" already exists', "AlreadyExists")
            return web.json_response(said, status=409)
        return web.json_response(await self.put(resource, body), status=201)

    async def _patch(self, resource: str, thing: dict[str, Any], body: Any) -> web.Response:
        wanted = body.get("metadata", {})
        for precondition in ("resourceVersion", "uid"):
            if wanted.get(precondition, thing["metadata"][precondition]) != thing["metadata"][precondition]:
                return web.json_response(status(409, "the object has been modified", "Conflict"), status=409)
        return web.json_response(await self.put(resource, _merge(thing, body)))

    def _list(self, request: web.Request, resource: str, namespace: str) -> web.Response:
        items = [thing for (ns, _), thing in sorted(self.objects[resource].items()) if namespace in ("", ns)]
        wanted = request.query.get("labelSelector", "")
        if "=" in wanted:
            label, value = wanted.split("=")
            items = [i for i in items if (i["metadata"].get("labels") or {}).get(label) == value]
        start = int(request.query.get("continue", "0"))
        end = start + min(self.page, int(request.query.get("limit", "500")))
        metadata = {"resourceVersion": str(self.version)}
        if end < len(items):
            metadata["continue"] = str(end)
        return web.json_response({"kind": "List", "metadata": metadata, "items": items[start:end]})

    async def _watch(self, request: web.Request, resource: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        async with self.watching:
            self.open_watches[resource] += 1
            self.watching.notify_all()
        since = int(request.query["resourceVersion"])
        sent, cuts, history = 0, self.cuts[resource], self.history[resource]
        while True:
            fresh = history[sent:]
            sent += len(fresh)
            for version, line in fresh:
                if version > since:
                    await response.write(line.encode() + b"\n")
            if cuts != self.cuts[resource]:
                return response
            async with self._changed:
                while len(history) == sent and cuts == self.cuts[resource]:
                    await self._changed.wait()

    async def _log(self, request: web.Request, pod: str) -> web.StreamResponse:
        scripted = self.logs[pod, request.query["container"]]
        if not scripted:
            return web.json_response(status(404, f'pods "{pod}" not found', "NotFound"), status=404)
        handler = scripted.popleft() if len(scripted) > 1 else scripted[0]
        return await handler(request)


def says(code: int, body: dict[str, Any] | str, **headers: str) -> Handler:
    """A handler that answers once."""

    async def handler(request: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=code, text=text, headers=headers, content_type="application/json")

    return handler


def sends(*chunks: bytes, then: str = "end") -> Handler:
    """A handler that streams; then ends, breaks the connection in the middle, or hangs."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
        if then == "break":
            assert request.transport is not None
            request.transport.abort()
        if then == "hang":
            await asyncio.Event().wait()
        return response

    return handler


async def lost(request: web.Request) -> web.StreamResponse:
    """A handler that closes the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def _merge(thing: Any, change: Any) -> Any:
    """RFC 7386."""
    if not isinstance(change, dict):
        return change
    merged = dict(thing) if isinstance(thing, dict) else {}
    for key, value in change.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged
