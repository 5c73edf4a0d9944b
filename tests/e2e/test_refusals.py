"""What a cluster refuses, in its own words, with a reason and a remedy."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.kubectl import KubectlError, apply, delete, delete_namespace, kubectl, make_namespace
from tests.e2e.stage import Play, Scene, Stage, staged
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


@pytest_asyncio.fixture(loop_scope="session")
async def denying_namespace(namespace: str) -> AsyncIterator[str]:
    """One where an admission policy lets no Workflow in."""
    name = f"{namespace}-denying"
    where = {"matchLabels": {"kubernetes.io/metadata.name": name}}
    rule = {
        "apiGroups": ["argoproj.io"],
        "apiVersions": ["*"],
        "resources": ["workflows"],
        "operations": ["CREATE"],
    }
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    policy = head | {
        "kind": "ValidatingAdmissionPolicy",
        "spec": {
            "matchConstraints": {"namespaceSelector": where, "resourceRules": [rule]},
            "validations": [{"expression": "false", "message": "no tasks on Sundays"}],
        },
    }
    binding = head | {
        "kind": "ValidatingAdmissionPolicyBinding",
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    await make_namespace(name)
    await apply(policy, binding)
    try:
        await _in_force(name)
        yield name
    finally:
        await delete(binding, policy)
        await delete_namespace(name)


async def _in_force(namespace: str) -> None:
    """Wait until the API server, which takes its time to read a new policy, denies a Workflow."""
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "probe", "namespace": namespace},
        "spec": {"entrypoint": "wait", "templates": [{"name": "wait", "suspend": {}}]},
    }
    async with asyncio.timeout(60):
        while True:
            try:
                await kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(workflow))
            except KubectlError as error:
                assert "no tasks on Sundays" in str(error)  # noqa: PT017  # until then there is no error
                return
            await asyncio.sleep(0.5)


async def test_an_admission_policy_for_workflows(stage: Stage, denying_namespace: str) -> None:
    """Also a task with a ConfigMap, which was there first: it goes with the Workflow that never was."""
    scene = Scene(task("echo '{{x}}'"), args={"namespace": denying_namespace})
    told = await stage.play("denied", scene)
    assert told.ended == ("Error", reasons.ADMISSION_DENIED)
    assert "denied request: no tasks on Sundays" in told.final["message"]
    assert told.final["remedy"] == reasons.remedy(reasons.ADMISSION_DENIED)
    assert told.outcomes == [("s1", "Skipped", None, "")]
    left = await kubectl(
        "get", "configmaps,secrets,workflows.argoproj.io", "-n", denying_namespace, "-o", "name"
    )
    assert left.split() == ["configmap/kube-root-ca.crt"]


async def test_a_workflow_that_argo_finds_invalid(namespace: str, tmp_path: Path) -> None:
    """The API server takes it, the controller does not: what every Workflow starts from has a mistake."""
    template = tmp_path / "workflow.yaml"
    template.write_text("{kind: Workflow, spec: {onExit: tidy-up}}")
    async with staged(namespace, tmp_path / "data", template=template) as stage:
        told = await stage.play("invalid", Scene(task("echo hi", "echo unreachable")))
    assert told.ended == ("Error", reasons.INVALID_WORKFLOW)
    assert told.final["message"].startswith("invalid spec: ")
    assert "tidy-up" in told.final["message"]
    assert told.final["remedy"] == reasons.remedy(reasons.INVALID_WORKFLOW)
    assert told.outcomes == [("s1", "Skipped", None, ""), ("s2", "Skipped", None, "")]
    assert told.lines == {}
