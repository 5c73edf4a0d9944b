"""What a cluster refuses, in its own words, with a reason and a remedy."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.kubectl import apply, delete_namespace, kubectl, make_namespace
from tests.e2e.stage import Play, Scene, Stage
from tests.e2e.tasks import task
from tests.e2e.told import Told
from translator.observe import reasons

pytestmark = pytest.mark.asyncio(loop_scope="session")
scene = pytest.mark.scene


@scene(task("echo hi", "echo unreachable", podTemplate={"priorityClassName": "no-such-class"}))
async def test_a_priority_class_that_is_not_there(told: Told) -> None:
    assert told.ended == ("Error", reasons.OBJECT_MISSING)
    assert "no PriorityClass with name no-such-class was found" in told.final["message"]
    assert told.outcomes == [("s1", "Failed", None, reasons.OBJECT_MISSING), ("s2", "Skipped", None, "")]


@scene(task("echo hi", podTemplate={"runtimeClassName": "no-such-class"}))
async def test_a_runtime_class_that_is_not_there(told: Told) -> None:
    assert told.ended == ("Error", reasons.OBJECT_MISSING)
    assert 'RuntimeClass "no-such-class" not found' in told.final["message"]


@pytest_asyncio.fixture(loop_scope="session")
async def strict_namespace(namespace: str) -> AsyncIterator[str]:
    """One that asks of every pod what the task does not give."""
    name = f"{namespace}-strict"
    await make_namespace(name, {"pod-security.kubernetes.io/enforce": "restricted"})
    try:
        yield name
    finally:
        await delete_namespace(name)


@pytest_asyncio.fixture(loop_scope="session")
async def small_namespace(namespace: str) -> AsyncIterator[str]:
    """One whose quota is too small for any pod."""
    name = f"{namespace}-small-{secrets.token_hex(2)}"
    await make_namespace(name)
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small", "namespace": name}}
    await apply({**quota, "spec": {"hard": {"pods": "0"}}})
    try:
        yield name
    finally:
        await delete_namespace(name)


async def test_a_policy_of_the_cluster(stage: Stage, strict_namespace: str) -> None:
    told = await stage.play("strict", Scene(task("echo hi"), args={"namespace": strict_namespace}))
    assert told.ended == ("Error", reasons.ADMISSION_DENIED)
    assert 'violates PodSecurity "restricted:latest"' in told.final["message"]


async def test_a_quota(stage: Stage, small_namespace: str) -> None:
    told = await stage.play(
        "quota", Scene(task("echo hi"), args={"namespace": small_namespace, "timeout": 15})
    )
    waiting = told.first(kind="step", name="s1", phase="Pending")
    assert waiting["reason"] == reasons.QUOTA_EXCEEDED
    assert "exceeded quota: small" in waiting["message"]
    assert waiting["remedy"] == reasons.remedy(reasons.QUOTA_EXCEEDED)
    assert told.ended == ("TimedOut", reasons.TASK_DEADLINE_EXCEEDED)
    assert told.outcomes == [("s1", "Failed", None, reasons.QUOTA_EXCEEDED)]
    assert "exceeded quota: small" in told.steps["s1"]["message"]


async def test_a_step_goes_on_once_the_quota_has_room(stage: Stage, small_namespace: str) -> None:
    async def make_room(play: Play) -> None:
        await play.event(kind="step", name="s1", reason=reasons.QUOTA_EXCEEDED)
        await kubectl("delete", "resourcequota", "small", "-n", small_namespace)

    told = await stage.play("room", Scene(task("echo hi"), make_room, {"namespace": small_namespace}))
    assert told.ended == ("Succeeded", "")
    assert told.lines == {"s1": ["hi"]}


async def test_a_namespace_that_is_not_there(stage: Stage) -> None:
    told = await stage.play("nowhere", Scene(task("echo hi"), args={"namespace": "no-such-namespace"}))
    assert told.ended == ("Error", reasons.NAMESPACE_NOT_FOUND)
    assert told.outcomes == [("s1", "Skipped", None, "")]
