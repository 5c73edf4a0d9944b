"""Every index is put right from the tasks' records, whatever is missing or left over."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.integration.store.samples import accepted, finished, running

NAMES = ("inbox", "open", "known", "expiring", "sizes")
MOST = 1000


async def everything(redis):
    """What lies where, but for when a task is to be forgotten."""
    held = {}
    async for key in redis.scan_iter():
        if await redis.type(key) == b"zset":
            held[key] = {member for member, _ in await redis.zrange(key, 0, -1, withscores=True)}
        elif await redis.type(key) == b"set":
            held[key] = await redis.smembers(key)
    return held


async def of_every_kind(store):
    await accepted(store, "waits")
    await running(store, "runs")
    await finished(store, "ended")
    record = await finished(store, "done")
    await store.acknowledge("done", 1, record.state.seq)
    await store.release("done")


def mine(_):
    return True


async def found(store, most=MOST):
    return {(each.task_id, each.index) for each in await store.indexes().mend(most, mine)}


async def test_healthy_indexes_are_left_alone(store, redis):
    await of_every_kind(store)
    before = await everything(redis)
    assert await found(store) == set()
    assert await everything(redis) == before


@pytest.mark.parametrize("name", NAMES)
async def test_an_index_that_is_gone_is_made_again(store, redis, name):
    await of_every_kind(store)
    before = await everything(redis)
    for number in range(4):
        await redis.delete(f"translator:{{{number}}}:{name}")
    assert {index for _, index in await found(store)} == {name}
    assert await everything(redis) == before
    assert await found(store) == set()


@pytest.mark.parametrize("name", NAMES)
async def test_what_has_no_record_is_taken_out(store, redis, name):
    await of_every_kind(store)
    before = await everything(redis)
    key = f"translator:{{{store.shard('ghost')}}}:{name}"
    await (redis.sadd(key, "ghost") if name == "open" else redis.zadd(key, {"ghost": 1}))
    assert await found(store) == {("ghost", name)}
    assert await everything(redis) == before


async def test_a_task_is_moved_to_where_it_belongs(store, redis):
    await of_every_kind(store)
    before = await everything(redis)
    for task_id in ("waits", "runs", "ended", "done"):
        shard = f"translator:{{{store.shard(task_id)}}}"
        wrong = "expiring" if task_id != "done" else "inbox"
        await redis.zadd(f"{shard}:{wrong}", {task_id: 1})
        await redis.srem(f"{shard}:open", task_id)
    await found(store)
    assert await everything(redis) == before


async def test_the_work_of_one_call_is_limited_and_the_next_goes_on(store, redis):
    await of_every_kind(store)
    for number in range(4):
        await redis.delete(f"translator:{{{number}}}:known")
    indexes = store.indexes()
    mended = []
    for _ in range(20):
        mended += [(each.task_id, each.index) for each in await indexes.mend(1, mine)]
    assert sorted(mended) == [(task_id, "known") for task_id in ("done", "ended", "runs", "waits")]


async def test_tasks_of_others_are_not_touched(store, redis):
    await of_every_kind(store)
    await redis.delete(*[f"translator:{{{number}}}:known" for number in range(4)])
    assert await store.indexes().mend(MOST, lambda task_id: task_id == "runs")
    assert not await store.indexes().mend(MOST, lambda task_id: task_id == "runs")
    assert await store.indexes().mend(MOST, mine)


async def test_a_large_database_of_others_is_looked_through_in_parts(store, redis):
    await of_every_kind(store)
    for number in range(4):
        await redis.delete(*[f"translator:{{{number}}}:{name}" for name in NAMES])
    others = {f"other:{number}" for number in range(10_000)}
    await redis.mset(dict.fromkeys(others, ""))

    async def scans():
        return (await redis.info("commandstats")).get("cmdstat_scan", {"calls": 0})["calls"]

    indexes = store.indexes()
    mended, calls = set(), [await scans()]
    for _ in range(25):
        mended |= {each.task_id for each in await indexes.mend(500, mine)}
        calls.append(await scans())
    assert mended == {"waits", "runs", "ended", "done"}
    assert max(after - before for before, after in pairwise(calls)) <= 8
    assert calls[-1] - calls[0] > 16
    assert await redis.exists(*others) == len(others)
