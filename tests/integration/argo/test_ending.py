from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from tests.integration.argo.fake_api import FakeApi, says, status
from translator.engine.argo.cancel import delete_unfinished_pods, order_shutdown
from translator.engine.argo.client import ApiServer
from translator.engine.argo.engine import ArgoEngine
from translator.engine.argo.reaper import reap
from translator.engine.argo.release import release
from translator.engine.argo.watching import Pace
from translator.errors import PermanentError, TemporaryError
from translator.observe.observation import WorkflowRef

REF = WorkflowRef("default", "w", "uid-w")


def workflow(**metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "w", "namespace": "default", **metadata}, "spec": {"entrypoint": "task"}}


def finalizers(fake: FakeApi) -> list[str]:
    found: list[str] = fake.objects["workflows"]["default", "w"]["metadata"]["finalizers"]
    return found


async def test_terminate_is_argo_s_own(fake: FakeApi, api: ApiServer) -> None:
    await fake.put("workflows", workflow())
    await order_shutdown(api, REF)
    assert fake.objects["workflows"]["default", "w"]["spec"] == {
        "entrypoint": "task",
        "shutdown": "Terminate",
    }


async def test_terminate_takes_a_suspension_back(fake: FakeApi, api: ApiServer) -> None:
    suspended = workflow()
    suspended["spec"]["suspend"] = True
    await fake.put("workflows", suspended)
    await order_shutdown(api, REF)
    spec = fake.objects["workflows"]["default", "w"]["spec"]
    assert spec == {"entrypoint": "task", "shutdown": "Terminate"}


async def test_a_workflow_that_is_gone_needs_no_terminate(fake: FakeApi, api: ApiServer) -> None:
    await order_shutdown(api, REF)


async def test_a_workflow_made_anew_is_not_terminated(fake: FakeApi, api: ApiServer) -> None:
    await fake.put("workflows", workflow(uid="another"))
    await order_shutdown(api, REF)
    assert "shutdown" not in fake.objects["workflows"]["default", "w"]["spec"]


async def test_terminate_says_what_is_not_allowed(fake: FakeApi, api: ApiServer) -> None:
    fake.faults["PATCH", "workflows"].append(says(403, status(403, "not yours")))
    with pytest.raises(PermanentError) as refused:
        await order_shutdown(api, REF)
    assert refused.value.remedy.endswith("to patch workflows in namespace default")


async def test_only_the_workflow_s_own_unfinished_pods_are_deleted(fake: FakeApi, api: ApiServer) -> None:
    def pod(name: str, owner: str, phase: str, of: str = "w") -> dict[str, Any]:
        labels = {"workflows.argoproj.io/workflow": of}
        metadata = {
            "name": name,
            "namespace": "default",
            "labels": labels,
            "ownerReferences": [{"uid": owner}],
        }
        return {"metadata": metadata, "status": {"phase": phase}}

    await fake.put("pods", pod("runs", "uid-w", "Running"))
    await fake.put("pods", pod("waits", "uid-w", "Pending"))
    await fake.put("pods", pod("done", "uid-w", "Succeeded"))
    await fake.put("pods", pod("older", "another", "Running"))
    await fake.put("pods", pod("stranger", "uid-x", "Running", of="x"))
    assert await delete_unfinished_pods(api, REF) == 2
    assert sorted(name for _, name in fake.objects["pods"]) == ["done", "older", "stranger"]


async def test_release_takes_only_our_finalizer(fake: FakeApi, api: ApiServer) -> None:
    await fake.put("workflows", workflow(finalizers=["foregroundDeletion", "codo.dev/logs", "x/y"]))
    await release(api, "default", "w", "uid-w")
    assert finalizers(fake) == ["foregroundDeletion", "x/y"]


async def test_release_reads_again_what_another_changed_meanwhile(fake: FakeApi, api: ApiServer) -> None:
    await fake.put("workflows", workflow(finalizers=["codo.dev/logs"]))

    async def change_first(request: web.Request) -> None:
        await fake.put("workflows", workflow(finalizers=["codo.dev/logs", "new/one"]))

    fake.faults["PATCH", "workflows"].append(change_first)
    await release(api, "default", "w", "uid-w")
    assert finalizers(fake) == ["new/one"]


async def test_release_gives_up_for_now_on_what_keeps_changing(fake: FakeApi, api: ApiServer) -> None:
    await fake.put("workflows", workflow(finalizers=["codo.dev/logs"]))
    fake.faults["PATCH", "workflows"].extend([says(409, status(409, "modified"))] * 5)
    with pytest.raises(TemporaryError, match="default/w"):
        await release(api, "default", "w", "uid-w")


async def test_release_of_what_is_gone_or_another_s_does_nothing(fake: FakeApi, api: ApiServer) -> None:
    await release(api, "default", "w", "uid-w")
    await fake.put("workflows", workflow(uid="another", finalizers=["codo.dev/logs"]))
    await release(api, "default", "w", "uid-w")
    assert finalizers(fake) == ["codo.dev/logs"]
    assert fake.count("PATCH", "workflows") == 0


async def test_left_overs_are_told_by_age_and_owner(fake: FakeApi, api: ApiServer) -> None:
    now = datetime(2026, 1, 2, 12, tzinfo=UTC)
    fake.page = 2

    async def files(name: str, created: str, **metadata: Any) -> None:
        metadata |= {"name": name, "namespace": "default", "creationTimestamp": created}
        await fake.put("configmaps", {"metadata": metadata})

    await files("old-files", "2026-01-02T10:00:00Z")
    await files("young-files", "2026-01-02T11:30:00Z")
    await files("owned-files", "2025-01-01T00:00:00Z", ownerReferences=[{"uid": "uid-w"}])
    await files("old-too-files", "2026-01-01T10:00:00Z", annotations={"codo.dev/installation": "ours"})
    await files("another-files", "2026-01-01T10:00:00Z", annotations={"codo.dev/installation": "theirs"})
    await files("somebodys", "2026-01-01T10:00:00Z")
    await files("running-files", "2026-01-01T10:00:00Z")
    kept = {
        "finalizers": ["codo.dev/logs"],
        "namespace": "default",
        "creationTimestamp": "2025-12-01T00:00:00Z",
    }
    for name, more in {
        "stuck": {"deletionTimestamp": "2026-01-01T11:00:00Z"},
        "leaving": {"deletionTimestamp": "2026-01-02T11:00:00Z"},
        "running": {"uid": "uid-running"},
        "theirs": {
            "deletionTimestamp": "2026-01-01T11:00:00Z",
            "annotations": {"codo.dev/installation": "theirs"},
        },
    }.items():
        await fake.put("workflows", {"metadata": {"name": name, **kept, **more}})
    assert await reap(api, "default", now, "ours") == 4
    assert sorted(name for _, name in fake.objects["configmaps"]) == [
        "another-files", "owned-files", "running-files", "somebodys", "young-files",
    ]  # fmt: skip
    # the replica that created it died before it could give it to its Workflow, whose pods need it
    [given] = fake.objects["configmaps"]["default", "running-files"]["metadata"]["ownerReferences"]
    assert given["uid"] == "uid-running"
    held = {n for (_, n), w in fake.objects["workflows"].items() if w["metadata"]["finalizers"]}
    assert held == {"leaving", "running", "theirs"}
    lists = [query for verb, _, query in fake.requests if verb == "GET" and "limit" in query]
    assert all(query["labelSelector"] == "codo.dev/task-id" for query in lists)


@pytest.mark.parametrize(
    ("namespaces", "age", "whose", "released"),
    [
        ({"default"}, 61, "ours", True),
        ({"default"}, 0, "ours", True),  # after a minute, which passes at once here
        (set(), 61, "ours", False),
        ({"default"}, 61, "another", False),
    ],
)
async def test_a_workflow_goes_with_its_namespace_after_a_minute(
    fake: FakeApi, api: ApiServer, pace: Pace, slept: list[float],
    namespaces: set[str], age: int, whose: str, released: bool,
) -> None:  # fmt: skip
    fake.terminating = namespaces
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    engine = ArgoEngine(api, pace=pace, installation="ours", now=lambda: now)
    await engine.start()
    await fake.watched("workflows")
    deleted = (now - timedelta(seconds=age)).isoformat().replace("+00:00", "Z")
    annotations = {"codo.dev/installation": whose}
    held = ["codo.dev/logs"]
    leaving = workflow(deletionTimestamp=deleted, finalizers=held, annotations=annotations)
    await fake.put("workflows", leaving)
    if whose == "ours":
        await fake.until(lambda: fake.count("POST", "/configmaps") == 1)
    if released:
        await fake.until(lambda: fake.count("PATCH", "/workflows/") == 1)
        assert max(0, 60 - age) in slept
    await engine.close()
    assert finalizers(fake) == ([] if released else held)
