"""Three replicas, any of which may be killed or paused at any moment, while tasks come in."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.cluster import NAMESPACE, stamp
from tests.faults.tasks import endless, failing, filed, plain

pytestmark = pytest.mark.asyncio(loop_scope="session")

LEASE_S = 2


async def killing(stage):
    """Kill or pause one replica after the other, for ever."""

    async def hit(serve):
        while True:
            await asyncio.sleep(stage.chance.uniform(1, 8))
            if stage.chance.random() < 0.5:
                await stage.kill(serve)
                await asyncio.sleep(stage.chance.uniform(0, 2 * LEASE_S))
                await serve.start()
            else:
                serve.pause()
                stage.count()
                await asyncio.sleep(stage.chance.uniform(0.1, 3 * LEASE_S))
                serve.resume()

    await asyncio.gather(*(hit(serve) for serve in stage.serves))


async def submitting(stage, count, seconds):
    """Submit so many tasks in so many seconds, some of which are cancelled or tried again."""
    after = []
    made = 0
    while made < count:
        batch = []
        for _ in range(min(count - made, stage.chance.randint(1, 9))):
            kind, name = stage.chance.random(), f"n{made}"
            if kind < 0.04:
                batch.append(endless(f"{name}-cancelled"))
                after.append(stage.cancel(batch[-1]))
            elif kind < 0.14:
                batch.append(failing(name))
            elif kind < 0.24:
                batch.append(filed(name))
            else:
                lines = [stage.chance.randint(0, 40) for _ in range(stage.chance.randint(1, 3))]
                batch.append(plain(name, *lines, pause=0.02))
                if kind > 0.96:
                    after.append(stage.retry(batch[-1]))
            made += 1
        await stage.submit(*batch)
        await asyncio.sleep(seconds * len(batch) / count * stage.chance.uniform(0.5, 1.2))
    await asyncio.gather(*after)


async def test_killed_and_paused_at_random(stage, hold, pytestconfig):
    count, seconds = (60, 30) if pytestconfig.getoption("--short") else (500, 300)
    async with stage(count=3, LEASE_SECONDS=LEASE_S) as made:
        for serve in made.serves:
            await serve.start()
        hitting = asyncio.create_task(killing(made))
        try:
            async with asyncio.timeout(2 * seconds):
                await submitting(made, count, seconds)
        finally:
            hitting.cancel()
            await asyncio.gather(hitting, return_exceptions=True)
        for serve in made.serves:
            if serve.stopped:
                serve.resume()
            if not serve.alive:
                await serve.start()
        hold(await made.finish(120))


async def test_what_a_replica_leaves_that_was_paused_while_it_submitted_goes_an_hour_later(stage, hold):
    """Its request comes when another has submitted, run and forgotten the task: no Workflow follows."""
    async with stage(count=2, LEASE_SECONDS=LEASE_S) as made:
        for serve in made.serves:
            await serve.start()
        await made.submit(filed("done"))
        await made.event(lambda event: event["kind"] == "status" and event["phase"] == "Succeeded")
        await made.cluster.until(lambda: not made.cluster.objects["workflows"])
        late = {"name": "task-done-a1-files", "namespace": NAMESPACE, "labels": {"codo.dev/task-id": "done"}}
        owner = {"kind": "ConfigMap", "name": late["name"], "uid": "uid-late"}
        await made.cluster.put(
            "configmaps", {"metadata": late | {"uid": "uid-late", "creationTimestamp": stamp()}, "data": {}}
        )
        secret = {"name": "task-done-a1-secrets", "namespace": NAMESPACE, "uid": "uid-secret"}
        await made.cluster.put(
            "secrets", {"metadata": secret | {"creationTimestamp": stamp(), "ownerReferences": [owner]}}
        )
        assert len(made.cluster.orphans) == 2
        hold(await made.finish())
        assert made.cluster.left == []
