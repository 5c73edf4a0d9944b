"""Hands that reach into a real cluster with Argo, each told whole at agent-server's socket.

Needs KUBECONFIG (docs/cluster.md), an administrator's rights and kubectl. The scenes run some at once, in a
namespace of their own, behind a proxy that stands before the API server.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.outside.agent_server import AgentServer, Json
from tests.outside.conftest import own_redis
from tests.outside.hands import LOG_FINALIZER, Cluster, KubectlError, Redis, kubectl, namespace
from tests.outside.judge import Story, judge
from tests.outside.proxy import Proxy, Refusal, trusting
from tests.outside.service import Service, serving
from tests.outside.tasks import ALPINE, Step, Task, task

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_ONCE = 6
"""Scenes that are played at once: two cores can start the pods of so many."""

LONGEST_S = 300.0
START_GRACE_S = 40
SHORT = {"timeout": "10s"}
"""A step with it ends by itself START_GRACE_S later, though it never started."""

NOWHERE = {"podTemplate": {"nodeSelector": {"no": "such-node"}}}


@dataclass(frozen=True)
class Api:
    """The API server as KUBECONFIG names it.

    Attributes:
        url: of it.
        authority: its certificate authority.
        certified: a client's certificate and its key, where that is how one logs in.
        user: what is written into a kubeconfig otherwise.
    """

    url: str
    authority: bytes
    certified: tuple[bytes, bytes] | None
    user: Json

    @classmethod
    async def of_kubeconfig(cls) -> Api:
        config = json.loads(await kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"])
        keys = ("client-certificate-data", "client-key-data")
        certified = tuple(base64.b64decode(user[key]) for key in keys) if keys[0] in user else None
        return cls(cluster["server"], authority, certified, {} if certified else user)

    def proxy(self, folder: Path, *, administrator: bool = True) -> Proxy:
        """A proxy before it."""
        return Proxy(self.url, trusting(self.authority, self.certified if administrator else None), folder)


@dataclass(frozen=True)
class Scene:
    """A service behind a proxy, its Redis, its cluster, and agent-server."""

    told: AgentServer
    redis: Redis
    proxy: Proxy
    service: Service
    cluster: Cluster

    async def begin(self, *steps: Step, line: str = "s1 3", **more: Any) -> tuple[Task, str]:
        """Submit a task and wait for a line of it; returns it and its Workflow's name."""
        work = task(*(steps or (Step("s1", 200, pause=0.1),)), namespace=self.cluster.namespace, **more)
        (answer,) = await self.told.submit(self.service.url, work.item())
        assert answer["outcome"] == "accepted", answer
        await self.told.wait(lambda: self._workflow(work), 60, f"{work.id} has a Workflow")
        if line:
            await self.told.line(work.id, line, 90)
        return work, self._workflow(work)

    def _workflow(self, work: Task) -> str:
        named = [event["workflow"]["name"] for event in self.told.events(work.id) if event.get("workflow")]
        return named[0] if named else ""

    async def revoke(self, work: Task) -> None:
        (answer,) = await self.told.submit(self.service.url, work.revocation())
        assert answer["outcome"] == "accepted", answer

    async def ended(self, work: Task, seconds: float = 120, **more: Any) -> Story:
        """Wait for the task's end and judge all that was told of it."""
        await self.told.final(work.id, seconds)
        return judge(self.told, work, **more)

    async def let_go(self, workflow: str) -> None:
        """Wait until our finalizer is gone: nothing keeps the Workflow any more."""
        async with asyncio.timeout(60):
            while (found := await self.cluster.get("workflow", workflow)) is not None:
                if LOG_FINALIZER not in found["metadata"].get("finalizers", ()):
                    return
                await asyncio.sleep(0.5)


@dataclass(frozen=True)
class Stage:
    """What the scenes share, and what makes them a service of their own."""

    told: AgentServer
    api: Api
    cluster: Cluster
    folder: Path
    shared: Scene

    @contextlib.asynccontextmanager
    async def own(self, *, cluster: Cluster | None = None, **more: Any) -> AsyncIterator[Scene]:
        """A scene with a Redis, a proxy and a service of its own."""
        folder = self.folder / secrets.token_hex(4)
        folder.mkdir()
        async with _behind(self.told, self.api, cluster or self.cluster, folder, **more) as scene:
            yield scene


@contextlib.asynccontextmanager
async def _behind(
    told: AgentServer,
    api: Api,
    cluster: Cluster,
    folder: Path,
    *,
    user: Json | None = None,
    argo: Json | None = None,
    serve: bool = True,
    **settings: Any,
) -> AsyncIterator[Scene]:
    proxy = api.proxy(folder, administrator=user is None)
    await proxy.come()
    kubeconfig = str(proxy.kubeconfig(api.user if user is None else user))
    grouped = {
        "argo": {
            "kubeconfig": kubeconfig,
            "namespaces": [cluster.namespace],
            "killGraceSeconds": 5,
            **(argo or {}),
        },
        "workflow": {"startGraceSeconds": START_GRACE_S},
    }
    with own_redis(folder) as redis:
        common = {
            "SERVER-ADDRESS": told.url,
            "redisConfig": {"addr": redis.address},
            "shards": 4,
            "engine": "argo",
        }
        often = {"sweepSeconds": 2, "reconcileSeconds": 10, "installation": folder.name}
        service = Service(folder, {**common, **often, **grouped, **settings})
        try:
            async with serving(*[service] * serve):
                yield Scene(told, redis, proxy, service, cluster)
        finally:
            await proxy.go()


# ---- what hands do to objects


async def suspended_and_revoked(stage: Stage) -> None:
    scene = stage.shared
    work, workflow = await scene.begin(Step("s1", 600, pause=0.1), Step("s2"))
    await scene.cluster.suspend(workflow)
    told = await scene.told.event(work.id, 40, kind="status", reason="Suspended")
    assert "argo resume" in told["remedy"]
    await scene.revoke(work)
    story = await scene.ended(work, 60)
    assert (story.ended[0], story.phases) == ("Cancelled", ["Failed", "Skipped"])


async def suspended_past_its_deadline(stage: Stage) -> None:
    scene = stage.shared
    begun = time.monotonic()
    work, workflow = await scene.begin(Step("s1", 5, pause=0.1), Step("s2", 600, pause=0.1), timeout=30)
    await scene.cluster.suspend(workflow)
    story = await scene.ended(work, 90)
    assert 30 <= time.monotonic() - begun <= 60
    assert story.ended[0] == "TimedOut"


async def suspended_and_resumed(stage: Stage) -> None:
    scene = stage.shared
    work, workflow = await scene.begin(Step("s1", 30, pause=0.1), Step("s2"))
    await scene.cluster.suspend(workflow)
    await scene.told.event(work.id, 40, kind="status", reason="Suspended")
    await scene.told.event(work.id, 40, kind="step", name="s1", phase="Succeeded")
    await asyncio.sleep(5)
    assert not [
        event
        for event in scene.told.events(work.id)
        if event.get("name") == "s2" and event["phase"] != "Pending"
    ]
    await scene.cluster.resume(workflow)
    story = await scene.ended(work)
    assert (story.ended, story.needless) == (("Succeeded", ""), [])


async def suspended_while_pending_and_revoked(stage: Stage) -> None:
    scene = stage.shared
    work, workflow = await scene.begin(Step("s1"), Step("s2"), line="", top=NOWHERE)
    await scene.told.event(work.id, 60, kind="step", name="s1", phase="Pending")
    await scene.cluster.suspend(workflow)
    await scene.told.event(work.id, 40, kind="status", reason="Suspended")
    await scene.revoke(work)
    story = await scene.ended(work, 60)
    assert (story.ended[0], story.phases) == ("Cancelled", ["Skipped", "Skipped"])


async def suspended_while_pending_past_its_deadline(stage: Stage) -> None:
    scene = stage.shared
    work, workflow = await scene.begin(Step("s1"), Step("s2"), line="", top=NOWHERE, timeout=30)
    await scene.cluster.suspend(workflow)
    await scene.told.event(work.id, 25, kind="status", reason="Suspended")
    story = await scene.ended(work, 90)
    assert (story.ended[0], story.phases) == ("TimedOut", ["Skipped", "Skipped"])


async def waits_in_an_operator_s_template(stage: Stage) -> None:
    """A node that waits until it is resumed: it says so, goes on, and ends when it is revoked or late."""
    template = stage.folder / "waits.json"
    templates = [{"name": "wait-for-somebody", "suspend": {}}]
    spec = {"onExit": "wait-for-somebody", "templates": templates}
    template.write_text(json.dumps({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "spec": spec}))
    async with stage.own(workflow={"startGraceSeconds": START_GRACE_S, "template": str(template)}) as scene:
        resumed, workflow = await scene.begin(Step("s1", 5))
        revoked, _ = await scene.begin(Step("s1", 5))
        late, _ = await scene.begin(Step("s1", 5), timeout=40)
        for work in (resumed, revoked, late):
            told = await scene.told.event(work.id, 60, kind="status", reason="Suspended")
            assert "argo resume" in told["remedy"]
        await scene.cluster.resume_nodes(workflow)
        await scene.revoke(revoked)
        story = await scene.ended(resumed, 60)
        assert (story.ended, story.needless) == (("Succeeded", ""), [])
        assert (await scene.ended(revoked, 60)).phases == ["Succeeded"]
        assert (await scene.ended(late, 90)).phases == ["Succeeded"]
        ends = [(await scene.told.final(work.id, 1))["phase"] for work in (revoked, late)]
        assert ends == ["Cancelled", "TimedOut"]


async def an_operator_s_exit_handler_fails(stage: Stage) -> None:
    """Every step succeeded, and Argo says Failed: an Error, with Argo's words, in both layouts."""
    template = stage.folder / "leaves-badly.json"
    leave = {"image": ALPINE, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", "exit 5"]}
    spec = {"onExit": "leave", "templates": [{"name": "leave", "container": leave}]}
    template.write_text(json.dumps({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "spec": spec}))
    for layout in ("dag", "pod"):
        chosen = {"startGraceSeconds": START_GRACE_S, "template": str(template), "layout": layout}
        async with stage.own(workflow=chosen) as scene:
            work, workflow = await scene.begin(Step("s1", 5), Step("s2", 5))
            failing, _ = await scene.begin(Step("s1", 5, exit=3))
            story = await scene.ended(work)
            assert (story.ended[0], story.phases, story.needless) == ("Error", ["Succeeded"] * 2, [])
            assert "exit code 5" in story.final["message"], story.final
            # a step that failed goes before what happened at the exit
            story = await scene.ended(failing)
            assert (story.ended, story.phases) == (("Failed", "StepFailed"), ["Failed"])
            await scene.let_go(workflow)


async def somebody_else_retries_it_after_its_end(stage: Stage) -> None:
    """Nothing is told behind the final status; the service's own retry is an attempt of its own."""
    scene = stage.shared
    work, workflow = await scene.begin(Step("s1", 5), Step("s2", 5, exit=3), line="s2 5")
    story = await scene.ended(work)
    assert (story.ended, story.phases) == (("Failed", "StepFailed"), ["Succeeded", "Failed"])
    await scene.let_go(workflow)
    await scene.cluster.retry(workflow)
    await scene.cluster.ends(workflow)
    await asyncio.sleep(5)
    judge(scene.told, work)


async def somebody_else_retries_it_before_its_log_is_read(stage: Stage) -> None:
    """How it had ended is told; its lines, or a gap; and nothing of what runs again."""
    async with stage.own() as scene:
        work, workflow = await scene.begin(Step("s1", 60, pause=0.1, exit=3), Step("s2"))
        pod = await scene.cluster.pod(workflow)
        async with scene.proxy.refusing(403, re.compile(f".*/pods/{pod}/log.*")):
            assert await scene.cluster.ends(workflow) == "Failed"
            await asyncio.sleep(3)
            await scene.cluster.retry(workflow)
            await scene.told.final(work.id, 90)
        await scene.cluster.ends(workflow)
        await asyncio.sleep(5)
        story = judge(scene.told, work)
        assert (story.ended, story.phases) == (("Failed", "StepFailed"), ["Failed", "Skipped"])
        assert story.gaps["s1"]


async def labels_removed_from_the_workflow(stage: Stage) -> None:
    scene = stage.shared
    work, workflow = await scene.begin(Step("s1", 100, pause=0.1), Step("s2"))
    await scene.cluster.unlabel("workflow", workflow)
    story = await scene.ended(work, 90)
    assert (story.ended, story.needless) == (("Succeeded", ""), [])
    await scene.let_go(workflow)
    found = await scene.cluster.get("workflow", workflow)
    assert found is not None
    assert any(key.startswith("codo.dev/") for key in found["metadata"]["labels"])


async def labels_changed_on_the_workflow(stage: Stage) -> None:
    scene = stage.shared
    work, workflow = await scene.begin(Step("s1", 100, pause=0.1), Step("s2"))
    await scene.cluster.label("workflow", workflow, task_id="somebody-else", shard="999", attempt="7")
    story = await scene.ended(work, 90)
    assert (story.ended, story.needless) == (("Succeeded", ""), [])


async def labels_removed_from_the_pod(stage: Stage) -> None:
    scene = stage.shared
    work, workflow = await scene.begin(Step("s1", 100, pause=0.1), Step("s2"))
    await scene.cluster.unlabel("pod", await scene.cluster.pod(workflow))
    story = await scene.ended(work, 90)
    assert (story.ended, story.needless) == (("Succeeded", ""), [])


async def argo_s_own_label_is_removed_from_the_pod(stage: Stage) -> None:
    """Argo, which finds its pods by it, may say that the pod is gone; the task ends all the same."""
    scene = stage.shared
    work, workflow = await scene.begin(Step("s1", 100, pause=0.1), Step("s2"))
    pod = await scene.cluster.pod(workflow)
    await scene.cluster.unlabel("pod", pod, "workflows.argoproj.io/workflow")
    story = await scene.ended(work, 90)
    assert story.ended == ("Succeeded", ""), story.final


async def labels_removed_while_nobody_looks(stage: Stage) -> None:
    async with stage.own() as scene:
        work, workflow = await scene.begin(Step("s1", 150, pause=0.1), Step("s2"))
        await scene.service.kill()
        await scene.cluster.unlabel("workflow", workflow)
        await scene.cluster.unlabel("pod", await scene.cluster.pod(workflow))
        await scene.service.start()
        await scene.service.ready()
        story = await scene.ended(work, 90)
        assert (story.ended, story.needless) == (("Succeeded", ""), [])
        await scene.let_go(workflow)
        found = await scene.cluster.get("workflow", workflow)
        assert found is not None
        assert any(key.startswith("codo.dev/") for key in found["metadata"]["labels"])


async def labels_changed_while_nobody_looks(stage: Stage) -> None:
    """Another task's, another shard's, another attempt's: none of it is believed."""
    async with stage.own() as scene:
        work, workflow = await scene.begin(Step("s1", 150, pause=0.1), Step("s2"))
        pod = await scene.cluster.pod(workflow)
        await scene.service.kill()
        changed = {"task_id": "somebody-else", "shard": "999", "attempt": "7"}
        await scene.cluster.label("workflow", workflow, **changed)
        await scene.cluster.label("pod", pod, **changed, step="s2")
        await scene.service.start()
        await scene.service.ready()
        story = await scene.ended(work, 90)
        assert (story.ended, story.needless) == (("Succeeded", ""), [])
        await scene.let_go(workflow)


async def labels_removed_and_revoked(stage: Stage) -> None:
    scene = stage.shared
    work, workflow = await scene.begin(Step("s1", 600, pause=0.1), Step("s2"))
    await scene.cluster.unlabel("workflow", workflow)
    await scene.revoke(work)
    story = await scene.ended(work, 60)
    assert (story.ended[0], story.phases) == ("Cancelled", ["Failed", "Skipped"])


async def the_pod_is_deleted(stage: Stage) -> None:
    scene = stage.shared
    work, workflow = await scene.begin(Step("s1", 600, pause=0.1), Step("s2"))
    witness = asyncio.create_task(scene.cluster.witness(await scene.cluster.pod(workflow), "s1"))
    await asyncio.sleep(1)
    await scene.cluster.delete("pod", await scene.cluster.pod(workflow), "--grace-period=1")
    printed = await witness
    story = await scene.ended(work, printed={"s1": printed})
    assert (story.ended[0], story.phases) == ("Failed", ["Failed", "Skipped"])


async def the_workflow_is_deleted(stage: Stage) -> None:
    scene = stage.shared
    work, workflow = await scene.begin(Step("s1", 600, pause=0.1), Step("s2"))
    witness = asyncio.create_task(scene.cluster.witness(await scene.cluster.pod(workflow), "s1"))
    await asyncio.sleep(1)
    await scene.cluster.delete("workflow", workflow)
    await scene.cluster.unfinalize("workflow", workflow)
    printed = await witness
    story = await scene.ended(work, printed={"s1": printed})
    assert story.ended == ("Error", "WorkflowDeleted")
    assert story.phases[1] == "Skipped"


async def the_workflow_is_deleted_while_its_pod_is_pending(stage: Stage) -> None:
    """The step may run all the same: its lines are told, or a gap is, and why the task ended."""
    scene = stage.shared
    for _ in range(3):
        work, workflow = await scene.begin(Step("s1", 10), line="")
        pod = await scene.cluster.pod(workflow)
        witness = asyncio.create_task(scene.cluster.witness(pod, "s1"))
        await scene.cluster.delete("workflow", workflow)
        printed = await witness
        story = await scene.ended(work, printed={"s1": printed})
        if story.ended != ("Succeeded", ""):
            assert story.ended == ("Error", "WorkflowDeleted")
        await scene.let_go(workflow)


async def it_is_stopped_by_somebody_else(stage: Stage) -> None:
    """`argo terminate` and `argo stop`."""
    scene = stage.shared
    for strategy in ("Terminate", "Stop"):
        work, workflow = await scene.begin(Step("s1", 600, pause=0.1), Step("s2"))
        await scene.cluster.stop(workflow, strategy)
        story = await scene.ended(work, 60)
        assert (story.ended, story.phases) == (("Cancelled", "Terminated"), ["Failed", "Skipped"])


async def a_step_s_files_are_deleted(stage: Stage) -> None:
    """Text that Argo would change comes by a ConfigMap; who deletes it is named."""
    scene = stage.shared
    work, workflow = await scene.begin(
        Step("s1", 60, pause=0.1), Step("s2", before="echo '{{x}}' >/dev/null", more=SHORT)
    )
    owned = await scene.cluster.owned("configmaps", workflow)
    assert owned
    for name in owned:
        await scene.cluster.delete("configmap", name)
    story = await scene.ended(work)
    assert story.ended[0] in ("Failed", "Error")
    assert any(name in story.final["message"] for name in owned), story.final


async def a_task_s_secret_is_deleted(stage: Stage) -> None:
    scene = stage.shared
    params = {"db_password": "hunter2-hunter2"}
    steps = (Step("s1", 60, pause=0.1), Step("s2", after="echo $codo_db_password", more=SHORT))
    work, workflow = await scene.begin(*steps, params=params)
    owned = await scene.cluster.owned("secrets", workflow)
    assert owned
    for name in owned:
        await scene.cluster.delete("secret", name)
    story = await scene.ended(work, secrets=["hunter2-hunter2"])
    assert story.ended[0] in ("Failed", "Error")
    assert any(name in story.final["message"] for name in owned), story.final


async def steps_that_never_started_are_skipped(stage: Stage) -> None:
    scene = stage.shared
    revoked, _ = await scene.begin(Step("s1"), Step("s2"), line="", top=NOWHERE)
    late, _ = await scene.begin(Step("s1"), Step("s2"), line="", top=NOWHERE, timeout=10)
    await scene.told.event(revoked.id, 60, kind="step", name="s1", phase="Pending")
    await scene.revoke(revoked)
    story = await scene.ended(revoked)
    assert (story.ended[0], story.phases) == ("Cancelled", ["Skipped", "Skipped"])
    story = await scene.ended(late)
    assert (story.ended[0], story.phases) == ("TimedOut", ["Skipped", "Skipped"])


async def a_failed_step_before_one_that_may_fail(stage: Stage) -> None:
    """`build` (exit 3), then `notify` with onError continue, which Argo alone would call a success."""
    scene = stage.shared
    work, _ = await scene.begin(Step("build", 3, exit=3), Step("notify", continues=True), line="build 3")
    story = await scene.ended(work)
    assert (story.ended, story.phases) == (("Failed", "StepFailed"), ["Failed", "Skipped"])


async def reads_are_refused(stage: Stage, status: int) -> None:
    """For 20 s, in which the step ends: every line is told, later."""
    scene = stage.shared
    work, workflow = await scene.begin(Step("s1", 120, pause=0.1))
    pod = await scene.cluster.pod(workflow)
    async with scene.proxy.refusing(status, re.compile(f".*/pods/{pod}/log.*")):
        await asyncio.sleep(20)
    story = await scene.ended(work)
    assert (story.ended, story.needless, story.gaps) == (("Succeeded", ""), [], {"s1": []})


async def reads_are_refused_403(stage: Stage) -> None:
    await reads_are_refused(stage, 403)


async def reads_are_refused_409(stage: Stage) -> None:
    await reads_are_refused(stage, 409)


async def reads_are_refused_410(stage: Stage) -> None:
    await reads_are_refused(stage, 410)


# ---- what becomes of the way to the API server


async def everything_is_cut_again_and_again(stage: Stage) -> None:
    async with stage.own() as scene:
        work, workflow = await scene.begin(Step("s1", 200, pause=0.1), Step("s2", 1000))
        for _ in range(12):
            await asyncio.sleep(1.5)
            scene.proxy.cut()
        story = await scene.ended(work)
        assert (story.ended, story.needless) == (("Succeeded", ""), [])
        await scene.let_go(workflow)


async def it_says_nothing_any_more(stage: Stage) -> None:
    async with stage.own() as scene:
        work, _ = await scene.begin(Step("s1", 200, pause=0.1), Step("s2"))
        scene.proxy.silent = True
        await asyncio.sleep(40)
        scene.proxy.silent = False
        story = await scene.ended(work, 180)
        assert (story.ended, story.needless) == (("Succeeded", ""), [])


async def what_is_open_falls_silent(stage: Stage) -> None:
    """A balancer's backend has vanished: new connections work, and the old ones are held open for ever."""
    async with stage.own() as scene:
        work, _ = await scene.begin(Step("s1", 200, pause=0.1), Step("s2"))
        assert scene.proxy.swallow() >= 3
        begun = time.monotonic()
        story = await scene.ended(work, 180)
        assert (story.ended, story.needless, story.gaps["s1"]) == (("Succeeded", ""), [], [])
        assert time.monotonic() - begun <= 110


async def it_says_nothing_for_minutes(stage: Stage) -> None:
    """Nothing is refused and nothing is closed; that nothing can be seen is told within two minutes or so."""
    async with stage.own() as scene:
        work, _ = await scene.begin(Step("s1", 100, pause=0.1), Step("s2"))
        scene.proxy.silent = True
        await scene.told.event(work.id, 140, kind="status", phase="Running", reason="ClusterUnreachable")
        scene.proxy.silent = False
        story = await scene.ended(work, 100)
        assert (story.ended, story.needless) == (("Succeeded", ""), [])


async def it_cannot_be_reached_for_a_while(stage: Stage) -> None:
    """The task stays Running and says why; all its lines are told afterwards."""
    async with stage.own() as scene:
        work, _ = await scene.begin(Step("s1", 100, pause=0.1), Step("s2"))
        await scene.proxy.go()
        await scene.told.event(work.id, 60, kind="status", phase="Running", reason="ClusterUnreachable")
        await scene.proxy.come()
        story = await scene.ended(work)
        assert (story.ended, story.needless) == (("Succeeded", ""), [])


async def it_is_never_reached_again(stage: Stage) -> None:
    """unseenSeconds after the deadline the outcome is unknown, and says so; the order to end is kept."""
    async with stage.own(argo={"unseenSeconds": 15}) as scene:
        begun = time.monotonic()
        work, workflow = await scene.begin(Step("s1", 1200, pause=0.1), Step("s2"), timeout=30)
        await scene.proxy.go()
        story = await scene.ended(work, 120)
        assert time.monotonic() - begun >= 45
        assert story.ended == ("Error", "Unobserved")
        assert "unknown" in story.final["message"]
        assert story.gaps["s1"]
        assert story.phases[1] == "Skipped"
        await scene.proxy.come()
        async with asyncio.timeout(60):
            while (found := await scene.cluster.get("workflow", workflow)) and "shutdown" not in found[
                "spec"
            ]:
                await asyncio.sleep(0.5)
        await scene.let_go(workflow)


async def its_namespace_cannot_be_read_for_a_while(stage: Stage) -> None:
    async with stage.own() as scene:
        work, _ = await scene.begin(Step("s1", 150, pause=0.1), Step("s2"))
        async with scene.proxy.refusing(403, re.compile(f".*/namespaces/{scene.cluster.namespace}/.*")):
            await scene.told.event(work.id, 90, kind="status", phase="Running", reason="ClusterUnreachable")
        story = await scene.ended(work)
        assert (story.ended, story.needless) == (("Succeeded", ""), [])


async def it_refuses_now_and_then(stage: Stage) -> None:
    """Every third request, by turns as an API server that is busy, broken, or has a bad network before it."""
    async with stage.own() as scene:
        answers = itertools.cycle(
            [None, None, Refusal(429), None, None, Refusal(500), None, None, Refusal(0)]
        )
        scene.proxy.rules.append(lambda _, __: next(answers))
        works = [await scene.begin(Step("s1", 100, pause=0.1), Step("s2", 300), line="") for _ in range(2)]
        for work, workflow in works:
            story = await scene.ended(work, 180)
            assert (story.ended, story.needless) == (("Succeeded", ""), [])
            await scene.let_go(workflow)


async def its_namespace_is_deleted(stage: Stage) -> None:
    name = f"outside-{secrets.token_hex(4)}"
    async with namespace(name) as cluster, stage.own(cluster=cluster) as scene:
        work, _ = await scene.begin(Step("s1", 600, pause=0.1), Step("s2"))
        await kubectl("delete", "namespace", name, "--wait=false")
        story = await scene.ended(work)
        assert story.ended[0] in ("Error", "Failed")
        assert story.phases[1] == "Skipped"


async def its_namespace_is_deleted_with_the_service_s_rights_there(stage: Stage) -> None:
    """With a Role in it and no more, everything there is refused from then on, which alone says nothing."""
    name = f"outside-{secrets.token_hex(4)}"
    async with namespace(name) as cluster:
        token = await _account(stage.cluster, name)
        unseen = {"unseenSeconds": 20}
        async with stage.own(cluster=cluster, user={"token": token}, argo=unseen) as scene:
            work, _ = await scene.begin(Step("s1", 600, pause=0.1), Step("s2"), timeout=60)
            await kubectl("delete", "namespace", name, "--wait=false")
            story = await scene.ended(work, 180)
            # by what was seen before the rights went
            assert story.ended[1] in ("PodDeleted", "WorkflowDeleted", "Unobserved"), story.final
            assert story.phases[1] == "Skipped"


async def _account(cluster: Cluster, where: str) -> str:
    """A token of an account that may do what `translator rbac` gives it in a namespace, and no more."""
    name = f"translator-{secrets.token_hex(4)}"
    await cluster.run("create", "serviceaccount", name)
    account = f"{cluster.namespace}/{name}"
    command = (sys.executable, "-m", "translator", "rbac", where, "--account", account)
    rights = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, text=True)
    await kubectl("apply", "-f", "-", stdin=rights.stdout)
    return (await cluster.run("create", "token", name)).strip()


async def doctor_names_a_namespace_that_is_not_there(stage: Stage) -> None:
    """Whether it may look everywhere, or has a Role's rights in the other namespace alone."""
    missing = f"{stage.cluster.namespace}-missing"
    token = await _account(stage.cluster, stage.cluster.namespace)
    namespaces = {"namespaces": [stage.cluster.namespace, missing]}
    for user in (None, {"token": token}):
        async with stage.own(user=user, argo=namespaces, serve=False) as scene:
            code, findings = await scene.service.doctor()
            told = [each for each in findings if each["verdict"] == "fault" and missing in each["message"]]
            assert code == 3, findings
            assert told, findings
            if user is None:
                assert "does not exist" in told[0]["message"]


async def redis_lost_everything_beside_an_unreadable_namespace(stage: Stage) -> None:
    """The good namespace's tasks are taken up again; the other one is told of, and holds nothing up."""
    where = stage.cluster.namespace
    token = await _account(stage.cluster, where)
    namespaces = [where, f"{where}-missing"]
    async with stage.own(user={"token": token}, argo={"namespaces": namespaces}) as scene:
        work, workflow = await scene.begin(Step("s1", 200, pause=0.1), Step("s2"))
        scene.redis.empty()
        story = await scene.ended(work, lost=True)
        assert story.ended == ("Succeeded", "")
        await scene.let_go(workflow)
        _, said = await scene.service.get("/readyz")
        assert f"{where}-missing" in json.dumps(said)


async def the_service_is_killed(stage: Stage) -> None:
    async with stage.own() as scene:
        work, _ = await scene.begin(Step("s1", 200, pause=0.1), Step("s2", 500))
        for _ in range(3):
            await scene.service.kill()
            await scene.service.start()
            await scene.service.ready()
            await asyncio.sleep(1)
        story = await scene.ended(work)
        assert (story.ended, story.needless) == (("Succeeded", ""), [])


SCENES: dict[Callable[[Stage], Awaitable[None]], str] = {
    suspended_and_revoked: "",
    suspended_past_its_deadline: "",
    suspended_and_resumed: "",
    suspended_while_pending_and_revoked: "",
    suspended_while_pending_past_its_deadline: "",
    waits_in_an_operator_s_template: "",
    an_operator_s_exit_handler_fails: "",
    somebody_else_retries_it_after_its_end: "",
    somebody_else_retries_it_before_its_log_is_read: "",
    labels_removed_from_the_workflow: "",
    labels_changed_on_the_workflow: "",
    labels_removed_from_the_pod: "",
    labels_removed_and_revoked: "",
    argo_s_own_label_is_removed_from_the_pod: "",
    labels_removed_while_nobody_looks: "",
    labels_changed_while_nobody_looks: "",
    the_pod_is_deleted: "",
    the_workflow_is_deleted: "",
    the_workflow_is_deleted_while_its_pod_is_pending: "",
    it_is_stopped_by_somebody_else: "",
    a_step_s_files_are_deleted: "",
    a_task_s_secret_is_deleted: "",
    steps_that_never_started_are_skipped: "",
    a_failed_step_before_one_that_may_fail: "",
    reads_are_refused_403: "",
    reads_are_refused_409: "",
    reads_are_refused_410: "",
    everything_is_cut_again_and_again: "",
    it_says_nothing_any_more: "",
    what_is_open_falls_silent: "",
    it_says_nothing_for_minutes: "",
    it_cannot_be_reached_for_a_while: "",
    it_is_never_reached_again: "",
    it_refuses_now_and_then: "",
    its_namespace_cannot_be_read_for_a_while: "",
    its_namespace_is_deleted: "",
    its_namespace_is_deleted_with_the_service_s_rights_there: "",
    doctor_names_a_namespace_that_is_not_there: "",
    redis_lost_everything_beside_an_unreadable_namespace: "",
    the_service_is_killed: "",
}
"""Each with what is not mended yet; empty: it holds."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("no cluster: KUBECONFIG is not set (docs/cluster.md)")
    try:
        api = await Api.of_kubeconfig()
        await kubectl("get", "workflows.argoproj.io", "-n", "default")
    except (KubectlError, KeyError, OSError) as error:
        pytest.skip(f"no cluster with Argo: {error}")
    folder = tmp_path_factory.mktemp("outside")
    shared = folder / f"shared-{secrets.token_hex(4)}"
    shared.mkdir()
    async with (
        namespace(f"outside-{secrets.token_hex(4)}") as cluster,
        AgentServer().serving() as told,
        _behind(told, api, cluster, shared) as scene,
    ):
        yield Stage(told, api, cluster, folder, scene)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plays(stage: Stage, request: pytest.FixtureRequest) -> AsyncIterator[dict[Any, asyncio.Task[None]]]:
    """Every scene that was asked for, begun."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def play(scene: Callable[[Stage], Awaitable[None]]) -> None:
        async with slots, asyncio.timeout(LONGEST_S):
            await scene(stage)

    asked = [item.callspec.params["scene"] for item in request.session.items if "scene" in _params(item)]
    begun = {scene: asyncio.create_task(play(scene), name=scene.__name__) for scene in asked}
    try:
        yield begun
    finally:
        for played in begun.values():
            played.cancel()
        await asyncio.gather(*begun.values(), return_exceptions=True)


def _params(item: Any) -> Json:
    return item.callspec.params if hasattr(item, "callspec") and item.path == Path(__file__) else {}


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param(scene, id=scene.__name__, marks=[pytest.mark.xfail(reason=why)] if why else [])
        for scene, why in SCENES.items()
    ],
)
async def test_hands(plays, scene):
    await plays[scene]
