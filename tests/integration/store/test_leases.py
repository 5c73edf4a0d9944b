"""The lease scripts, and what they keep others from writing, on a real Valkey."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.store.samples import accepted, event, finished, new_task, running, state
from translator.store.calls import Sign
from translator.store.keys import ShardKeys
from translator.store.leases import Leases
from translator.store.notices import Notices
from translator.store.store import Store
from translator.store.tenure import LostShardError, Tenure

SHARDS = 4


def replica(redis, name, *, life="", lease_s=60.0):
    return Leases(redis, shards=SHARDS, name=name, life=life or name, lease_s=lease_s)


def fenced(redis, **more):
    tenure = Tenure()
    return Store(redis, shards=SHARDS, keep_s=60, tenure=tenure, **more), tenure


async def hold_all(leases, tenure, *, again=False):
    for shard, epoch in (await leases.take(range(SHARDS), again=again)).items():
        tenure.hold(shard, epoch, float("inf"))


async def run_out(redis):
    """All leases end, as if their time had passed."""
    for shard in range(SHARDS):
        await redis.hset(ShardKeys(shard).lease, "until", 1)


async def test_a_lease_has_one_holder_until_it_ends(redis):
    a, b = replica(redis, "a"), replica(redis, "b")
    epochs = await a.take([0, 1], again=False)
    assert set(epochs) == {0, 1}
    assert set(await b.take([0, 1, 2], again=False)) == {2}
    held, others = await a.tend(epochs)
    assert held == {0, 1}
    assert (others[2].owner, others[3].owner) == ("b", "")
    assert 59 < others[2].left_s <= 60

    await run_out(redis)
    taken = await b.take([0], again=False)
    assert taken[0] > epochs[0]
    held, others = await a.tend(epochs)
    assert held == {1}, "one that ran out and that nobody took is renewed"
    assert others[0].owner == "b"


async def test_a_process_takes_up_at_once_what_its_former_life_held(redis):
    before = await replica(redis, "a", life="1").take([0], again=False)
    new = replica(redis, "a", life="2")
    assert await new.take([0], again=False) == {}
    after = await new.take([0], again=True)
    assert after[0] > before[0]
    assert (await replica(redis, "a", life="1").tend(before))[0] == set()


async def test_a_process_takes_again_what_it_gave_up_itself(redis):
    a = replica(redis, "a")
    before = await a.take([0], again=False)
    _, others = await a.tend({})
    assert others[0].owner == ""
    assert (await a.take([0], again=False))[0] > before[0]


async def test_what_is_let_go_is_free_and_fenced_at_once(redis):
    a = replica(redis, "a")
    store, tenure = fenced(redis)
    await hold_all(a, tenure)
    await accepted(store)
    epochs = tenure.epochs()
    await a.let_go(epochs)
    with pytest.raises(LostShardError):
        await store.begin("t1")
    assert set(await replica(redis, "b").take(range(SHARDS), again=False)) == set(range(SHARDS))
    await a.let_go(epochs)  # a repeat takes nobody else's away
    assert set((await replica(redis, "b").tend({}))[1]) == set(range(SHARDS))
    assert await replica(redis, "c").take([0], again=False) == {}


async def test_an_epoch_is_not_granted_again_after_the_data_is_lost(redis):
    a = replica(redis, "a")
    before = await a.take([0], again=False)
    await redis.flushall()
    assert (await replica(redis, "b").take([0], again=False))[0] > before[0]


async def test_replicas_know_of_each_other_for_as_long_as_a_lease(redis):
    a, b = replica(redis, "a", lease_s=60), replica(redis, "b", lease_s=0.05)
    assert await a.announce() == ["a"]
    assert set(await b.announce()) == {"a", "b"}
    await asyncio.sleep(0.06)
    assert await a.announce() == ["a"]
    await b.announce()
    await b.leave()
    assert await a.announce() == ["a"]


OWNERS = {
    "begin": lambda store, record: store.begin("t1"),
    "append": lambda store, record: store.append(record, state("t1", 9), [event("t1", 9)]),
    "acknowledge": lambda store, record: store.acknowledge("t1", 1, 1),
    "release": lambda store, record: store.release("t1"),
    "shrink": lambda store, record: store.shrink("t1", keep=0, spill=0),
    "park": lambda store, record: store.park("t1", "why"),
    "forget": lambda store, record: store.catalogue().forget(4e9),
}


@pytest.mark.parametrize("what", OWNERS)
async def test_a_replica_that_was_paused_writes_nothing(redis, what):
    store, tenure = fenced(redis)
    await hold_all(replica(redis, "a"), tenure)
    record = await finished(store) if what == "forget" else await running(store)
    if what == "forget":
        await store.release("t1")
        await store.acknowledge("t1", 1, 3)
    refused = []
    tenure.on_refused = refused.append
    await run_out(redis)
    other, others = fenced(redis)
    await hold_all(replica(redis, "b"), others)
    before = {key: await redis.dump(key) for key in await redis.keys("*")}

    with pytest.raises(LostShardError, match="another replica holds its shard"):
        await OWNERS[what](store, record)

    assert {key: await redis.dump(key) for key in await redis.keys("*")} == before
    assert refused == [store.shard("t1")]
    assert not store.holds("t1")
    with pytest.raises(LostShardError, match="is not held by this replica"):
        await OWNERS[what](store, record)
    await OWNERS[what](other, record)


async def test_anyone_may_accept_revoke_retry_and_unpark_and_the_holder_is_told(redis):
    channel = "test-wake"
    holder, tenure = fenced(redis, sign=Sign("holder", channel))
    await hold_all(replica(redis, "a"), tenure)
    asked, _ = fenced(redis, sign=Sign("asked", channel))
    heard, ready = asyncio.Queue(), asyncio.Event()
    notices = Notices(redis, Sign("holder", channel))
    notices.on_message = lambda kind, task_id: heard.put_nowait((kind, task_id))
    notices.on_connected = ready.set
    listening = asyncio.create_task(notices.run())
    try:
        await ready.wait()
        await asked.accept([new_task("t 1")], 1)
        assert await asked.revoke("t 1", "enough") == ("revoked", "Pending")
        await holder.park("t 1", "refused")
        assert await asked.unpark("t 1")
        await holder.accept([new_task("own")], 1)
        async with asyncio.timeout(5):
            assert [await heard.get() for _ in range(3)] == [
                ("accepted", "t 1"),
                ("revoked", "t 1"),
                ("replayed", "t 1"),
            ]
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_who_watches_a_task_hears_of_its_changes_also_after_a_break(redis):
    store, tenure = fenced(redis)
    await hold_all(replica(redis, "a"), tenure)
    record = await running(store)
    notices = Notices(redis, Sign("x", "test-wake"))
    changed, connected = asyncio.Queue(), asyncio.Queue()
    notices.on_changed = changed.put_nowait
    notices.on_connected = lambda: connected.put_nowait(True)
    listening = asyncio.create_task(notices.run())
    try:
        async with asyncio.timeout(10):
            await connected.get()
            notices.watch("t1")
            assert await changed.get() == "t1", "it is heard from here on, and may have changed before"
            record = await store.append(record, state("t1", 3), [event("t1", 3)])
            assert await changed.get() == "t1"
            await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await connected.get()
            assert await changed.get() == "t1"
            await store.append(record, state("t1", 4), [event("t1", 4)])
            assert await changed.get() == "t1"
            notices.unwatch("t1")
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
