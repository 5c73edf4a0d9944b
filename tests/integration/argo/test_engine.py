from __future__ import annotations

import asyncio
import gc
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from tests.integration.argo.fake_api import FakeApi, says, sends, status
from tests.integration.argo.followed import LABELS, REF, Follow, pod, workflow
from translator.engine.argo.client import ApiServer, Stream
from translator.engine.argo.engine import ArgoEngine
from translator.engine.argo.executor_token import ExecutorTokens
from translator.engine.argo.following import Following
from translator.engine.argo.step_logs import UNSEEN, StepLogs
from translator.engine.argo.watching import Pace
from translator.errors import PermanentError, TemporaryError
from translator.observe import reasons
from translator.observe.observation import (
    LogEnd,
    LogGap,
    LogLines,
    PodGone,
    PodSeen,
    Visibility,
    WorkflowGone,
    WorkflowSeen,
)
from translator.workflow.rendered import Rendered


@pytest.fixture
async def engine(api: ApiServer, pace: Pace) -> AsyncIterator[ArgoEngine]:
    made = ArgoEngine(api, pace=pace, kill_grace_s=60)
    yield made
    await made.close()


async def test_a_workflow_is_told_after_its_pods(fake: FakeApi, engine: ArgoEngine) -> None:
    await fake.put("workflows", workflow("Succeeded", {"a": "Succeeded", "b": "Succeeded"}))
    for step in "ab":
        await fake.put("pods", pod(step, "Succeeded", "terminated"))
        fake.logs[f"w-{step}", "main"].append(sends(b"2026-01-01T00:00:06.000000001Z hello\n"))
    await engine.start()
    follow = Follow(engine)
    await follow.next(WorkflowSeen)
    # a watch that begins late tells of a pod again, which is no harm
    told = [one for one in follow.seen if isinstance(one, PodSeen | WorkflowSeen)]
    assert {one.object["metadata"]["name"] for one in told[:-1]} == {"w-a", "w-b"}
    assert isinstance(told[-1], WorkflowSeen)
    while len(follow.of(LogEnd)) < 2:
        await follow.next(LogEnd)
    lines = {one.step: one.lines for one in follow.of(LogLines) if one.lines}
    assert lines == {"a": ("hello",), "b": ("hello",)}
    assert follow.of(LogGap) == []
    await follow.close()


async def test_what_changes_is_told_as_it_changes(fake: FakeApi, engine: ArgoEngine) -> None:
    await fake.put("workflows", workflow("Running"))
    await engine.start()
    await fake.watched("workflows")
    await fake.watched("pods")
    follow = Follow(engine)
    await follow.next(WorkflowSeen)
    await fake.put("pods", pod("a", "Pending", "waiting"))
    assert (await follow.next(PodSeen)).object["status"]["phase"] == "Pending"
    await fake.put("workflows", workflow("Failed"))
    assert (await follow.next(WorkflowSeen)).object["status"]["phase"] == "Failed"
    await fake.remove("pods", "w-a")
    assert (await follow.next(PodGone)).object["metadata"]["name"] == "w-a"
    await fake.remove("workflows", "w")
    await follow.next(WorkflowGone)
    await follow.close()


async def test_others_workflows_and_pods_are_not_told(fake: FakeApi, engine: ArgoEngine) -> None:
    await fake.put("workflows", workflow("Running"))
    await engine.start()
    await fake.watched("pods")
    follow = Follow(engine)
    await follow.next(WorkflowSeen)
    stranger = pod("s", "Pending", "waiting")
    stranger["metadata"]["ownerReferences"] = [{"uid": "another"}]
    await fake.put("pods", stranger)
    another = pod("o", "Pending", "waiting")
    another["metadata"]["labels"]["workflows.argoproj.io/workflow"] = "other"
    await fake.put("pods", another)
    await fake.put("pods", pod("a", "Pending", "waiting"))
    assert (await follow.next(PodSeen)).object["metadata"]["name"] == "w-a"
    assert len(follow.of(PodSeen)) == 1
    await follow.close()


async def test_a_pod_that_only_left_the_watch_is_not_gone(fake: FakeApi, engine: ArgoEngine) -> None:
    await fake.put("workflows", workflow("Running"))
    await fake.put("pods", pod("a", "Pending", "waiting"))
    await engine.start()
    await fake.watched("pods")
    follow = Follow(engine)
    await follow.next(WorkflowSeen)
    fake.version += 1
    held = fake.objects["pods"]["default", "w-a"]
    fake.faults["GET", "pods"].append(says(503, "away"))
    await fake.tell("pods", {"type": "DELETED", "object": held})
    # it is asked for again; by then it has changed, so that there is something to tell
    await fake.put("pods", pod("a"), silently=True)
    assert (await follow.next(PodSeen)).object["status"]["phase"] == "Running"
    assert follow.of(PodGone) == []
    await follow.close()


async def test_what_is_told_again_unchanged_is_not_passed_on(fake: FakeApi, engine: ArgoEngine) -> None:
    await fake.put("workflows", workflow("Running", {"a": "Pending"}))
    await fake.put("pods", pod("a", "Pending", "waiting"))
    await engine.start()
    await fake.watched("pods")
    await fake.watched("workflows")
    follow = Follow(engine)
    await follow.next(WorkflowSeen)
    for _ in range(3):
        await fake.put("workflows", workflow("Running", {"a": "Pending"}))
        await fake.put("pods", pod("a", "Pending", "waiting"))
    await fake.put("pods", pod("a", "Pending", "waiting", new="yes"))
    await follow.next(PodSeen)
    await fake.put("workflows", workflow("Running", {"a": "Running"}))
    await follow.next(WorkflowSeen)
    assert (len(follow.of(PodSeen)), len(follow.of(WorkflowSeen))) == (2, 2)
    await follow.close()


async def test_what_vanished_while_nobody_watched_is_found_missing(fake: FakeApi, engine: ArgoEngine) -> None:
    await fake.put("workflows", workflow("Running"))
    await fake.put("pods", pod("a", "Pending", "waiting"))
    await fake.put("pods", pod("b", "Pending", "waiting"))
    await engine.start()
    await fake.watched("pods")
    await fake.watched("workflows")
    follow = Follow(engine)
    await follow.next(WorkflowSeen)
    await fake.remove("pods", "w-a", silently=True)
    await fake.remove("workflows", "w", silently=True)
    expired = '{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}'
    await fake.tell("pods", expired)
    assert (await follow.next(PodGone)).object["metadata"]["name"] == "w-a"
    await fake.tell("workflows", expired)
    await follow.next(WorkflowGone)
    assert len(follow.of(PodGone)) == 1
    await follow.close()


async def test_a_slow_reader_gets_the_newest_form_only(fake: FakeApi, engine: ArgoEngine) -> None:
    await fake.put("workflows", workflow("Running"))
    await engine.start()
    await fake.watched("workflows")
    follow = Follow(engine)
    await follow.next(WorkflowSeen)
    for number in range(50):
        await fake.put("workflows", workflow("Running", annotations={"number": str(number)}))
    again = Follow(engine)
    await again.until(
        lambda one: isinstance(one, WorkflowSeen) and one.object["metadata"]["annotations"]["number"] == "49"
    )
    await follow.until(
        lambda one: isinstance(one, WorkflowSeen) and one.object["metadata"]["annotations"]["number"] == "49"
    )
    assert len(follow.seen) < 10
    await follow.close()
    await again.close()


async def test_a_workflow_made_anew_under_the_name_is_not_ours(fake: FakeApi, engine: ArgoEngine) -> None:
    await fake.put("workflows", workflow("Running", uid="another"))
    await engine.start()
    follow = Follow(engine)
    await follow.next(WorkflowGone)
    assert follow.of(WorkflowSeen) == []
    await follow.close()


async def test_logs_of_pods_that_are_gone_end_all_the_same(fake: FakeApi, engine: ArgoEngine) -> None:
    await fake.put("workflows", workflow("Failed", {"a": "Succeeded", "b": "Succeeded", "c": "Omitted"}))
    await engine.start()
    follow = Follow(engine, {"a": {"pod": "u", "container": "c", "ended": True}})
    while len(follow.of(LogEnd)) < 3:
        await follow.next(LogEnd)
    assert sorted(one.step for one in follow.of(LogEnd)) == ["a", "b", "c"]
    assert [(one.step, one.why) for one in follow.of(LogGap)] == [
        ("b", "the pod was gone before its log was read to its end")
    ]
    await follow.close()


async def test_a_log_is_read_though_the_pods_watch_has_not_told_of_its_pod(
    fake: FakeApi, engine: ArgoEngine
) -> None:
    await fake.put("workflows", workflow("Running"))
    await engine.start()
    await fake.watched("workflows")
    await fake.watched("pods")
    follow = Follow(engine)
    await follow.next(WorkflowSeen)
    await fake.put("pods", pod("a", "Succeeded", "terminated"), silently=True)
    fake.logs["w-a", "main"].append(sends(b"2026-01-01T00:00:06.000000001Z hello\n"))
    await fake.put("workflows", workflow("Succeeded", {"a": "Succeeded"}))
    await follow.next(LogEnd)
    assert [line for one in follow.of(LogLines) for line in one.lines] == ["hello"]
    assert follow.of(LogGap) == []
    await follow.close()


async def test_a_workflow_deleted_while_nobody_looked_ends_the_logs_that_were_open(
    fake: FakeApi, engine: ArgoEngine
) -> None:
    await engine.start()
    follow = Follow(engine, {"a": {"pod": "u", "container": "c"}})
    await follow.next(LogEnd)
    assert follow.of(WorkflowGone) == [WorkflowGone()]
    assert [one.step for one in follow.of(LogGap)] == ["a"]
    await follow.close()


async def test_a_workflow_deleted_while_it_runs_is_stopped_and_told_as_gone(
    fake: FakeApi, engine: ArgoEngine
) -> None:
    await fake.put("workflows", workflow("Running", deletionTimestamp="2026-01-01T00:01:00Z"))
    await engine.start()
    follow = Follow(engine)
    going = asyncio.create_task(follow.next(WorkflowGone))
    async with asyncio.timeout(5):
        await fake.until(lambda: "shutdown" in fake.objects["workflows"]["default", "w"]["spec"])
    ended = workflow("Failed", deletionTimestamp="2026-01-01T00:01:00Z")
    ended["status"]["finishedAt"] = "2026-01-01T00:01:02Z"
    await fake.put("workflows", ended)
    await going
    assert follow.of(WorkflowSeen) == []
    assert fake.count("PATCH", "workflows") == 1
    await follow.close()


async def test_a_workflow_that_ends_within_the_second_of_its_deletion_is_told_as_gone(
    fake: FakeApi, engine: ArgoEngine
) -> None:
    ended = workflow("Failed", deletionTimestamp="2026-01-01T00:01:00Z")
    ended["status"]["finishedAt"] = "2026-01-01T00:01:00Z"
    ended["spec"]["shutdown"] = "Terminate"
    await fake.put("workflows", ended)
    await engine.start()
    follow = Follow(engine)
    await follow.next(WorkflowGone)
    assert follow.of(WorkflowSeen) == []
    await follow.close()


async def test_a_process_that_only_the_last_form_of_its_pod_shows_lacks_its_log(
    fake: FakeApi, engine: ArgoEngine
) -> None:
    await fake.put("workflows", workflow("Running", {"a": "Pending"}))
    await fake.put("pods", pod("a", "Pending", "waiting"))
    await engine.start()
    await fake.watched("pods")
    follow = Follow(engine)
    await follow.next(WorkflowSeen)
    await fake.put("pods", pod("a", "Failed", "terminated"), silently=True)
    await fake.remove("pods", "w-a")
    await fake.remove("workflows", "w")
    while not (follow.of(LogEnd) and follow.of(PodGone)):
        await follow.until(lambda one: isinstance(one, LogEnd | PodGone))
    assert [gap.step for gap in follow.of(LogGap)] == ["a"]
    assert follow.of(PodGone)[0].object["status"]["phase"] == "Failed"
    await follow.close()


async def test_a_pod_whose_end_nobody_saw_may_have_run(fake: FakeApi, engine: ArgoEngine) -> None:
    await fake.put("workflows", workflow("Running", {"a": "Pending"}))
    scheduled = pod("a", "Pending", "waiting")
    scheduled["spec"]["nodeName"] = "node"
    await fake.put("pods", scheduled)
    await fake.put("pods", pod("b", "Pending", "waiting"))
    await engine.start()
    await fake.watched("pods")
    follow = Follow(engine)
    await follow.next(WorkflowSeen)
    for step in "ab":
        await fake.remove("pods", f"w-{step}", silently=True)
    await fake.tell("pods", '{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}')
    while len(follow.of(PodGone)) < 2:
        await follow.next(PodGone)
    gaps = follow.of(LogGap)
    assert [(gap.step, gap.why) for gap in gaps] == [("a", UNSEEN)]
    gone = {one.object["metadata"]["name"]: one for one in follow.of(PodGone)}
    assert follow.seen.index(gaps[0]) < follow.seen.index(gone["w-a"])
    await follow.close()


async def test_who_begins_to_follow_while_nothing_can_be_seen_is_told_so(
    fake: FakeApi, engine: ArgoEngine
) -> None:
    await fake.put("workflows", workflow("Running"))
    await engine.start()
    await fake.watched("workflows")
    early = Follow(engine)
    await early.next(WorkflowSeen)
    away = [says(503, status(503, "away"))] * 500
    for verb in ("GET", "WATCH"):
        fake.faults[verb, "workflows"].extend(away)
    await fake.tell("workflows", '{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}')
    assert "away" in (await early.next(Visibility)).why_not
    late = Follow(engine)
    assert "away" in (await late.next(Visibility)).why_not
    fake.faults.clear()
    for follow in (early, late):
        assert (await follow.next(Visibility)).why_not == ""
        await follow.close()


STEP_POD = {"codo.dev/step-timeout": "1h", "workflows.argoproj.io/node-name": "w.a"}
"""Annotations that a step's pod has, beside its labels."""

OURS = {key: text for key, text in LABELS.items() if key.startswith("codo.dev/")}
EDITED: dict[str, dict[str, str]] = {
    "ours are gone": {"workflows.argoproj.io/workflow": "w"},
    "ours are changed": {**LABELS, "codo.dev/task-id": "x", "codo.dev/shard": "7", "codo.dev/step": "b"},
    "argo's is gone": OURS,
    "all are gone": {},
}


def edited(thing: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    """The object with these labels alone, its owner as Kubernetes writes it."""
    owner = {"ownerReferences": [{"kind": "Workflow", "name": "w", "uid": "uid-w"}]}
    return {**thing, "metadata": {**thing["metadata"], **owner, "labels": labels}}


@pytest.mark.parametrize("labels", EDITED.values(), ids=EDITED.keys())
async def test_labels_that_somebody_edits_are_put_back(
    fake: FakeApi, engine: ArgoEngine, labels: dict[str, str]
) -> None:
    await fake.put("workflows", workflow("Running", {"a": "Running"}))
    await fake.put("pods", pod("a", **STEP_POD))
    fake.logs["w-a", "main"].append(sends(then="hang"))
    await engine.start()
    await fake.watched("workflows")
    await fake.watched("pods")
    follow = Follow(engine)
    await follow.next(WorkflowSeen)
    going = asyncio.create_task(follow.next(WorkflowGone))
    for resource, name in (("workflows", "w"), ("pods", "w-a")):
        thing = fake.objects[resource]["default", name]
        before = OURS if resource == "workflows" else dict(thing["metadata"]["labels"])
        changed = fake.objects[resource]["default", name] = edited(thing, labels)
        fake.version += 1
        version = str(fake.version)
        selected = "codo.dev/task-id" in labels
        last = changed if selected else thing
        last = {**last, "metadata": {**last["metadata"], "resourceVersion": version}}
        await fake.tell(resource, {"type": "MODIFIED" if selected else "DELETED", "object": last})
        async with asyncio.timeout(5):
            await fake.until(
                lambda resource=resource, name=name, before=before: (
                    before.items() <= fake.objects[resource]["default", name]["metadata"]["labels"].items()
                )
            )
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    assert follow.of(WorkflowGone) == []
    assert follow.of(PodGone) == []
    await follow.close()


@pytest.mark.parametrize("labels", EDITED.values(), ids=EDITED.keys())
async def test_labels_that_somebody_edited_while_nobody_looked_are_put_back(
    fake: FakeApi, engine: ArgoEngine, labels: dict[str, str]
) -> None:
    """The pod is found by its name where a list by labels lacks it, and its log is read."""
    running = workflow("Running", {"a": "Running"})
    running["status"]["nodes"]["w-a"].update(id="w-17", templateName="a")
    await fake.put("workflows", edited(running, labels))
    step = pod("a", **STEP_POD)
    step["metadata"]["name"] = "w-a-17"
    await fake.put("pods", edited(step, labels))
    fake.logs["w-a-17", "main"].append(sends(b"2026-01-01T00:00:06.000000001Z hello\n", then="hang"))
    await engine.start()
    follow = Follow(engine)
    await follow.until(lambda one: isinstance(one, LogLines) and bool(one.lines))
    assert [(one.step, one.lines) for one in follow.of(LogLines) if one.lines] == [("a", ("hello",))]
    async with asyncio.timeout(5):
        await fake.until(
            lambda: (
                OURS.items() <= fake.objects["workflows"]["default", "w"]["metadata"]["labels"].items()
                and fake.objects["pods"]["default", "w-a-17"]["metadata"]["labels"]
                == {**LABELS, "codo.dev/step": "a"}
            )
        )
    assert follow.of(PodGone) == []
    await follow.close()


async def test_labels_that_cannot_be_put_back_keep_no_task_from_its_end(
    fake: FakeApi, engine: ArgoEngine
) -> None:
    """No watch tells of what lacks them, so the Workflow and its pod are read again and again."""
    fake.faults["PATCH", "workflows"].extend([says(403, status(403, "no"))] * 5000)
    fake.faults["PATCH", "pods"].extend([says(403, status(403, "no"))] * 5000)
    await fake.put("workflows", edited(workflow("Running", {"a": "Running"}), {}))
    await fake.put("pods", edited(pod("a", **STEP_POD), {"workflows.argoproj.io/workflow": "w"}))
    fake.logs["w-a", "main"].append(sends(b"2026-01-01T00:00:06.000000001Z hello\n"))
    await engine.start()
    follow = Follow(engine)
    await follow.next(WorkflowSeen)
    await fake.put("pods", edited(pod("a", "Succeeded", "terminated", **STEP_POD), {}), silently=True)
    await fake.put("workflows", edited(workflow("Succeeded", {"a": "Succeeded"}), {}), silently=True)
    while not (follow.of(LogEnd) and follow.of(WorkflowSeen)[-1].object["status"]["phase"] == "Succeeded"):
        await follow.until(lambda _: True)
    assert [one.lines for one in follow.of(LogLines) if one.lines] == [("hello",)]
    await follow.close()


async def test_a_pod_that_came_back_to_the_watch_and_whose_end_nobody_saw_may_have_run(
    fake: FakeApi, engine: ArgoEngine
) -> None:
    await fake.put("workflows", workflow("Running", {"a": "Pending"}))
    scheduled = pod("a", "Pending", "waiting")
    scheduled["spec"]["nodeName"] = "node"
    await fake.put("pods", scheduled)
    await engine.start()
    await fake.watched("pods")
    follow = Follow(engine)
    await follow.next(WorkflowSeen)
    fake.version += 1
    await fake.tell("pods", {"type": "DELETED", "object": fake.objects["pods"]["default", "w-a"]})
    again = pod("a", "Pending", "waiting", seen="again")
    again["spec"]["nodeName"] = "node"
    await fake.put("pods", again)
    await follow.next(PodSeen)
    await fake.remove("pods", "w-a", silently=True)
    await fake.tell("pods", '{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}')
    await follow.next(PodGone)
    assert [gap.why for gap in follow.of(LogGap)] == [UNSEEN]
    await follow.close()


async def test_a_workflow_that_its_ttl_deletes_is_told_as_it_ended(fake: FakeApi, engine: ArgoEngine) -> None:
    ended = workflow("Succeeded", deletionTimestamp="2026-01-01T00:01:00Z")
    ended["status"]["finishedAt"] = "2026-01-01T00:00:30Z"
    await fake.put("workflows", ended)
    await engine.start()
    follow = Follow(engine)
    assert (await follow.next(WorkflowSeen)).object["status"]["phase"] == "Succeeded"
    await follow.close()


async def test_a_running_step_s_deadline_is_lowered_once(fake: FakeApi, engine: ArgoEngine) -> None:
    await fake.put("workflows", workflow("Running"))
    await fake.put("pods", pod("a", **{"codo.dev/step-timeout": "90s"}))
    fake.logs["w-a", "main"].append(sends(then="hang"))
    await engine.start()
    await fake.watched("pods")
    follow = Follow(engine)
    await follow.until(
        lambda one: isinstance(one, PodSeen) and one.object["spec"]["activeDeadlineSeconds"] == 4 + 90 + 1
    )
    patches = [body for verb, resource, _, body in fake.bodies if (verb, resource) == ("PATCH", "pods")]
    assert patches == [{"metadata": {"uid": "uid-w-a"}, "spec": {"activeDeadlineSeconds": 95}}]
    await follow.close()


async def test_terminate_deletes_what_outlives_the_grace(
    fake: FakeApi, engine: ArgoEngine, slept: list[float]
) -> None:
    await fake.put("workflows", workflow("Running"))
    await fake.put("pods", pod("a"))
    fake.faults["GET", "pods"].append(says(500, "etcd is away"))
    await engine.terminate(REF)
    await engine.terminate(REF)
    assert fake.objects["workflows"]["default", "w"]["spec"]["shutdown"] == "Terminate"
    async with asyncio.timeout(5):
        await fake.until(lambda: not fake.objects["pods"])
    assert slept[0] == 60
    assert len([1 for verb, path, _ in fake.requests if verb == "DELETE"]) == 1


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (says(403, status(403, "pods is forbidden")), PermanentError, "cannot list workflows"),
        (says(404, "404 page not found"), PermanentError, "cannot list workflows"),
        (says(503, "away"), TemporaryError, "cannot list workflows"),
    ],
)
async def test_start_says_what_is_missing(
    fake: FakeApi, engine: ArgoEngine, answer: Any, error: type[Exception], words: str
) -> None:
    fake.faults["GET", "workflows"].append(answer)
    with pytest.raises(error, match=words):
        await engine.start()


async def test_some_namespaces_are_watched_and_nothing_is_asked_of_others(
    fake: FakeApi, api: ApiServer, pace: Pace
) -> None:
    engine = ArgoEngine(api, namespaces=["team-a", "default"], pace=pace)
    await engine.start()
    await fake.watched("pods", 2)
    await fake.watched("workflows", 2)
    await fake.put("workflows", workflow("Running"))
    follow = Follow(engine)
    await follow.next(WorkflowSeen)
    await fake.put("workflows", workflow("Failed"))
    assert (await follow.next(WorkflowSeen)).object["status"]["phase"] == "Failed"
    await follow.close()
    await fake.until(lambda: fake.count("GET", "/configmaps") == 2)
    await engine.close()
    outside = [path for _, path, _ in fake.requests if not re.search("/namespaces/(team-a|default)/", path)]
    assert outside == []


async def test_a_task_for_a_namespace_that_is_not_watched_is_refused(api: ApiServer, pace: Pace) -> None:
    engine = ArgoEngine(api, namespaces=["team-a"], pace=pace)
    elsewhere = Rendered({"metadata": {"namespace": "team-b", "name": "w"}})
    with pytest.raises(PermanentError, match=r"team-b: argo\.namespaces has only team-a") as refused:
        await engine.submit(elsewhere)
    assert refused.value.reason == reasons.NAMESPACE_NOT_WATCHED
    await engine.close()


def with_executor(name: str, namespace: str = "default") -> Rendered:
    spec = {"executor": {"serviceAccountName": "executor"}}
    metadata = {"namespace": namespace, "name": name}
    return Rendered({"kind": "Workflow", "metadata": metadata, "spec": spec})


async def test_a_workflow_whose_executor_has_no_token_is_not_made(
    fake: FakeApi, api: ApiServer, pace: Pace
) -> None:
    engine = ArgoEngine(api, pace=pace)
    fake.without_token.add("team-a")
    waits = r"namespace team-a has no Secret executor\.service-account-token.*translator rbac team-a"
    results = await asyncio.gather(
        *(engine.submit(with_executor(f"w{n}", "team-a")) for n in range(9)), return_exceptions=True
    )
    for error in results:
        assert isinstance(error, TemporaryError)
        assert error.reason == reasons.EXECUTOR_TOKEN_MISSING
        assert re.search(waits, error.message)
    assert fake.objects["workflows"] == {}
    dry = [query for verb, path, query in fake.requests if verb == "POST"]
    assert dry == [{"dryRun": "All"}]  # one question for all of them
    assert fake.objects["secrets"] == {}
    for _ in range(2):
        await engine.submit(with_executor("here"))
    assert fake.count("POST", "/namespaces/default/secrets") == 1
    # a Workflow that was made before the token went is followed
    await fake.put("workflows", dict(with_executor("w0", "team-a").workflow))
    assert (await engine.submit(with_executor("w0", "team-a"))).name == "w0"
    await engine.close()


async def test_no_task_is_the_service_s_own_account(fake: FakeApi, api: ApiServer, pace: Pace) -> None:
    fake.user = "system:serviceaccount:team-a:odd-name"
    engine = ArgoEngine(api, pace=pace)
    spec: dict[str, Any] = {"serviceAccountName": "odd-name"}
    for namespace in ("team-b", "team-a"):
        made = Rendered({"metadata": {"namespace": namespace, "name": "w"}, "spec": spec})
        if namespace == "team-b":
            await engine.submit(made)
            continue
        with pytest.raises(PermanentError, match="the service does") as refused:
            await engine.submit(made)
        assert refused.value.reason == reasons.POLICY_VIOLATION
    assert list(fake.objects["workflows"]) == [("team-b", "w")]
    assert fake.count("POST", "selfsubjectreviews") == 1
    await engine.close()


async def test_what_is_known_of_a_token_gets_old(fake: FakeApi, api: ApiServer) -> None:
    clock = [0.0]
    tokens = ExecutorTokens(api, lambda: clock[0])
    fake.without_token.add("team-a")
    assert await tokens.missing("team-a", "executor")
    fake.without_token.clear()
    clock[0] = 4.9
    assert await tokens.missing("team-a", "executor")
    clock[0] = 5.0
    assert not await tokens.missing("team-a", "executor")
    fake.without_token.add("team-a")
    clock[0] = 304.9
    assert not await tokens.missing("team-a", "executor")
    clock[0] = 305.0
    assert await tokens.missing("team-a", "executor")


async def test_where_nobody_tells_of_the_token_the_workflow_is_made(fake: FakeApi, api: ApiServer) -> None:
    for words in ("exceeded quota: x", 'User "x" cannot create resource "secrets"'):
        fake.faults["POST", "secrets"].append(says(403, status(403, words)))
        assert not await ExecutorTokens(api).missing("default", "executor")
    # and what nobody told is asked again soon
    clock = [0.0]
    tokens = ExecutorTokens(api, lambda: clock[0])
    fake.faults["POST", "secrets"].append(says(404, status(404, 'namespaces "default" not found')))
    fake.without_token.add("default")
    assert not await tokens.missing("default", "executor")
    clock[0] = 5.0
    assert await tokens.missing("default", "executor")
    fake.faults["POST", "secrets"].append(says(503, status(503, "away")))
    with pytest.raises(TemporaryError, match="away"):
        await ExecutorTokens(api).missing("default", "executor")


async def test_a_namespace_that_is_taken_off_the_list_is_watched_while_tasks_run_in_it(
    fake: FakeApi, api: ApiServer, pace: Pace
) -> None:
    engine = ArgoEngine(api, namespaces=["team-a"], pace=pace)
    await engine.start()
    await fake.put("workflows", workflow("Running"))
    follow = Follow(engine)
    await follow.next(WorkflowSeen)
    await fake.watched("workflows", 2)
    await fake.put("workflows", workflow("Failed"))
    await follow.until(
        lambda one: isinstance(one, WorkflowSeen) and one.object["status"]["phase"] == "Failed"
    )
    await follow.close()
    await engine.close()


async def test_a_namespace_without_permission_keeps_no_other_from_being_served(
    fake: FakeApi, api: ApiServer, pace: Pace
) -> None:
    refusal = says(403, status(403, "workflows is forbidden"))
    fake.faults["GET", "workflows"].append(refusal)
    engine = ArgoEngine(api, namespaces=["gone", "default"], pace=pace)
    await engine.start()
    await fake.watched("workflows", 2)
    await engine.close()


async def test_a_cluster_that_is_not_there(pace: Pace, unused_tcp_port: int) -> None:
    from kubernetes.aio.client import Configuration

    engine = ArgoEngine(ApiServer(Configuration(host=f"http://127.0.0.1:{unused_tcp_port}")), pace=pace)
    with pytest.raises(TemporaryError, match=f"127.0.0.1:{unused_tcp_port}"):
        await engine.start()
    await engine.close()


async def test_leaving_a_follow_leaves_nothing_behind(fake: FakeApi, engine: ArgoEngine) -> None:
    await fake.put("workflows", workflow("Running"))
    await fake.put("pods", pod("a"))
    fake.logs["w-a", "main"].append(sends(then="hang"))
    await engine.start()
    async with aclosing(engine.follow(REF, {})) as following:  # type: ignore[type-var]
        async for seen in following:
            if isinstance(seen, WorkflowSeen):
                break
    left = {str(task.get_coro()) for task in asyncio.all_tasks()}
    assert not [coro for coro in left if "Following" in coro or "PodLog" in coro]
    watch = engine._watches.of("default")
    assert watch.pods._sinks == {}
    assert watch.workflows._sinks == {}


async def test_a_followed_workflow_leaves_nothing_to_the_garbage_collector(
    fake: FakeApi, engine: ArgoEngine
) -> None:
    """Full collections are rare, and all that was seen of a Workflow would wait for one."""
    fake.logs["w-a", "main"].append(sends(b"2026-01-01T00:00:06.000000001Z one\n"))
    await engine.start()
    await fake.watched("workflows")
    await fake.watched("pods")
    gc.collect()
    gc.disable()
    try:
        for _ in range(2):  # a watch still knows the last one that it told something
            await fake.put("workflows", workflow("Running"))
            await fake.put("pods", pod("a"))
            follow = Follow(engine)
            await follow.next(LogLines)
            await fake.put("pods", pod("a", "Succeeded", "terminated"))
            await fake.put("workflows", workflow("Succeeded"))
            await follow.next(LogEnd)
            await follow.close()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        assert not [left for left in gc.garbage if isinstance(left, Following | Stream | StepLogs)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
