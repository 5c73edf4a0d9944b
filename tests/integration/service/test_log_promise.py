"""From what a kubelet wrote to what agent-server holds: every line is told, or a gap is told in its place.

The kubelet is a model (`tests.unit.engine.argo.kubelet`), behind a real HTTP server, in real time that runs
twenty times as fast; Valkey, the service and agent-server are real, and on loopback. The checker at the end
knows what the kubelet wrote and what came to agent-server's socket, and nothing of the service.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from random import Random
from typing import Any

import pytest
from aiohttp import web

from tests.integration.argo.fake_api import FakeApi, status
from tests.integration.service.rounds import cloud_task
from tests.outside.agent_server import AgentServer, Answer
from tests.unit.engine.argo.kubelet import Kubelet
from translator.engine.argo import continuity, pod_logs, stall
from translator.engine.argo.client import ApiServer
from translator.engine.argo.engine import ArgoEngine
from translator.engine.argo.watching import Pace

CHECK_S = 0.5
"""Seconds between two looks of the kubelet's at a log: ten, in earnest."""

TASKS = 10


def faster(patch: pytest.MonkeyPatch) -> None:
    """Let the reader of logs take a twentieth of its time, and a file of 2 kB for one of 10 MiB."""
    patch.setattr(continuity, "UNROTATED", 200)
    for module, names in (
        (continuity, ("CLOSE_S", "LEAP_S", "SPAN_S", "EMPTY_S", "JITTER_S", "FIRST_S")),
        (pod_logs, ("TURN_S", "PATIENCE_S", "TOLD_S", "HELD_S")),
        (stall, ("LOOK_S", "OVER_S")),
    ):
        for name in names:
            patch.setattr(module, name, getattr(module, name) / 20)


class Node:
    """A node that runs one step, and what happens to its log.

    Attributes:
        written: every line that the step's process wrote.
    """

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)
        pace = self._chance.choice([0.0, 0.0, 0.01, 0.05])
        self._kubelet = Kubelet(limit=2000, chunk=self._chance.choice([1, 7, 1000]), pace=pace)
        self._refuses = 0
        self._busy = False
        self.written: list[str] = []

    async def run(self) -> None:
        """Run the step to its end."""
        rotating = asyncio.create_task(self._rotate())
        self._executor("waiting for signals")
        for _ in range(self._chance.randint(3, 9)):
            await self._something()
        # a connection that seems to be ended just before its container ends is taken for ended by it
        self._refuses, self._busy = 0, False
        await asyncio.sleep(pod_logs.TOLD_S * 1.5)
        self._executor("sub-process exited")
        self._kubelet.end()
        rotating.cancel()

    def delete(self) -> None:
        """The pod is deleted, and its log with it."""
        self._refuses = 404
        self._kubelet.cut(plainly=True)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """A request for the log."""
        query = dict(request.query)
        if self._refuses:
            said = status(self._refuses, "no")
            return web.json_response(said, status=self._refuses)
        if self._busy and query.keys() & {"tailLines", "limitBytes"}:
            await asyncio.sleep(self._chance.choice([0.2, 0.8]))
            return web.json_response(status(429, "busy"), status=429)
        response = web.StreamResponse()
        await response.prepare(request)
        cut = asyncio.Event()
        self._kubelet.connections.add(cut)
        try:
            async for chunk in self._kubelet.read(query, cut):
                await response.write(chunk)
        finally:
            self._kubelet.connections.discard(cut)
        return response

    def _executor(self, message: str) -> None:
        self._kubelet.write(f'time=2026-12-01T23:00:00Z level=INFO msg="{message}" argo=true')

    async def _rotate(self) -> None:
        await asyncio.sleep(self._chance.uniform(0, CHECK_S))
        while True:
            self._kubelet.rotate()
            await asyncio.sleep(CHECK_S)

    async def _something(self) -> None:
        what = self._chance.choice(["write", "write", "write", "cut", "refuse", "busy"])
        if what == "write":
            for number in range(self._chance.choice([1, 20, 80, 200])):
                self.written.append(f"{len(self.written):06d}")
                self._kubelet.write(self.written[-1])
                if number % 10 == 9:
                    await asyncio.sleep(0.01)
        elif what == "cut":
            self._kubelet.cut(plainly=False)
        elif what == "refuse":
            self._refuses = self._chance.choice([0, 403, 409, 410])
            self._kubelet.cut(plainly=False)
        else:
            self._busy = not self._busy
        await asyncio.sleep(self._chance.choice([0.0, 0.0, 0.05, 0.15, 0.3, 0.6]))
        if self._chance.random() < 0.7:
            self._refuses = 0


class Cluster(FakeApi):
    """Runs every Workflow that is created: one step each, on a node of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: dict[str, Node] = {}
        self._running: list[asyncio.Task[None]] = []

    async def play(self) -> None:
        """Run what is created, until all is done."""
        while True:
            await self.until(lambda: len(self.objects["workflows"]) > len(self._running))
            for (_, name), made in [*self.objects["workflows"].items()][len(self._running) :]:
                self._running.append(asyncio.create_task(self._run(name, made)))

    async def _run(self, name: str, made: Mapping[str, Any]) -> None:
        seed = len(self.nodes)
        node = self.nodes[made["metadata"]["annotations"]["codo.dev/task-id"]] = Node(seed)
        self.logs[f"{name}-s1", "main"].append(node.answer)
        await self.put("pods", _pod(name, made, ended=False))
        await self.put("workflows", {**self.objects["workflows"]["default", name], "status": _status(name)})
        await node.run()
        if seed % 5 == 4:
            node.delete()
            await self.remove("pods", f"{name}-s1")
        else:
            await self.put("pods", _pod(name, made, ended=True))
        ended = {**self.objects["workflows"]["default", name], "status": _status(name, "Succeeded")}
        await self.put("workflows", ended)


def _status(name: str, phase: str = "Running") -> Mapping[str, Any]:
    times = {"startedAt": "2026-01-01T00:00:00Z"}
    if phase != "Running":
        times["finishedAt"] = "2026-01-01T00:00:09Z"
    root = {"id": name, "displayName": name, "type": "DAG", "phase": phase, **times}
    node = {"id": f"{name}-1", "displayName": "s1", "boundaryID": name, "type": "Pod", "phase": phase}
    return {"phase": phase, **times, "nodes": {name: root, f"{name}-1": {**node, **times}}}


def _pod(name: str, made: Mapping[str, Any], *, ended: bool) -> dict[str, Any]:
    started = {"startedAt": "2026-01-01T00:00:05Z"}
    over = {**started, "exitCode": 0, "finishedAt": "2026-01-01T00:00:07Z"}
    state = {"terminated": over} if ended else {"running": started}
    labels = {"codo.dev/step": "s1", "workflows.argoproj.io/workflow": name}
    main = {"name": "main", "containerID": f"c-{name}", "state": state}
    return {
        "metadata": {
            "name": f"{name}-s1",
            "namespace": "default",
            "labels": {**made["spec"]["podMetadata"]["labels"], **labels},
            "annotations": {"workflows.argoproj.io/node-id": f"{name}-1"},
            "ownerReferences": [{"kind": "Workflow", "name": name, "uid": made["metadata"]["uid"]}],
        },
        "spec": {
            "nodeName": "n",
            "initContainers": [{"name": "init", "image": "quay.io/argoproj/argoexec:v4.1.2"}],
            "containers": [{"name": "main"}, {"name": "wait"}],
        },
        "status": {"phase": "Succeeded" if ended else "Running", "containerStatuses": [main]},
    }


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    server = Cluster()
    await server.start()
    playing = asyncio.create_task(server.play())
    yield server
    playing.cancel()
    await server.stop()


@pytest.fixture
async def argo(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ArgoEngine]:
    from kubernetes.aio.client import Configuration

    faster(monkeypatch)
    api = ApiServer(Configuration(host=cluster.url), request_timeout=5)
    engine = ArgoEngine(api, logs_at_once=TASKS - 2, shards=4, pace=Pace(first=0.03, longest=0.2))
    await engine.start()
    yield engine
    await engine.close()


def lacking(written: list[str], events: list[dict[str, Any]]) -> list[str]:
    """What is wrong with what was told of a log, in words."""
    wrong, place, gap = [], 0, None
    for event in [*events, {"kind": "end"}]:
        if event["kind"] == "gap":
            gap = event
        told = event.get("lines", ()) if event["kind"] == "log" else ()
        for line in [*told, *(["end"] if event["kind"] == "end" else [])]:
            at = len(written) if line == "end" else int(line)
            if at < place:
                wrong.append(f"line {at} came again, or after {place - 1}")
            if at > place and gap is None:
                wrong.append(f"lines {place} to {at - 1} are missing without a word")
            if gap is not None and gap.get("missing", at - place) != at - place:
                wrong.append(f"{at - place} lines are missing from {place} on: {json.dumps(gap)}")
            place, gap = at + 1, None
    return wrong


def test_the_checker_finds_what_is_wrong() -> None:
    log = [f"{number:06d}" for number in range(4)]
    first, last = {"kind": "log", "lines": log[:1]}, {"kind": "log", "lines": log[3:]}
    assert lacking(log, [{"kind": "log", "lines": log}]) == []
    assert lacking(log, [first, {"kind": "gap"}, last]) == []
    assert lacking(log, [first, {"kind": "gap", "missing": 2}, last]) == []
    assert len(lacking(log, [first, {"kind": "gap", "missing": 1}, last])) == 1
    assert len(lacking(log, [{"kind": "gap"}, first, last])) == 1
    assert len(lacking(log, [first])) == 1
    assert len(lacking(log, [{"kind": "log", "lines": log}, last])) == 1


async def test_every_line_is_told_or_lies_where_a_gap_is_told(start_round, argo, cluster) -> None:
    async with (
        AgentServer().serving() as agent_server,
        start_round(engine=argo, server=agent_server.url) as round_,
    ):
        agent_server.next(*[Answer(cut="after"), Answer(status=503), Answer(), Answer(cut="before")] * 3)
        await agent_server.submit(round_.url, *(cloud_task(f"t{n}", "x") for n in range(TASKS)))
        for number in range(TASKS):
            await agent_server.final(f"t{number}", 60)
        assert agent_server.breaches == []
        wrong = {}
        lines = 0
        for task, node in cluster.nodes.items():
            events = agent_server.events(task)
            lines += sum(len(event["lines"]) for event in events if event["kind"] == "log")
            if found := lacking(node.written, events):
                wrong[task] = found
        assert wrong == {}
        assert lines > sum(len(node.written) for node in cluster.nodes.values()) / 5
