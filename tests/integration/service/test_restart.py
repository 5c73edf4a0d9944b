from __future__ import annotations

import asyncio

import pytest

from tests.integration.service.rounds import cloud_task
from translator.agent_server.protocol import BATCH_PATH
from translator.engine.local.engine import LocalEngine
from translator.observe.telling import UNREAD
from translator.store.connect import connect
from translator.store.embedded import Embedded
from translator.store.store import Store

TICKS = "i=0; while [ $i -lt 40 ]; do echo $i; i=$((i+1)); sleep 0.05; done"


class Outliving(LocalEngine):
    """Goes on when the service stops, as a cluster does."""

    async def close(self):
        pass


async def first_log(stand_in, task_id):
    async for event in stand_in.events():
        if event["kind"] == "log" and event["taskId"] == task_id:
            return


async def test_a_new_service_goes_on_where_the_old_one_was(start_round, tmp_path):
    engine = Outliving(root=tmp_path / "kept", bubblewrap=False)
    try:
        async with start_round(engine=engine) as old:
            await old.post(cloud_task("t1", TICKS))
            await first_log(old.stand_in, "t1")
        async with start_round(engine=engine) as new:
            assert (await new.outcome("t1"))["phase"] == "Succeeded"
            assert new.lines("t1") == [str(n) for n in range(40)]
    finally:
        await LocalEngine.close(engine)


async def test_two_followers_of_one_task_write_it_once(start_round, tmp_path):
    engine = Outliving(root=tmp_path / "kept", bubblewrap=False)
    try:
        async with start_round(engine=engine) as one, start_round(engine=engine):
            await one.post(cloud_task("t1", TICKS))
            assert (await one.outcome("t1"))["phase"] == "Succeeded"
            assert one.lines("t1") == [str(n) for n in range(40)]
    finally:
        await LocalEngine.close(engine)


async def test_the_deadline_counts_on_while_nobody_looks(start_round, tmp_path):
    engine = Outliving(root=tmp_path / "kept", bubblewrap=False, grace=0.2)
    try:
        async with start_round(engine=engine) as old:
            await old.post(cloud_task("late", "echo up; sleep 60", timeout=1))
            await old.post(cloud_task("intime", "echo up; sleep 0.6", timeout=1))
            await first_log(old.stand_in, "late")
            await first_log(old.stand_in, "intime")
        await asyncio.sleep(1)
        async with start_round(engine=engine) as new:
            assert (await new.outcome("late"))["phase"] == "TimedOut"
            assert (await new.outcome("intime"))["phase"] == "Succeeded"
    finally:
        await LocalEngine.close(engine)


async def test_a_task_of_a_dead_engine_ends_in_error(start_round, tmp_path):
    async with start_round(engine=LocalEngine(root=tmp_path / "one", bubblewrap=False, grace=0.2)) as old:
        await old.post(cloud_task("t1", "echo up; sleep 60", "echo never"))
        await first_log(old.stand_in, "t1")
    async with start_round(engine=LocalEngine(root=tmp_path / "two", bubblewrap=False)) as new:
        final = await new.outcome("t1")
        assert (final["phase"], final["reason"]) == ("Error", "RunnerLost")
        assert [step["phase"] for step in final["steps"]] == ["Failed", "Skipped"]
        gaps = [event for event in new.stand_in.ledger.kept if event["kind"] == "gap"]
        assert [(gap["step"], gap["why"]) for gap in gaps] == [("s1", UNREAD), ("s2", UNREAD)]


@pytest.fixture
def own_valkey(tmp_path):
    server = Embedded(tmp_path / "valkey")
    server.start()
    yield server
    server.stop()


async def test_redis_dies_in_mid_run_and_comes_back(start_round, own_valkey, http):
    redis = connect(own_valkey.socket)
    store = Store(redis, shards=4, keep_s=60)
    async with start_round(store=store) as round_:
        await round_.post(cloud_task("t1", TICKS), cloud_task("t2", TICKS))
        await first_log(round_.stand_in, "t2")
        own_valkey.kill()
        async with http.post(round_.url + BATCH_PATH, json=[cloud_task("t3", "true")]) as answer:
            assert answer.status == 503
        async with http.get(round_.url + "/readyz") as answer:
            assert answer.status == 503
        await asyncio.sleep(0.3)
        own_valkey.start()
        for task_id in ("t1", "t2"):
            assert (await round_.outcome(task_id))["phase"] == "Succeeded"
            assert round_.lines(task_id) == [str(n) for n in range(40)]
        [answer] = await round_.post(cloud_task("t3", "true"))
        assert answer["outcome"] == "accepted"
        await round_.outcome("t3")
    await redis.aclose()


async def test_a_lost_store_leaves_a_service_that_works(start_round, redis):
    async with start_round() as round_:
        await round_.post(cloud_task("t1", TICKS))
        await first_log(round_.stand_in, "t1")
        await redis.flushall()
        [answer] = await round_.post(cloud_task("t2", "true"))
        assert answer["outcome"] == "accepted"
        assert (await round_.outcome("t2"))["phase"] == "Succeeded"
