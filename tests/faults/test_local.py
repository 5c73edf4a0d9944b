"""Several replicas with the local engine, whose processes must outlive a Redis that is away, and a pause."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.tasks import plain
from translator.agent_server.ledger import is_final
from translator.store.keys import REPLICAS, ShardKeys

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAUSE_S = 0.1
"""Between two lines."""


async def under_way(stage, seconds, count=8):
    """Start the services, and tasks on all of them that write for so long."""
    for serve in stage.serves:
        await serve.start()
    await stage.submit(plain("first", 1))
    await stage.event(is_final)
    await asyncio.sleep(1)  # the shards are shared
    tasks = [plain(f"t{number}", round(seconds / PAUSE_S), 5, pause=PAUSE_S) for number in range(count)]
    await stage.submit(*tasks)
    for task in tasks:
        await stage.event(lambda event, of=task: event["taskId"] == of.task_id and event["kind"] == "log")


def lost(stage):
    """The tasks that did not succeed, which the account lets the local engine have."""
    finals = {task_id: stage.stand_in.ledger.final(task_id, 1) for task_id in stage.tasks}
    return {task_id: final for task_id, final in finals.items() if (final or {}).get("phase") != "Succeeded"}


@pytest.mark.parametrize("count", [2, 3])
async def test_held_up(stage, hold, count):
    stalls = (0.5, 3, 11, 17, 40)
    async with stage(engine="local", count=count, LEASE_SECONDS=5) as made:
        await under_way(made, sum(stalls) + 4 * len(stalls))
        for seconds in stalls:
            made.redis.pause()
            made.count()
            await asyncio.sleep(seconds)
            made.redis.resume()
            await asyncio.sleep(4)
        hold(await made.finish(90))
        assert lost(made) == {}


@pytest.mark.parametrize("count", [2, 3])
async def test_killed_and_restarted_with_its_data(stage, hold, count):
    async with stage(engine="local", count=count, LEASE_SECONDS=2) as made:
        await under_way(made, 16)
        for seconds in (1, 5):
            made.redis.kill()
            made.count()
            await asyncio.sleep(seconds)
            await made.redis.start()
            await asyncio.sleep(2)
        hold(await made.finish())
        assert lost(made) == {}


async def test_leases_forgotten(stage, hold):
    async with stage(engine="local", count=2, LEASE_SECONDS=2) as made:
        await under_way(made, 8)
        for _ in range(4):
            keys = [ShardKeys(shard).lease for shard in range(made.store.shards)]
            await made.redis.client.delete(REPLICAS, *keys)
            made.count()
            await asyncio.sleep(1)
        hold(await made.finish())
        assert lost(made) == {}


async def test_a_replica_paused_for_less_than_the_grace(stage, hold):
    async with stage(engine="local", count=2, LEASE_SECONDS=2, LOCAL_GRACE_SECONDS=10) as made:
        await under_way(made, 16)
        made.serve.pause()
        made.count()
        await asyncio.sleep(7)
        made.serve.resume()
        hold(await made.finish())
        assert lost(made) == {}


async def test_a_replica_paused_for_longer_than_the_grace_or_killed(stage, hold):
    async with stage(engine="local", count=3, LEASE_SECONDS=2, LOCAL_GRACE_SECONDS=4) as made:
        await under_way(made, 25)
        paused, killed, _ = made.serves
        paused.pause()
        await made.kill(killed)
        made.count(2)
        await asyncio.sleep(5)
        assert not any(made.stand_in.ledger.final(f"t{number}", 1) for number in range(8)), "too early"
        await asyncio.sleep(7)
        paused.resume()
        hold(await made.finish())
        gone = lost(made)
        assert 0 < len(gone) < 8
        assert {(final["phase"], final["reason"]) for final in gone.values()} == {("Error", "RunnerLost")}
