"""Steps that do not start, and what becomes of their pods at the API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from tests.integration.argo.fake_api import FakeApi, says, sends, status
from tests.integration.argo.followed import Follow, workflow
from tests.integration.argo.followed import pod as pod_of
from translator.engine.argo.client import ApiServer
from translator.engine.argo.engine import ArgoEngine
from translator.engine.argo.watching import Pace
from translator.observe.observation import PodSeen, WorkflowSeen

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
GRACE_S = 60
UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available",
}


class Clock:
    """Moves on by what is slept."""

    def __init__(self) -> None:
        self.at = CREATED
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        if seconds > 100:  # a resync, or the reaper
            await asyncio.Event().wait()
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def engine(api: ApiServer, clock: Clock) -> AsyncIterator[ArgoEngine]:
    pace = Pace(sleep=clock.sleep, uniform=lambda low, high: high)
    made = ArgoEngine(api, pace=pace, now=clock.now)
    yield made
    await made.close()


def waiting(*, node: str, **conditions: Any) -> dict[str, Any]:
    made = pod_of("a", "Pending", "waiting", **{"codo.dev/start-grace": f"{GRACE_S}s"})
    made["metadata"]["creationTimestamp"] = CREATED.isoformat()
    if node:
        made["spec"]["nodeName"] = node
    else:
        made["status"] = {"phase": "Pending", **conditions}
    return made


async def followed(fake: FakeApi, engine: ArgoEngine, stuck: dict[str, Any]) -> Follow:
    await fake.put("workflows", workflow("Running"))
    await fake.put("pods", stuck)
    await engine.start()
    await fake.watched("pods")
    return Follow(engine)


def patches(fake: FakeApi) -> list[tuple[str, Any]]:
    return [(resource, body) for verb, resource, _, body in fake.bodies if verb == "PATCH"]


async def test_a_pod_that_no_node_takes_fails_after_the_grace(
    fake: FakeApi, engine: ArgoEngine, clock: Clock
) -> None:
    follow = await followed(fake, engine, waiting(node="", conditions=[UNSCHEDULABLE]))
    await follow.until(lambda one: isinstance(one, PodSeen) and one.object["status"]["phase"] == "Failed")
    assert clock.slept == [GRACE_S]
    [(resource, change)] = patches(fake)
    assert resource == "pods/status"
    assert change["status"] == {
        "phase": "Failed",
        "reason": "StartTimeout",
        "message": "Unschedulable: 0/1 nodes are available",
    }
    await follow.close()


async def test_a_pod_that_a_node_has_is_ended_by_its_kubelet(fake: FakeApi, engine: ArgoEngine) -> None:
    follow = await followed(fake, engine, waiting(node="n"))
    await follow.until(
        lambda one: isinstance(one, PodSeen) and one.object["spec"]["activeDeadlineSeconds"] == 1
    )
    assert [resource for resource, _ in patches(fake)] == ["pods"]
    await follow.close()


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        ({"name": "files", "configMap": {"name": "w-files"}}, 'configmap "w-files" not found'),
        (
            {"name": "exec-sa-token", "secret": {"secretName": "argo.service-account-token"}},
            'secret "argo.service-account-token" not found (translator rbac default makes it)',
        ),
    ],
)
async def test_what_its_volumes_lack_is_named(
    fake: FakeApi, engine: ArgoEngine, volume: dict[str, Any], words: str
) -> None:
    """Kubernetes says so in an Event only: the pod itself stays in ContainerCreating."""
    stuck = waiting(node="n")
    stuck["spec"]["volumes"] = [volume]
    fake.without_token.add("default")
    follow = await followed(fake, engine, stuck)
    await follow.until(
        lambda one: isinstance(one, PodSeen) and one.object["spec"]["activeDeadlineSeconds"] == 1
    )
    [(_, change)] = patches(fake)
    assert change["metadata"]["annotations"] == {"codo.dev/missing": words}
    await follow.close()


async def test_a_service_that_was_away_ends_it_at_once(
    fake: FakeApi, engine: ArgoEngine, clock: Clock
) -> None:
    clock.at += timedelta(hours=1)
    follow = await followed(fake, engine, waiting(node="n"))
    await follow.until(
        lambda one: isinstance(one, PodSeen) and one.object["spec"]["activeDeadlineSeconds"] == 1
    )
    assert len(patches(fake)) == 1
    assert clock.slept == []
    await follow.close()


async def test_a_step_that_starts_at_the_last_moment_is_left_alone(fake: FakeApi, engine: ArgoEngine) -> None:
    """The order holds only for the very pod that had not started."""
    started = pod_of("a", **{"codo.dev/start-grace": f"{GRACE_S}s"})
    refused = asyncio.Event()

    async def meanwhile(request: web.Request) -> web.StreamResponse | None:
        await fake.put("pods", started, silently=True)
        refused.set()
        return None  # the fake itself finds the version changed

    fake.logs["w-a", "main"].append(sends(then="hang"))
    fake.faults["PATCH", "pods"].append(meanwhile)
    follow = await followed(fake, engine, waiting(node="n"))
    await follow.until(lambda one: isinstance(one, PodSeen) and one.object["status"]["phase"] == "Running")
    assert refused.is_set()
    assert len(patches(fake)) == 1
    assert fake.objects["pods"]["default", "w-a"]["spec"]["activeDeadlineSeconds"] == 900
    await follow.close()


async def test_a_pod_that_only_changed_is_looked_at_again(fake: FakeApi, engine: ArgoEngine) -> None:
    fake.faults["PATCH", "pods"].append(says(409, status(409, "the object has been modified", "Conflict")))
    follow = await followed(fake, engine, waiting(node="n"))
    await follow.until(
        lambda one: isinstance(one, PodSeen) and one.object["spec"]["activeDeadlineSeconds"] == 1
    )
    await follow.close()


async def test_a_server_that_cannot_now_is_asked_again(fake: FakeApi, engine: ArgoEngine) -> None:
    fake.faults["PATCH", "pods"].append(says(503, "away"))
    follow = await followed(fake, engine, waiting(node="n"))
    await follow.until(
        lambda one: isinstance(one, PodSeen) and one.object["spec"]["activeDeadlineSeconds"] == 1
    )
    await follow.close()


async def test_a_missing_permission_is_logged_with_its_remedy(fake: FakeApi, engine: ArgoEngine) -> None:
    fake.faults["PATCH", "pods/status"].append(says(403, status(403, "pods is forbidden")))
    with capture_logs() as logged:
        follow = await followed(fake, engine, waiting(node=""))
        await follow.next(WorkflowSeen)
        async with asyncio.timeout(30):
            while not logged:  # noqa: ASYNC110 (a log line has no event)
                await asyncio.sleep(0)
        await fake.put("workflows", workflow("Failed"))
        assert (await follow.next(WorkflowSeen)).object["status"]["phase"] == "Failed"
    assert [line["remedy"] for line in logged if line["log_level"] == "warning"] == [
        "allow the translator's service account to patch pods/status in namespace default"
    ]
    assert fake.count("PATCH", "pods/w-a/status") == 1
    await follow.close()
