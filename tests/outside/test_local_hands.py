"""Short faults on the local engine, each told whole at agent-server's socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.outside.agent_server import AgentServer, Answer
from tests.outside.conftest import local_service, own_redis
from tests.outside.hands import Redis
from tests.outside.judge import judge
from tests.outside.service import Service, serving
from tests.outside.tasks import Step, Task, task

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOON_S = 15.0


@dataclass(frozen=True)
class Stage:
    """Two replicas, their Redis, and agent-server."""

    told: AgentServer
    redis: Redis
    one: Service
    two: Service

    async def accepted(self, work: Task) -> Task:
        (answer,) = await self.told.submit(self.one.url, work.item())
        assert answer["outcome"] == "accepted", answer
        return work


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One for all tests of this file: what one does to it, the next must not notice."""
    folder = tmp_path_factory.mktemp("outside")
    with own_redis(folder) as redis_server:
        async with AgentServer().serving() as told:
            one, two = (local_service(folder, told, redis_server, name=name) for name in ("one", "two"))
            async with serving(one, two):
                yield Stage(told, redis_server, one, two)


async def test_a_run_without_a_fault(stage):
    """Told once and whole, secrets masked, though agent-server answers badly."""
    answers = (
        Answer(500),
        Answer(503, retry_after="0"),
        Answer(cut="before"),
        Answer(cut="after"),
        Answer(hang=1),
    )
    stage.told.next(*answers)
    params = {"db_password": "hunter2-hunter2"}
    works = [
        task(Step("s1", 300), Step("s2", 3, after="echo $codo_db_password"), params=params) for _ in range(3)
    ]
    for work in works:
        await stage.accepted(work)
    for work in works:
        await stage.told.final(work.id)
        story = judge(stage.told, work, secrets=["hunter2-hunter2"], foreign=True)
        assert (story.ended, story.needless) == (("Succeeded", ""), [])


async def test_a_failed_step_before_one_that_may_fail(stage):
    """`build` (exit 3), `notify` with onError continue: nothing succeeded."""
    work = await stage.accepted(task(Step("build", 3, exit=3), Step("notify", continues=True)))
    await stage.told.final(work.id)
    story = judge(stage.told, work)
    assert (story.ended, story.phases) == (("Failed", "StepFailed"), ["Failed", "Skipped"])


async def test_revoked_while_it_runs(stage):
    work = await stage.accepted(task(Step("s1", 200, pause=0.1), Step("s2")))
    await stage.told.line(work.id, "s1 3")
    assert (await stage.told.submit(stage.two.url, work.revocation()))[0]["outcome"] == "accepted"
    await stage.told.final(work.id)
    story = judge(stage.told, work)
    assert (story.ended[0], story.phases) == ("Cancelled", ["Failed", "Skipped"])


async def test_a_request_that_is_too_large_for_a_proxy(stage):
    """Quotes and control characters take several bytes each on the wire; nginx takes 1 MB."""
    noise = """awk 'BEGIN{for(i=0;i<1000;i++){for(j=0;j<150;j++)printf "\\"\\001\\002\\003";print ""}}'"""
    work = await stage.accepted(task(Step("s1", 5, before=noise), Step("s2")))
    await stage.told.final(work.id, SOON_S)
    story = judge(stage.told, work, foreign=True)
    assert (story.ended, story.gaps) == (("Succeeded", ""), {"s1": [], "s2": []})
    assert sum(len(event.get("lines", ())) for event in story.events) == 1010


async def test_readiness_while_redis_takes_nothing(stage):
    """A service that answers every submission with 503 does not say that it is ready."""
    redis = stage.redis
    for spoil, mend in ((redis.fill, redis.make_room), (redis.read_only, redis.writable)):
        spoil()
        try:
            await stage.one.readiness(503, SOON_S)
            status, _ = await stage.one.post("/api/v1/agent/task/batch", [task().item()])
            assert status in {429, 503}
        finally:
            mend()
        await stage.one.readiness(200, 40)
        work = await stage.accepted(task())
        await stage.told.final(work.id)
        assert judge(stage.told, work).ended == ("Succeeded", "")


async def test_an_id_is_submitted_again_after_redis_lost_it(stage):
    """No (taskId, attempt, seq) names two contents: it runs again, as an attempt that there never was."""
    first = await stage.accepted(task(Step("s1", 3)))
    await stage.told.final(first.id)
    stage.redis.empty()
    await asyncio.sleep(5)  # the first comparison of Redis with the engine is over
    again = await stage.accepted(task(Step("s1", 5), id=first.id))
    for _ in range(2):
        attempt = (await stage.one.get(f"/api/v1/tasks/{first.id}"))[1]["attempt"]
        assert attempt > 10**9
        await stage.told.final(first.id, attempt=attempt)
        judge(stage.told, first)
        assert judge(stage.told, again, attempt).ended == ("Succeeded", "")
        answer = {"outcome": ""}
        async with asyncio.timeout(30):
            while answer.get("outcome") != "accepted":
                await asyncio.sleep(0.5)
                _, answer = await stage.one.retry(first.id)


async def test_concurrent_retries_over_two_services(stage):
    """Exactly one is accepted; the others are told that it runs already."""
    two = (stage.one, stage.two)
    # each attempt outlasts all answers: a retry that came after its end would be right, too
    work = await stage.accepted(task(Step("s1", 2, pause=1.5)))
    await stage.told.final(work.id)
    for attempt in (2, 3, 4):
        answers = []
        async with asyncio.timeout(20):
            while not any(answer.get("outcome") == "accepted" for _, answer in answers):
                answers = await asyncio.gather(*(two[n % 2].retry(work.id) for n in range(8)))
        outcomes = [answer.get("outcome") or answer["error"]["code"] for _, answer in answers]
        assert outcomes.count("accepted") == 1, answers
        assert set(outcomes) <= {"accepted", "conflict", "unavailable"}, answers
        await stage.told.final(work.id, attempt=attempt)
        assert judge(stage.told, work, attempt).ended == ("Succeeded", "")
    assert stage.told.of(work.id) == [1, 2, 3, 4]
