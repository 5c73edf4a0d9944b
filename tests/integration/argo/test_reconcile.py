"""The reconciler and an API server: Workflows that somebody made or deleted, or that nobody let go of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.integration.argo.fake_api import FakeApi, says, status
from tests.integration.service.rounds import cloud_task, eventually
from translator.agent_server.client import AgentServerClient
from translator.agent_server.protocol import TaskItem
from translator.agent_server.stand_in import StandIn
from translator.engine.argo.client import ApiServer
from translator.engine.argo.engine import ArgoEngine
from translator.observe.recovery import TAKEN_UP
from translator.service.assembly import assemble
from translator.service.service import Service
from translator.service.template import load_template
from translator.service.translation import Translation
from translator.store.store import Store
from translator.task.submission import parse_submission
from translator.workflow.carried import carry
from translator.workflow.options import Options
from translator.workflow.translate import translate

FINALIZER = "codo.dev/logs"
ITEM = cloud_task("t1", "echo 1", "echo 2")


def made(attempt: int = 1, installation: str = "here", **metadata: Any) -> dict[str, Any]:
    """The Workflow of the task, as a service of that installation submits it."""
    task = parse_submission(ITEM["taskId"], ITEM["agentId"], ITEM["args"]).task
    assert task is not None
    rendered = translate(task, attempt=attempt, options=Options(shards=4), template=load_template())
    workflow = json.loads(json.dumps(carry(rendered, installation, "hash", ITEM["args"]).workflow))
    workflow["metadata"] |= {"creationTimestamp": "2026-01-01T00:00:00Z", **metadata}
    return workflow


def ended(workflow: dict[str, Any], phase: str = "Succeeded") -> dict[str, Any]:
    """The same at its end, its pods gone."""
    name = workflow["metadata"]["name"]
    times = {"startedAt": "2026-01-01T00:00:01Z", "finishedAt": "2026-01-01T00:00:09Z"}
    nodes = {}
    for step in ("s1", "s2"):
        node = {
            "id": f"{name}-{step}",
            "displayName": step,
            "boundaryID": name,
            "type": "Pod",
            "phase": phase,
        }
        nodes[node["id"]] = {**node, "phase": phase, **times}
    labels = workflow["metadata"]["labels"] | {"workflows.argoproj.io/completed": "true"}
    metadata = workflow["metadata"] | {"labels": labels}
    return {**workflow, "metadata": metadata, "status": {"phase": phase, "nodes": nodes, **times}}


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    async with StandIn() as served:
        yield served


@pytest.fixture
def serving(fake: FakeApi, store: Store, stand_in: StandIn):
    from kubernetes.aio.client import Configuration

    @asynccontextmanager
    async def start(*namespaces: str) -> AsyncIterator[Service]:
        sender = AgentServerClient(stand_in.url, timeout=5)
        api = ApiServer(Configuration(host=fake.url), request_timeout=5)
        pauses = {
            "sweep_seconds": 3600,
            "reconcile_seconds": 3600,
            "settle_seconds": 0.1,
            "flush_seconds": 0.2,
        }
        engine = ArgoEngine(api, kill_grace_s=60, namespaces=namespaces)
        service = assemble(
            store,
            engine,
            sender,
            Translation(Options(shards=4), load_template()),
            installation="here",
            **pauses,
        )
        await service.start()
        try:
            yield service
        finally:
            await service.stop()
            await sender.close()

    return start


async def accept(service: Service) -> None:
    [answer] = await service.submit([TaskItem("t1", "CloudTask", "agent1", ITEM["args"])])
    assert answer.outcome == "accepted"


def finalizers(fake: FakeApi) -> dict[str, list[str]]:
    return {
        thing["metadata"]["name"]: thing["metadata"].get("finalizers") or []
        for thing in fake.objects["workflows"].values()
    }


async def released(fake: FakeApi) -> None:
    async def is_released() -> bool:
        return not any(finalizers(fake).values())

    await eventually(is_released)


async def test_a_workflow_without_a_record_is_told_to_its_end(fake, serving, stand_in):
    stand_in._collection.hand_out(["t1"])
    await fake.put("workflows", ended(made()))
    async with serving():
        final = await stand_in.final("t1")
        await released(fake)
    assert final["phase"] == "Succeeded"
    assert [step["phase"] for step in final["steps"]] == ["Succeeded", "Succeeded"]
    gaps = {each["step"] for each in stand_in.ledger.kept if each["kind"] == "gap"}
    assert gaps == {"s1", "s2"}
    assert stand_in.ledger.violations == []


async def test_a_namespace_that_cannot_be_read_keeps_nothing_from_the_others(fake, serving, stand_in):
    async def refuses(request):
        forbidden = status(403, "workflows is forbidden")
        return await says(403, forbidden)(request) if "/missing/" in request.path else None

    fake.faults["GET", "workflows"].extend([refuses] * 1000)
    stand_in._collection.hand_out(["t1"])
    await fake.put("workflows", ended(made()))
    async with serving("missing", "default") as service, asyncio.timeout(30):
        final = await stand_in.final("t1")
        await released(fake)
        told = await service.ready()
        metrics = (await service.desk.metrics()).decode()
    assert final["phase"] == "Succeeded"
    assert "missing: cannot list workflows in namespace missing" in told["namespaces"]
    assert "translator_namespaces_unreadable 1.0" in metrics


async def test_what_is_not_ours_is_left_as_it_is(fake, serving, stand_in, store):
    """Another installation's; one that people made of a rendered task; one unknown to agent-server."""
    rendered = made()
    for name in ("codo.dev/installation", "codo.dev/submission"):
        del rendered["metadata"]["annotations"][name]
    rendered["metadata"]["name"] = "by-hand"
    theirs = made(installation="theirs")
    theirs["metadata"]["name"] = "theirs"
    for workflow in (rendered, theirs, made()):
        await fake.put("workflows", ended(workflow))
    async with serving() as service:
        assert await service.reconciler.round() == []
    assert list(finalizers(fake).values()) == [[FINALIZER]] * 3
    assert await store.load("t1") is None
    assert stand_in.ledger.kept == []


async def test_a_workflow_that_is_deleted_while_nobody_looks_is_told_as_that(fake, serving, stand_in):
    async with serving() as service:
        await accept(service)
        await fake.until(lambda: len(fake.objects["workflows"]) == 1)

        async def is_recorded():
            return (await service.store.load("t1")).workflow is not None

        await eventually(is_recorded)
    [(namespace, name)] = fake.objects["workflows"]
    await fake.remove("workflows", name, namespace, silently=True)
    async with serving():
        final = await stand_in.final("t1")
    assert (final["phase"], final["reason"]) == ("Error", "WorkflowDeleted")
    assert stand_in.ledger.violations == []


async def test_a_finalizer_that_was_left_behind_is_taken_off(fake, serving, stand_in, store):
    stand_in._collection.hand_out(["t1"])
    await fake.put("workflows", ended(made()))
    async with serving() as service:
        await stand_in.final("t1")

        async def is_done():
            return not await store.open_tasks()

        await eventually(is_done)
        again = ended(made())
        await fake.put("workflows", again)
        assert await service.reconciler.round() == [("t1", "not-released")]
        await released(fake)
        assert await service.reconciler.round() == []


async def test_an_attempt_that_redis_does_not_know_yet_is_taken_up(fake, serving, stand_in, store):
    """A state of Redis from before the retry was restored."""
    stand_in._collection.hand_out(["t1"])
    await fake.put("workflows", ended(made()))
    async with serving() as service:
        await stand_in.final("t1")
        await released(fake)
        await fake.put("workflows", ended(made(attempt=2)))

        async def is_done():
            return not await store.open_tasks()

        await eventually(is_done)
        assert ("t1", "record-lost") in await service.reconciler.round()
        assert (await stand_in.final("t1", 2))["phase"] == "Succeeded"
        await released(fake)
    assert stand_in.ledger.violations == []


async def test_the_workflow_that_was_submitted_carries_its_submission(fake, serving, store):
    async with serving() as service:
        await accept(service)
        await fake.until(lambda: len(fake.objects["workflows"]) == 1)
    [workflow] = fake.objects["workflows"].values()
    annotations = workflow["metadata"]["annotations"]
    assert annotations["codo.dev/installation"] == "here"
    assert json.loads(annotations["codo.dev/submission"])["args"] == ITEM["args"]
    assert TAKEN_UP not in json.dumps(workflow)
