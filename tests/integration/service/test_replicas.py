"""Several replicas on one Redis: each with its own engine, store and API, as processes would have."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.integration.service.rounds import Round, cloud_task, eventually, revoke
from translator.agent_server.api import create_app
from translator.agent_server.client import AgentServerClient
from translator.engine.local.engine import LocalEngine
from translator.service.http import serving
from translator.service.metrics import Metrics
from translator.service.replica import Replica
from translator.service.service import Service
from translator.service.template import load_template
from translator.service.translation import Translation
from translator.store.calls import Sign
from translator.store.keys import wake_channel
from translator.store.leases import Leases
from translator.store.notices import Notices
from translator.store.store import Store
from translator.store.tenure import Tenure
from translator.workflow.options import Options

SHARDS = 16


class One(Round):
    """One replica."""

    def __init__(self, name, tenure, leases, replica, *more):
        super().__init__(*more)
        self.name = name
        self.tenure = tenure
        self.leases = leases
        self.replica = replica

    @property
    def shards(self):
        return self.tenure.shards

    async def crash(self):
        """Stop all that it does, without a word."""
        for work in [self.service._sweeping, *self.replica._tasks]:
            work.cancel()
        for flow in (self.service._submitter, self.service._follower, self.service._deliverer):
            await flow.stop()


@pytest.fixture
def start(redis, stand_in, http, tmp_path, valkey):
    @asynccontextmanager
    async def started(name, *, lease_s=15.0, engine=None, server=None):
        async with AsyncExitStack() as stack:
            tenure, sign = Tenure(), Sign(f"life-of-{name}", wake_channel(0))
            store = Store(redis, shards=SHARDS, keep_s=60, tenure=tenure, sign=sign)
            metrics = Metrics()
            leases = Leases(redis, shards=SHARDS, name=name, life=sign.origin, lease_s=lease_s)
            replica = Replica(leases, tenure, Notices(redis, sign), lease_s=lease_s, metrics=metrics)
            sender = AgentServerClient(server or stand_in.url, timeout=5.0)
            stack.push_async_callback(sender.close)
            service = Service(
                store,
                engine or LocalEngine(root=tmp_path / name, bubblewrap=False, grace=0.2),
                sender,
                Translation(Options(shards=SHARDS), load_template()),
                sweep_seconds=30,
                flush_seconds=0.5,
                replica=replica,
                metrics=metrics,
            )
            stack.push_async_callback(service.stop)
            await service.start()
            app = create_app(service, ready=service.ready, desk=service.desk)
            url = await stack.enter_async_context(serving(app, "127.0.0.1", 0))
            yield One(name, tenure, leases, replica, service, url, store, stand_in, http)

    return started


async def balanced(*replicas):
    async def even():
        counts = [len(each.shards) for each in replicas]
        return sum(counts) == SHARDS and max(counts) - min(counts) <= 1

    await eventually(even)
    held = [shard for each in replicas for shard in each.shards]
    assert sorted(held) == list(range(SHARDS))


async def test_the_first_holds_everything_at_once_and_shares_with_those_who_come(start):
    async with start("a") as a:
        assert len(a.shards) == SHARDS
        before = a.shards
        async with start("b") as b:
            await balanced(a, b)
            assert a.shards < before, "what stays was moved"
            async with start("c") as c:
                await balanced(a, b, c)
            await balanced(a, b)
        await balanced(a)


async def test_tasks_are_run_by_whoever_holds_them_whoever_took_them(start):
    async with start("a") as a, start("b") as b:
        await balanced(a, b)
        ids = [f"t{n}" for n in range(12)]
        await a.post(*(cloud_task(task_id, f"echo {task_id}") for task_id in ids))
        for task_id in ids:
            assert (await a.outcome(task_id))["phase"] == "Succeeded"
            assert a.lines(task_id) == [task_id]


async def test_a_replica_that_does_not_hold_a_task_cancels_it(start):
    async with start("a") as a, start("b") as b:
        await balanced(a, b)
        task_id = next(f"t{n}" for n in range(99) if a.store.shard(f"t{n}") in b.shards)
        await a.post(cloud_task(task_id, "echo up; sleep 60"))
        async for event in a.stand_in.events():
            if event["kind"] == "log":
                break
        [answer] = await a.post(revoke(task_id))
        assert answer["outcome"] == "accepted"
        assert (await a.outcome(task_id))["phase"] == "Cancelled"


async def test_the_shards_of_a_replica_that_has_died_are_taken(start, redis):
    async with start("a") as a, start("b", lease_s=2.0) as b:
        await balanced(a, b)
        task_id = next(f"t{n}" for n in range(99) if a.store.shard(f"t{n}") in b.shards)
        await b.crash()
        await a.post(cloud_task(task_id, "echo here"))
        assert (await a.outcome(task_id))["phase"] == "Succeeded"
        assert len(a.shards) == SHARDS
