"""The service is killed at every point that it names, and started again."""

from __future__ import annotations

import asyncio
import contextlib
import random

import aiohttp
import pytest

from tests.faults.tasks import Task, endless, failing, filed, invalid, plain, refused, stuck
from translator.agent_server.faults import Fault
from translator.crash_point import POINTS, Step

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOCAL = {Step.START_PROCESS}
"""Steps that only the local engine takes."""

ELSEWHERE = {Step.REBUILD, Step.SHORTEN}
"""Only after a loss, or what is too large to be sent: test_redis and test_request_size kill there."""

COUNTS = 20
"""So many times faster runs the service's clock where it is to store every 15 s how long a task has run."""

SHARED = {Step.ACCEPT, Step.BEGIN, Step.APPEND, Step.SEND, Step.ACKNOWLEDGE, Step.RELEASE, Step.REVOKE}
"""Steps that are tried with both engines."""

OFTEN = {
    Step.BEGIN, Step.APPEND, Step.SEND, Step.ACKNOWLEDGE, Step.RELEASE, Step.CREATE_WORKFLOW,
    Step.REMOVE_FINALIZER, Step.LOWER_DEADLINE, Step.START_PROCESS,
}  # fmt: skip
"""Steps that are taken more than three times in one life."""

AGAIN = 3
"""Times that a point may be reached before it kills."""

ORPHAN = {
    "metadata": {
        "name": "task-orphan-files",
        "namespace": "faults",
        "uid": "uid-orphan",
        "labels": {"codo.dev/task-id": "orphan"},
        "creationTimestamp": "2026-01-01T00:00:00Z",
    },
    "data": {},
}


def step_of(point: str) -> Step:
    return Step(point.partition("-")[2])


def crash(point: str, seed: str) -> str:
    """The point, and for one that is reached often, which time."""
    return f"{point}:{random.Random(seed).randint(1, AGAIN)}" if step_of(point) in OFTEN else point


async def play(stage):
    """A little of everything that the service does."""
    one, two, three = plain("plain", 30, 5), failing("failing"), plain("again")
    ending, stubborn = endless("cancelled"), endless("stubborn")
    tasks = [one, two, three, ending, stubborn, filed("files"), refused("refused"), invalid("invalid")]
    if stage.cluster is None:
        tasks = [one, two, three, ending, invalid("invalid")]
    tasks += stage.tasks.values()
    await stage.submit(*tasks)
    doing = [stage.cancel(ending), stage.retry(three)]
    if stage.cluster is not None:
        doing.append(stage.cancel(stubborn))
    await asyncio.gather(*doing)


async def killed_and_started_again(stage, crash_at, speed=1):
    """Play while the service dies at a point, and again until all is done."""
    playing = asyncio.create_task(play(stage))
    await stage.serve.start(crash_at=crash_at, speed=speed)
    for other in stage.serves[1:]:
        await stage.event(lambda event: event["kind"] == "log")
        await other.start()
    try:
        assert await stage.serve.dies(30) == -9, stage.serve.log.read_text()[-2000:]
        stage.count()
        stage.stand_in.faults.clear()
        await stage.serve.start()
        async with asyncio.timeout(30):
            await playing
        return await stage.finish()
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)


@pytest.mark.parametrize("point", sorted(p for p in POINTS if step_of(p) not in LOCAL | ELSEWHERE))
async def test_with_argo(stage, hold, seed, point):
    step = step_of(point)
    settings = {"KEEP_LOG_BYTES": 300}
    if step is Step.FAIL_POD:
        settings["WORKFLOW__START_GRACE_SECONDS"] = 1
    if step is Step.REINDEX:
        settings["RECONCILE_SECONDS"] = 1
    if step is Step.FORGET:
        settings["KEEP_FINISHED_SECONDS"] = 1
    link = random.Random(seed).random() < 0.5
    if step is Step.WAIT:
        settings["REDIS__WAIT_REPLICAS"] = 1
    # leases are let go when another replica has joined
    count = 2 if step is Step.LET_GO_LEASE else 1
    async with stage(
        engine="argo", link=link and count == 1, count=count, replicated=step is Step.WAIT, **settings
    ) as made:
        if step is Step.FAIL_POD:
            made.tasks["stuck"] = stuck("stuck")
        if step is Step.DELETE_CONFIGMAP:
            await made.cluster.put("configmaps", ORPHAN)
        if step in (Step.PARK, Step.UNPARK):
            # refused until the service dies of it: those sent together are refused together first
            made.stand_in.faults.add(Fault(count=100, status=400))
            made.count()
        if step is Step.COUNT:
            made.tasks["quiet"] = Task("quiet", [(2, 2.0, 0, "")])
        hand = HANDS.get(step)
        meanwhile = [asyncio.create_task(hand(made))] if hand is not None else []
        hold(
            await killed_and_started_again(
                made, crash(point, seed), speed=COUNTS if step is Step.COUNT else 1
            )
        )
        for each in meanwhile:
            each.cancel()
        await asyncio.gather(*meanwhile, return_exceptions=True)


async def replay(stage):
    while True:
        await asyncio.sleep(0.2)
        await stage.replay()


async def ask_readiness(stage):
    """As Kubernetes does: it is what tries whether Redis takes writes."""
    while True:
        await asyncio.sleep(0.2)
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with stage.http.get(stage.serve.url + "/readyz") as answer:
                await answer.read()


async def edit_labels(stage):
    """Take our labels off one Workflow and one pod, once each: they are put back, if by the next life."""
    for kind in ("workflows", "pods"):
        await stage.cluster.until(lambda kind=kind: stage.cluster.objects[kind])
        thing = next(iter(stage.cluster.objects[kind].values()))
        kept = {k: v for k, v in thing["metadata"]["labels"].items() if not k.startswith("codo.dev/")}
        await stage.cluster.put(kind, {**thing, "metadata": {**thing["metadata"], "labels": kept}})


HANDS = {Step.UNPARK: replay, Step.PROBE: ask_readiness, Step.RESTORE_LABELS: edit_labels}
"""What is done beside the tasks, without which a step is never taken."""


@pytest.mark.parametrize("point", sorted(p for p in POINTS if step_of(p) in LOCAL | SHARED))
async def test_with_the_local_engine(stage, hold, seed, point):
    link = random.Random(seed).random() < 0.5
    async with stage(engine="local", link=link) as made:
        account = await killed_and_started_again(made, crash(point, seed))
    hold(account)
