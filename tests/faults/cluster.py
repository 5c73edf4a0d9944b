"""An API server behind which Workflows come to their end by themselves, with pods and logs.

It plays what `tests.integration.argo.fake_api.FakeApi` keeps, as Argo Workflows 4.1 was seen to do it: a pod
for each step, nodes in the Workflow's status, lines of Argo's executor in the log, `shutdown`, and the
removal of all once our finalizer is gone. On command it misbehaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import time
import zlib
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.integration.argo.fake_api import FakeApi, status

NAMESPACE = "faults"
FINALIZER = "codo.dev/logs"
OVERDUE = "Pod was active on the node longer than the specified deadline"
SHUTDOWN = "workflow shutdown with strategy:  Terminate"

COUNT = re.compile(r"-lt (\d+)")
PAUSE = re.compile(r"sleep ([\d.]+)")
EXIT = re.compile(r"exit (\d+)")

Object = dict[str, Any]


def stamp(when: datetime | None = None) -> str:
    return (when or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Log:
    """The log of one pod's main container."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, bytes]] = []
        self.started = self.ended = self.gone = False
        self.news = asyncio.Event()

    def write(self, text: str) -> None:
        now = time.time_ns()
        when = datetime.fromtimestamp(now // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        self.lines.append((now // 10**9, f"{when}.{now % 10**9:09}Z {text}\n".encode()))
        self.wake()

    def executor(self, message: str) -> None:
        when = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.write(f'time={when} level=INFO msg="{message}" argo=true')

    def wake(self) -> None:
        self.news.set()
        self.news = asyncio.Event()


class FakeCluster(FakeApi):
    """Plays every Workflow that is created.

    Args:
        seed: decides how long things take.
        token: what callers must show.
    """

    def __init__(self, seed: int, token: str = "t0") -> None:
        super().__init__()
        self._chance = random.Random(seed)
        self.token = token
        self.forgetful = 0
        """So many watches to come are answered 410."""
        self.silent = asyncio.Event()
        """Set: watches stay open and tell nothing, for good; those that come later are not concerned."""
        self.silenced = 0
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._logs: dict[str, Log] = {}
        self._shut: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._deleted: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._overdue: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._plays: set[asyncio.Task[None]] = set()
        self.pace = 1.0
        """How much slower than usual pods start."""

    async def stop(self) -> None:
        for play in self._plays:
            play.cancel()
        await asyncio.gather(*self._plays, return_exceptions=True)
        self._thawed.set()
        await super().stop()

    def kubeconfig(self, file: Path) -> Path:
        """Write the file with which it can be reached now."""
        user = {"name": "u", "user": {"token": self.token}}
        context = {"name": "c", "context": {"cluster": "c", "user": "u", "namespace": NAMESPACE}}
        cluster = {"name": "c", "cluster": {"server": self.url}}
        told = {"apiVersion": "v1", "kind": "Config", "current-context": "c", "contexts": [context]}
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(told | {"clusters": [cluster], "users": [user]}))
        return fresh.replace(file)

    # What it does wrong.

    def freeze(self) -> None:
        """Answer nothing, and send nothing on streams that are open."""
        self._thawed.clear()

    def thaw(self) -> None:
        self._thawed.set()

    @property
    def left(self) -> list[str]:
        """What a task left behind."""
        return [f"{kind} {name}" for kind, held in self.objects.items() for _, name in held]

    @property
    def orphans(self) -> list[str]:
        """ConfigMaps without an owner and without a Workflow, and the Secrets that go with them."""
        files = [
            (name, thing)
            for (_, name), thing in self.objects["configmaps"].items()
            if not thing["metadata"].get("ownerReferences")
            and (NAMESPACE, name.removesuffix("-files")) not in self.objects["workflows"]
        ]
        owners = {thing["metadata"]["uid"] for _, thing in files}
        return [f"configmaps {name}" for name, _ in files] + [
            f"secrets {name}"
            for (_, name), thing in self.objects["secrets"].items()
            if owners & {owner["uid"] for owner in thing["metadata"].get("ownerReferences") or ()}
        ]

    def age(self, hours: float) -> None:
        """Let every ConfigMap have been there for so much longer."""
        for thing in self.objects["configmaps"].values():
            created = datetime.fromisoformat(thing["metadata"]["creationTimestamp"])
            thing["metadata"]["creationTimestamp"] = stamp(created - timedelta(hours=hours))

    # HTTP.

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        await self._thawed.wait()
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response(status(401, "Unauthorized", "Unauthorized"), status=401)
        return await super()._handle(request)

    async def _create(self, resource: str, key: tuple[str, str], body: Any) -> web.Response:
        if key in self.objects[resource]:
            return await super()._create(resource, key, body)
        if resource == "workflows" and "refused" in key[1]:
            return web.json_response(status(422, "spec: Invalid value", "Invalid"), status=422)
        body["metadata"] |= {"uid": f"uid-{key[1]}-{self.version}", "creationTimestamp": stamp()}
        answer = await super()._create(resource, key, body)
        if resource == "workflows":
            self._play(self._run(key[1]))
        return answer

    async def _patch(self, resource: str, thing: Object, body: Any) -> web.Response:
        answer = await super()._patch(resource, thing, body)
        if answer.status < 300 and body.get("spec", {}).get("activeDeadlineSeconds") == 1:
            self._overdue[thing["metadata"]["name"]].set()
        if answer.status < 300 and resource == "workflows":
            name = thing["metadata"]["name"]
            if body.get("spec", {}).get("shutdown"):
                self._shut[name].set()
            if "finalizers" in body.get("metadata", {}):
                self._play(self._collect(name))
        return answer

    async def _object(
        self, verb: str, resource: str, key: tuple[str, str], body: Any, request: web.Request
    ) -> web.StreamResponse:
        if (verb, resource) == ("DELETE", "pods") and key in self.objects["pods"]:
            self._deleted[key[1]].set()
            return web.json_response(self.objects["pods"][key])
        if (verb, resource) == ("DELETE", "configmaps") and key in self.objects["configmaps"]:
            self._play(self._collect_owned(self.objects["configmaps"][key]["metadata"]["uid"]))
        return await super()._object(verb, resource, key, body, request)

    async def _watch(self, request: web.Request, resource: str) -> web.StreamResponse:
        if self.forgetful:
            self.forgetful -= 1
            gone = status(410, "too old resource version", "Expired")
            if self._chance.random() < 0.5:
                return web.json_response(gone, status=410)
            return web.Response(text=json.dumps({"type": "ERROR", "object": gone}) + "\n")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        since, history = int(request.query["resourceVersion"]), self.history[resource]
        sent = next((n for n in range(len(history), 0, -1) if history[n - 1][0] <= since), 0)
        cuts = self.cuts[resource]
        while cuts == self.cuts[resource]:
            if self.silent.is_set():
                async with self._changed:
                    self.silenced += 1
                    self._changed.notify_all()
                await asyncio.Event().wait()
            fresh = history[sent:]
            sent += len(fresh)
            await self._thawed.wait()
            await response.write(b"".join(line.encode() + b"\n" for _, line in fresh))
            async with self._changed:
                while len(history) == sent and cuts == self.cuts[resource]:
                    await self._changed.wait()
        return response

    async def _log(self, request: web.Request, pod: str) -> web.StreamResponse:
        log = self._logs.get(pod)
        if log is None or log.gone:
            return web.json_response(status(404, f'pods "{pod}" not found', "NotFound"), status=404)
        if not log.started:
            return web.json_response(status(400, "container is waiting to start", "BadRequest"), status=400)
        since = request.query.get("sinceTime", "")
        first = datetime.fromisoformat(since).timestamp() if since else 0
        response = web.StreamResponse()
        await response.prepare(request)
        sent = 0
        while True:
            news, lines = log.news, log.lines[sent:]
            sent += len(lines)
            await self._thawed.wait()
            await response.write(b"".join(line for second, line in lines if second >= first))
            if "follow" not in request.query or log.ended or log.gone:
                return response
            await news.wait()

    # The controller and the kubelet.

    def _play(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._plays.add(task)
        task.add_done_callback(self._plays.discard)

    async def _run(self, name: str) -> None:
        workflow = self.objects["workflows"][NAMESPACE, name]
        templates = {template["name"]: template for template in workflow["spec"]["templates"]}
        tasks = templates[workflow["spec"]["entrypoint"]]["dag"]["tasks"]
        began = stamp()
        root = {"id": name, "name": name, "displayName": name, "type": "DAG", "startedAt": began}
        nodes: dict[str, Object] = {name: root | {"phase": "Running"}}
        await self._pause(0.01, 0.05)
        spoiled = ""
        for number, task in enumerate(tasks):
            step = task["name"]
            node = nodes[f"{name}-{number}"] = {
                "id": f"{name}-{number}", "name": f"{name}.{step}", "displayName": step, "type": "Pod",
                "boundaryID": name, "templateName": task["template"], "startedAt": stamp(),
            }  # fmt: skip
            if self._shut[name].is_set():
                nodes.pop(f"{name}-{number}")
                break
            if spoiled:
                words = "omitted: depends condition not met"
                node |= {"type": "Skipped", "phase": "Omitted", "message": words, "finishedAt": stamp()}
                continue
            code, words = await self._step(workflow, templates[task["template"]], node, nodes)
            failed = code != 0 and not task.get("continueOn", {}).get("failed")
            spoiled = words if failed else ""
        ended = "Failed" if spoiled or self._shut[name].is_set() else "Succeeded"
        nodes[name] |= {"phase": ended, "finishedAt": stamp()}
        await self._tell(name, nodes, phase=ended, finishedAt=stamp())

    async def _step(
        self, workflow: Object, template: Object, node: Object, nodes: dict[str, Object]
    ) -> tuple[int, str]:
        """Run one step; returns its exit code and the node's message."""
        name, step = workflow["metadata"]["name"], node["displayName"]
        pod = self._pod(workflow, template, node)
        log = self._logs[pod["metadata"]["name"]] = Log()
        node |= {"phase": "Pending"}
        await self.put("pods", pod)
        await self._tell(name, nodes)
        if "stuck" in name:
            return await self._never(pod, log, node)
        await self._pause(0.02, 0.1)
        script = await self._source(name, template)
        count, wait = int(found[1]) if (found := COUNT.search(script)) else 0, PAUSE.search(script)
        code = int(found[1]) if (found := EXIT.search(script)) else 0
        log.started = True
        log.executor("waiting for signals")
        await self._see(pod, "Running", {"running": {"startedAt": stamp()}})
        node |= {"phase": "Running"}
        await self._tell(name, nodes)
        shut = self._shut[name]
        for number in range(1, count + 1):
            log.write(f"{step} line {number} of {count}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(float(wait[1]) if wait else 0):
                    await shut.wait()
            if shut.is_set():
                code = 143
                break
        words = "" if code == 0 else SHUTDOWN if shut.is_set() else f"main: Error (exit code {code})"
        node |= {"phase": "Failed" if code else "Succeeded", "message": words, "finishedAt": stamp()}
        if "stubborn" in name and shut.is_set():
            self._play(self._stay(pod, log))
            return code, words
        node["outputs"] = {"exitCode": str(code)}
        await self._exit(pod, log, code)
        await self._tell(name, nodes)
        return code, words

    async def _never(self, pod: Object, log: Log, node: Object) -> tuple[int, str]:
        """A step whose image cannot be had: the kubelet ends its pod once its deadline is over."""
        await self._see(
            pod, "Pending", {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
        )
        await self._overdue[pod["metadata"]["name"]].wait()
        log.gone = True
        await self._see(pod, "Failed", {"waiting": {"reason": "ImagePullBackOff"}}, reason="DeadlineExceeded")
        node |= {"phase": "Failed", "message": OVERDUE, "finishedAt": stamp()}
        return 1, OVERDUE

    async def _exit(self, pod: Object, log: Log, code: int) -> None:
        log.executor("sub-process exited")
        if code:
            log.write(f"Error: exit status {code}")
        log.ended = True
        log.wake()
        state = {"startedAt": stamp(), "finishedAt": stamp(), "exitCode": code, "reason": "Completed"}
        if code:
            state["reason"] = "Error"
        await self._see(pod, "Failed" if code else "Succeeded", {"terminated": state})

    async def _stay(self, pod: Object, log: Log) -> None:
        """A process that minds no signal: it ends when its pod is deleted."""
        name = pod["metadata"]["name"]
        await self._deleted[name].wait()
        pod["metadata"]["deletionTimestamp"] = stamp()
        await self._exit(pod, log, 137)
        await self._pause(0.2, 0.4)
        await self._remove("pods", name)

    async def _collect(self, name: str) -> None:
        """Our finalizer is gone: the TTL and the garbage collector take everything, a little later."""
        await self._pause(0.1, 0.3)
        workflow = self.objects["workflows"].get((NAMESPACE, name))
        if workflow is None or FINALIZER in (workflow["metadata"].get("finalizers") or ()):
            return
        await self._remove("workflows", name)
        await self._collect_owned(workflow["metadata"]["uid"])

    async def _collect_owned(self, uid: str) -> None:
        for kind in ("pods", "configmaps", "secrets"):
            for (_, other), thing in list(self.objects[kind].items()):
                if any(owner["uid"] == uid for owner in thing["metadata"].get("ownerReferences") or ()):
                    await self._remove(kind, other)
                    await self._collect_owned(thing["metadata"]["uid"])

    async def _remove(self, kind: str, name: str) -> None:
        if (NAMESPACE, name) in self.objects[kind]:
            await self.remove(kind, name, NAMESPACE)
        if kind == "pods" and name in self._logs:
            self._logs[name].gone = True
            self._logs[name].wake()

    async def _source(self, workflow: str, template: Object) -> str:
        """The step's script; where a ConfigMap has it, the pod waits for that."""
        if "script" in template:
            source: str = template["script"]["source"]
            return source
        files = (NAMESPACE, f"{workflow}-files")
        await self.until(lambda: files in self.objects["configmaps"])
        part = template["container"]["volumeMounts"][0]["subPath"]
        text: str = self.objects["configmaps"][files]["data"][part]
        return text

    def _pod(self, workflow: Object, template: Object, node: Object) -> Object:
        name, metadata = workflow["metadata"]["name"], template.get("metadata") or {}
        digest = zlib.crc32(node["name"].encode())
        labels = {**workflow["spec"]["podMetadata"]["labels"], **(metadata.get("labels") or {})}
        notes = {"workflows.argoproj.io/node-id": node["id"], "workflows.argoproj.io/node-name": node["name"]}
        of_all = workflow["spec"]["podMetadata"].get("annotations") or {}
        owner = {"kind": "Workflow", "name": name, "uid": workflow["metadata"]["uid"]}
        return {
            "metadata": {
                "name": f"{name[:40]}-{template['name']}-{digest}",
                "namespace": NAMESPACE,
                "creationTimestamp": stamp(),
                "uid": f"pod-{node['id']}-{self.version}",
                "labels": {**labels, "workflows.argoproj.io/workflow": name},
                "annotations": {**notes, **of_all, **(metadata.get("annotations") or {})},
                "ownerReferences": [owner],
            },
            "spec": {
                "nodeName": "node1",
                "activeDeadlineSeconds": template.get("activeDeadlineSeconds"),
                "initContainers": [{"name": "init", "image": "quay.io/argoproj/argoexec:v4.1.2"}],
                "containers": [{"name": "main", "image": "alpine:3"}, {"name": "wait", "image": "argoexec"}],
            },
            "status": {"phase": "Pending"},
        }

    async def _see(self, pod: Object, phase: str, state: Mapping[str, Any], **more: str) -> None:
        """The kubelet tells of a pod; what others changed of it stays."""
        key = (NAMESPACE, pod["metadata"]["name"])
        if key not in self.objects["pods"]:
            return
        now = self.objects["pods"][key]
        began = (now["status"].get("startTime")) or stamp(datetime.now(UTC) - timedelta(seconds=2))
        main = {"name": "main", "containerID": f"containerd://{pod['metadata']['uid']}", "state": dict(state)}
        status_ = {"phase": phase, "startTime": began, "containerStatuses": [main], **more}
        gone = {k: v for k, v in pod["metadata"].items() if k == "deletionTimestamp"}
        await self.put("pods", {**now, "metadata": {**now["metadata"], **gone}, "status": status_})

    async def _tell(self, name: str, nodes: dict[str, Object], **more: str) -> None:
        """The controller writes the Workflow's status."""
        now = self.objects["workflows"].get((NAMESPACE, name))
        if now is not None:
            told = {"phase": "Running", "startedAt": nodes[name]["startedAt"], "nodes": nodes, **more}
            await self.put("workflows", {**now, "status": told})

    async def _pause(self, least: float, most: float) -> None:
        await asyncio.sleep(self._chance.uniform(least, most) * self.pace)
