"""The lease scripts, and what they keep others from writing, on a real Valkey."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.store.samples import accepted, event, finished, new_task, running, state, taken
from translator.store.calls import Sign
from translator.store.erase import erase, look
from translator.store.keys import ShardKeys
from translator.store.leases import Leases
from translator.store.notices import Notices
from translator.store.store import Store
from translator.store.tenure import LostShardError, Tenure

SHARDS = 4


def replica(redis, name, *, life="", lease_s=60.0, settle_s=0.0):
    return Leases(redis, shards=SHARDS, name=name, life=life or name, lease_s=lease_s, settle_s=settle_s)


def fenced(redis, **more):
    tenure = Tenure()
    return Store(redis, shards=SHARDS, keep_s=60, tenure=tenure, **more), tenure


async def free(leases, shards=range(SHARDS)):
    """Take those of these leases that nobody holds."""
    others = (await leases.tend({})).others
    return await taken(leases, [shard for shard in shards if not others[shard].owner])


async def hold_all(leases, tenure, *, again=False):
    for shard, epoch in (await taken(leases, range(SHARDS), again=again)).items():
        tenure.hold(shard, epoch, float("inf"))


async def run_out(redis):
    """All leases end, as if their time had passed."""
    for shard in range(SHARDS):
        await redis.hset(ShardKeys(shard).lease, "until", 1)


async def test_a_lease_has_one_holder_until_it_ends(redis):
    a, b = replica(redis, "a"), replica(redis, "b")
    epochs = await taken(a, [0, 1])
    assert set(epochs) == {0, 1}
    assert set(await free(b, [0, 1, 2])) == {2}
    view = await a.tend(epochs)
    assert view.held == {0, 1}
    assert (view.others[2].owner, view.others[3].owner) == ("b", "")
    assert 59 < view.others[2].left_s <= 60

    await run_out(redis)
    assert (await taken(b, [0]))[0] > epochs[0]
    view = await a.tend(epochs)
    assert view.held == {1}, "one that ran out and that nobody took is renewed"
    assert view.others[0].owner == "b"


async def test_a_lease_is_taken_only_as_it_was_seen(redis):
    a, b, c = (replica(redis, name) for name in "abc")
    epochs = await taken(a, [0, 1])
    seen = (await b.tend({})).others
    await a.tend({0: epochs[0]})  # a renewal
    await a.let_go({1: epochs[1]})
    await taken(c, [2])
    assert await b.take({shard: seen[shard] for shard in (0, 1, 2)}, again=False) == {}
    assert set(await b.take({3: seen[3]}, again=False)) == {3}


async def test_a_process_takes_up_at_once_what_its_former_life_held(redis):
    before = await taken(replica(redis, "a", life="1"), [0], again=True)
    new = replica(redis, "a", life="2", settle_s=60)
    others = (await new.tend({})).others
    grant = (await new.take({0: others[0]}, again=True))[0]
    assert grant.epoch > before[0]
    assert grant.unsettled_s == 0, "its processes have ended with it"
    assert (await replica(redis, "a", life="1").tend(before)).held == set()


async def test_a_process_takes_again_what_it_gave_up_itself(redis):
    a = replica(redis, "a")
    before = await taken(a, [0])
    assert (await a.tend({})).others[0].owner == ""
    assert (await taken(a, [0]))[0] > before[0]


async def test_who_takes_what_was_not_let_go_waits_for_its_processes_also_after_a_death(redis):
    a, b = replica(redis, "a"), replica(redis, "b", life="1", settle_s=60)
    await a.let_go(await taken(a, [0], again=True))
    others = (await b.tend({})).others
    assert (await b.take({0: others[0]}, again=False))[0].unsettled_s == 0
    await taken(a, [1], again=True)
    others = (await b.tend({})).others
    assert 59 < (await b.take({1: others[1]}, again=False))[1].unsettled_s <= 60
    new = replica(redis, "b", life="2", settle_s=60)
    others = (await new.tend({})).others
    grants = await new.take({shard: others[shard] for shard in (0, 1)}, again=True)
    assert grants[0].unsettled_s == 0
    assert 59 < grants[1].unsettled_s <= 60


async def test_a_former_holder_gets_back_what_it_claims(redis):
    a, b, c = (replica(redis, name) for name in "abc")
    before = await taken(a, [0, 1])
    await run_out(redis)
    now = await taken(b, [0, 1])
    view = await a.tend(before, [0])
    assert {shard: view.others[shard].owner for shard in (0, 1)} == {0: "b", 1: "b"}
    assert (await b.tend(now)).claimed == {0}
    await c.tend({0: 1}, [0])  # the first claim counts
    await b.let_go(now)
    others = (await c.tend({})).others
    assert (others[0].owner, others[1].owner) == ("a", "")
    view = await a.tend(before, [0])
    assert view.others[0].owner == "", "it is free to the claimant"
    got = await a.take({0: view.others[0]}, again=False)
    assert got[0].epoch > now[0]
    assert (await a.tend({0: got[0].epoch})).claimed == set()


async def test_a_lease_that_redis_lost_is_made_again_by_its_holder(redis):
    a, b = replica(redis, "a"), replica(redis, "b")
    epochs = await taken(a, [0, 1])
    await redis.delete(*(ShardKeys(shard).lease for shard in range(SHARDS)))
    assert (await a.tend(epochs)).held == {0, 1}
    assert await redis.hget(ShardKeys(0).lease, "epoch") == str(epochs[0]).encode()
    assert (await b.tend({})).others[0].owner == "a"
    # not over another's head
    await redis.delete(ShardKeys(0).lease)
    await taken(b, [0])
    assert (await a.tend(epochs)).held == {1}


async def test_what_is_let_go_is_free_and_fenced_at_once(redis):
    a = replica(redis, "a")
    store, tenure = fenced(redis)
    await hold_all(a, tenure)
    await accepted(store)
    epochs = tenure.epochs()
    await a.let_go(epochs)
    with pytest.raises(LostShardError):
        await store.begin("t1")
    assert set(await free(replica(redis, "b"))) == set(range(SHARDS))
    await a.let_go(epochs)  # a repeat takes nobody else's away
    assert await free(replica(redis, "c")) == {}


async def test_an_epoch_is_not_granted_again_after_the_data_is_lost(redis):
    a = replica(redis, "a")
    before = await taken(a, [0])
    await redis.flushall()
    assert (await taken(replica(redis, "b"), [0]))[0] > before[0]


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


async def test_all_of_an_installation_is_erased_and_nothing_else(redis):
    await redis.set("another:key", "stays")
    leases = replica(redis, "a")
    store, tenure = fenced(redis)
    await store.open()
    await hold_all(leases, tenure)
    for number in range(7):
        await accepted(store, f"t{number}")
    await leases.announce()
    kept = await look(redis)
    assert (kept.tasks, kept.replicas) == (7, ("a",))
    assert kept.keys == len(await redis.keys("translator:*"))
    await leases.leave()
    assert (await look(redis)).replicas == ()
    left = await redis.keys("translator:*")
    assert await erase(redis) == len(left) >= kept.tasks
    assert await redis.keys("*") == [b"another:key"]
