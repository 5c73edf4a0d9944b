"""Several replicas on one Redis: each with its own engine, store and API, as processes would have."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.integration.service.rounds import Round, cloud_task, eventually, revoke
from translator.agent_server.api import create_app
from translator.agent_server.api_mirror import NATIVE_PATH
from translator.agent_server.client import AgentServerClient
from translator.agent_server.faults import Fault
from translator.agent_server.protocol import BATCH_PATH, CALL_PATH
from translator.engine.local.engine import LocalEngine
from translator.service.assembly import assemble
from translator.service.http import serving
from translator.service.metrics import Metrics
from translator.service.replica import Replica, margin_s
from translator.service.template import load_template
from translator.service.translation import Translation
from translator.store.calls import Sign
from translator.store.keys import REPLICAS, ShardKeys, wake_channel
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
        for work in [self.service._parts.sweep._running, *self.replica._tasks]:
            work.cancel()
        for flow in (
            self.service._parts.submitter,
            self.service._parts.follower,
            self.service._parts.deliverer,
        ):
            await flow.stop()


@pytest.fixture
def start(redis, stand_in, http, tmp_path, valkey):
    @asynccontextmanager
    async def started(name, *, lease_s=15.0, grace_s=1.0, engine=None, server=None, life=""):
        async with AsyncExitStack() as stack:
            tenure, sign = Tenure(), Sign(life or f"life-of-{name}", wake_channel(0))
            store = Store(redis, shards=SHARDS, keep_s=60, tenure=tenure, sign=sign)
            metrics = Metrics()
            settle_s = grace_s + margin_s(grace_s)
            leases = Leases(
                redis, shards=SHARDS, name=name, life=sign.origin, lease_s=lease_s, settle_s=settle_s
            )
            replica = Replica(
                leases, tenure, Notices(redis, sign), lease_s=lease_s, grace_s=grace_s, metrics=metrics
            )
            sender = AgentServerClient(server or stand_in.url, timeout=5.0)
            stack.push_async_callback(sender.close)
            service = assemble(
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
    async with start("a", lease_s=2.0) as a, start("b", lease_s=2.0) as b:
        await balanced(a, b)
        task_id = next(f"t{n}" for n in range(99) if a.store.shard(f"t{n}") in b.shards)
        await b.crash()
        await a.post(cloud_task(task_id, "echo here"))
        assert (await a.outcome(task_id))["phase"] == "Succeeded"
        assert len(a.shards) == SHARDS


def of(replica, other):
    """The first taskId whose shard this one holds."""
    return next(f"t{n}" for n in range(99) if other.store.shard(f"t{n}") in replica.shards)


async def test_a_call_and_live_events_are_prompt_at_a_replica_that_does_not_hold_the_task(
    start, http, monkeypatch
):
    # nobody looks again by himself: what comes is told
    monkeypatch.setattr("translator.agent_server.following.LOOK_S", 60)
    monkeypatch.setattr("translator.agent_server.api_mirror.LOOK_S", 60)
    async with start("a") as a, start("b") as b, asyncio.timeout(20):
        await balanced(a, b)
        task_id = of(b, a)
        item = cloud_task(task_id, "echo one; sleep 0.3; echo two")
        async with http.post(a.url + CALL_PATH, json=item) as answer:
            assert (answer.status, (await answer.json())["phase"]) == (200, "Succeeded")
        await a.post(cloud_task(task_id + "x", "true"))
        other = f"{task_id}-live"
        while a.store.shard(other) not in b.shards:
            other += "-"
        await a.post(cloud_task(other, "echo one; sleep 0.3; echo two"))
        async with http.get(f"{a.url}/api/v1/tasks/{other}/logs?follow=true") as answer:
            text = (await answer.read()).decode()
        assert "one" in text
        assert "two" in text
        assert 'event: end\ndata: {"phase": "Succeeded"}' in text


async def test_a_retry_and_a_replay_reach_the_holder(start, stand_in, http):
    async with start("a") as a, start("b") as b, asyncio.timeout(20):
        await balanced(a, b)
        task_id = of(b, a)
        await a.post(cloud_task(task_id, "exit 3"))
        assert (await a.outcome(task_id))["phase"] == "Failed"
        async with http.post(a.url + NATIVE_PATH, json={"action": "retry", "taskId": task_id}) as answer:
            assert (await answer.json())["outcome"] == "accepted"
        assert (await stand_in.final(task_id, 2))["phase"] == "Failed"

        stand_in.faults.add(Fault(status=400))
        refused = next(f"r{n}" for n in range(99) if a.store.shard(f"r{n}") in b.shards)
        await a.post(cloud_task(refused, "echo x"))

        async def parked():
            record = await a.store.load(refused)
            return record.parked and record.state.final

        await eventually(parked)
        async with http.post(f"{a.url}/api/v1/dead-letters/{refused}/replay") as answer:
            assert answer.status == 200
        assert (await a.outcome(refused))["phase"] == "Succeeded"


async def test_of_many_retries_at_the_same_time_over_two_replicas_one_is_accepted(
    start, stand_in, http, tmp_path
):
    go = tmp_path / "go"

    async def ask(url, task_id):
        async with http.post(url + NATIVE_PATH, json={"action": "retry", "taskId": task_id}) as answer:
            return await answer.json()

    async with start("a") as a, start("b") as b, asyncio.timeout(60):
        await balanced(a, b)
        for task_id in ("t1", "t2", "t3"):
            go.touch()
            await a.post(cloud_task(task_id, f"until test -e {go}; do sleep 0.05; done; exit 3"))
            assert (await a.outcome(task_id))["phase"] == "Failed"
            go.unlink()
            answers = await asyncio.gather(*(ask((a, b)[at % 2].url, task_id) for at in range(100)))
            assert sorted(answer["outcome"] for answer in answers) == ["accepted", *["conflict"] * 99]
            codes = [answer["problems"][0]["code"] for answer in answers if "problems" in answer]
            assert set(codes) == {"not-ended"}
            go.touch()
            assert (await stand_in.final(task_id, 2))["phase"] == "Failed"
            assert (await a.store.load(task_id)).state.attempt == 2


async def test_running_tasks_of_this_machine_stay_when_another_replica_comes(start):
    async with start("a") as a:
        ids = [f"t{n}" for n in range(4)]
        await a.post(*(cloud_task(task_id, "echo up; sleep 1; echo still here") for task_id in ids))
        async for event in a.stand_in.events():
            if event["kind"] == "log":
                break
        async with start("b") as b:
            for task_id in ids:
                assert (await a.outcome(task_id))["phase"] == "Succeeded"
            await balanced(a, b)


async def first_log(stand_in, task_id):
    async for event in stand_in.events():
        if event["kind"] == "log" and event["taskId"] == task_id:
            return


async def test_a_takeover_of_what_ran_on_another_machine_is_told_as_an_error_after_the_grace(start, stand_in):
    loop = asyncio.get_running_loop()
    async with start("a", lease_s=1.0) as a, start("b", lease_s=1.0) as b, asyncio.timeout(30):
        await balanced(a, b)
        task_id = of(b, a)
        await a.post(cloud_task(task_id, "echo up; sleep 60"))
        await first_log(stand_in, task_id)
        died = loop.time()
        await b.crash()

        async def taken():
            return len(a.shards) == SHARDS

        await eventually(taken)
        # what is new waits, where a task of its shard may come back; elsewhere it does not
        beside = task_id + "-"
        while a.store.shard(beside) != a.store.shard(task_id):
            beside += "-"
        other = next(f"t{n}" for n in range(99) if a.store.shard(f"t{n}") != a.store.shard(task_id))
        await a.post(cloud_task(beside, "true"), cloud_task(other, "true"))
        assert (await a.outcome(other))["phase"] == "Succeeded"
        assert loop.time() - died < 1.0 + 1.0 + margin_s(1.0)
        assert stand_in.ledger.final(task_id, 1) is None
        assert (await a.store.load(beside)).workflow is None
        final = await a.outcome(task_id)
        assert (final["phase"], final["reason"]) == ("Error", "RunnerLost")
        assert "run the task again" in final["remedy"]
        assert loop.time() - died > 2 / 3 + 1.0 + margin_s(1.0)
        assert (await a.outcome(beside))["phase"] == "Succeeded"


NUMBERS = "i=0; while [ $i -lt 60 ]; do echo $i; i=$((i+1)); sleep 0.1; done"


async def numbered(*replicas):
    """Tasks that write numbers for six seconds, one for each replica and more."""
    first = replicas[0]
    ids = dict.fromkeys([*(of(each, first) for each in replicas), *(f"n{n}" for n in range(4))])
    await first.post(*(cloud_task(task_id, NUMBERS) for task_id in ids))
    for task_id in ids:
        await first_log(first.stand_in, task_id)
    return [*ids]


async def whole(replica, ids):
    """All of them have succeeded, each line once."""
    for task_id in ids:
        final = await replica.outcome(task_id)
        assert final["phase"] == "Succeeded", (task_id, final)
        assert replica.lines(task_id) == [str(n) for n in range(60)]
    assert replica.stand_in.ledger.violations == []


@pytest.mark.parametrize("names", ["ab", "abc"])
@pytest.mark.parametrize("leases", [0.2, 0.7, 1.13, 2.7], ids=["3s", "11s", "17s", "40s"])
async def test_a_redis_that_is_held_up_costs_no_task(start, redis, names, leases):
    """As with a lease of 15 s and a Redis that is held up for so long."""
    lease_s = 1.5
    async with AsyncExitStack() as stack, asyncio.timeout(60):
        replicas = [
            await stack.enter_async_context(start(name, lease_s=lease_s, grace_s=6.0)) for name in names
        ]
        await balanced(*replicas)
        ids = await numbered(*replicas)
        homes = [each.service._engine.pinned() for each in replicas]
        await redis.execute_command("CLIENT", "PAUSE", round(leases * lease_s * 1000), "ALL")
        await whole(replicas[0], ids)
        for replica, home in zip(replicas, homes, strict=True):
            assert home <= replica.shards


async def test_a_redis_that_forgets_its_leases_costs_no_task(start, redis):
    async with (
        start("a", lease_s=1.5, grace_s=6.0) as a,
        start("b", lease_s=1.5, grace_s=6.0) as b,
        asyncio.timeout(60),
    ):
        await balanced(a, b)
        ids = await numbered(a, b)
        for _ in range(3):
            await redis.delete(REPLICAS, *(ShardKeys(shard).lease for shard in range(SHARDS)))
            await asyncio.sleep(0.7)
        await whole(a, ids)


async def test_a_replica_that_cannot_renew_stops_by_itself_and_its_runs_outlive_that(start, redis):
    async with start("a", lease_s=0.6) as a, asyncio.timeout(30):
        await a.post(cloud_task("t1", "echo up; sleep 2; echo on"))
        async for event in a.stand_in.events():
            if event["kind"] == "log":
                break
        await redis.execute_command("CLIENT", "PAUSE", 1500, "ALL")

        async def stopped():
            return not a.shards and a.service._parts.follower.count == 0

        await eventually(stopped)
        assert (await a.outcome("t1"))["phase"] == "Succeeded"
        assert a.lines("t1") == ["up", "on"]
        text = (await a.service.desk.metrics()).decode()
        assert f'translator_leases_lost_total{{why="ran out"}} {SHARDS}.0' in text
        assert f"translator_shards_held {SHARDS}.0" in text


async def test_a_stop_hands_over_at_once_and_takes_nothing_more(start, http):
    async with AsyncExitStack() as stack:
        a = await stack.enter_async_context(start("a", lease_s=60))
        b = await stack.enter_async_context(start("b", lease_s=60))
        await balanced(a, b)
        await b.service.drain()
        async with http.get(b.url + "/readyz") as answer:
            assert answer.status == 503
        async with http.post(b.url + BATCH_PATH, json=[cloud_task("late", "true")]) as answer:
            assert answer.status == 503
        await b.service.stop()
        await balanced(a)
        await a.post(cloud_task("t1", "true"))
        assert (await a.outcome("t1"))["phase"] == "Succeeded"
