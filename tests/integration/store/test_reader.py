from __future__ import annotations

from tests.integration.store.samples import accepted, finished, new_task, running, seqs
from translator.store.store import Store
from translator.store.tenure import Tenure


async def test_waiting_tasks_are_listed_in_the_order_of_acceptance(redis):
    store = Store(redis, shards=1, keep_s=60)
    for number, task_id in enumerate(["c", "a", "b"]):
        await store.accept([new_task(task_id)], 1000 + number)
    assert [task.task_id for task in await store.open_tasks()] == ["c", "a", "b"]


async def test_tasks_of_some_shards_are_listed_without_the_others(store):
    await store.accept([new_task(f"t{number}") for number in range(20)], 1000)
    of = {0, 3}
    listed = [task.task_id for task in await store.open_tasks(of)]
    assert sorted(listed) == sorted(f"t{n}" for n in range(20) if store.shard(f"t{n}") in of)
    assert 0 < len(listed) < 20


async def test_tasks_are_described_open_or_not_and_unknown_ones_left_out(store):
    await accepted(store, "waits")
    await running(store, "runs")
    record = await finished(store, "done")
    await store.acknowledge("done", 1, record.state.seq)
    await store.release("done")

    described = await store.describe({"waits", "runs", "done", "gone"})

    assert described.keys() == {"waits", "runs", "done"}
    assert {task_id for task_id, task in described.items() if task.waits} == {"waits"}
    assert {task_id for task_id, task in described.items() if task.runs} == {"runs"}
    assert (described["done"].ended, described["done"].backlog) == (True, 0)


async def test_events_are_read_from_a_place_on_whether_they_are_held_or_not(store):
    await finished(store)
    await store.acknowledge("t1", 1, 2)
    assert seqs(await store.outbox("t1", 9)) == [(1, 3)]
    assert seqs(await store.events("t1", (1, 0), 9)) == [(1, 1), (1, 2), (1, 3)]
    assert seqs(await store.events("t1", (1, 1), 1)) == [(1, 2)]
    assert await store.events("gone", (1, 0), 9) == []


async def test_who_shares_the_shards_holds_only_what_its_tenure_says(redis, store):
    tenure = Tenure()
    shared = Store(redis, shards=4, keep_s=60, tenure=tenure)
    assert (store.held(), store.holds("t1")) == ({0, 1, 2, 3}, True)
    assert (shared.held(), shared.holds("t1")) == (set(), False)
    tenure.hold(shared.shard("t1"), epoch=1, until=1.0)
    assert (shared.held(), shared.holds("t1")) == ({shared.shard("t1")}, True)
