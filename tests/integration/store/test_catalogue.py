from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from tests.integration.store.samples import accepted, event, finished, new_task, running, seqs, state
from translator.observe.event import Phase
from translator.store.store import Store


async def ids(store, **more):
    catalogue = store.catalogue()
    found, before = [], None
    while True:
        tasks, before = await catalogue.page(before, more.get("count", 10), more.get("phase", ""))
        found += [task.task_id for task in tasks]
        if before is None:
            return found


async def test_tasks_are_listed_newest_first_also_those_of_one_moment(store):
    names = [f"t{n}" for n in range(25)]
    await store.accept([new_task(name) for name in names], 1000)
    assert await ids(store) == names[::-1]
    assert await ids(store, count=3) == names[::-1]


async def test_tasks_are_listed_by_phase(store):
    await store.accept([new_task(f"t{n}") for n in range(20)], 1000)
    await running(store, "last")
    assert await ids(store, phase="Running") == ["last"]
    assert len(await ids(store, phase="Pending", count=7)) == 20


async def test_a_finished_task_is_forgotten_in_its_time_and_leaves_nothing(redis):
    store = Store(redis, shards=4, keep_s=30)
    await finished(store)
    await store.release("t1")
    await store.acknowledge("t1", 1, 3)
    catalogue = store.catalogue()
    assert await catalogue.log_sizes() != {}
    assert await catalogue.forget(time.time()) == 0
    assert await store.load("t1") is not None
    assert await catalogue.forget(time.time() + 32) == 1
    assert await store.load("t1") is None
    assert [key async for key in redis.scan_iter("*")] == []
    assert await ids(store) == []


async def test_a_retried_task_is_open_again_and_not_forgotten(store):
    await finished(store)
    await store.release("t1")
    await store.acknowledge("t1", 1, 3)
    record = await store.load("t1")
    again = replace(state("t1", 1, Phase.PENDING), attempt=2)
    events = [replace(event("t1", 1), attempt=2)]
    assert await store.retry(record, again, events, 2000, "r1") == "retried"
    assert await store.retry(record, again, events, 2000, "r1") == "retried", "the answer got lost"
    assert await store.catalogue().forget(time.time() + 1000) == 0

    new = await store.load("t1")
    assert (new.state, new.workflow, new.released, new.revoked) == (again, None, False, "")
    [task] = await store.open_tasks()
    assert (task.waits, task.runs, task.backlog, task.attempt, task.ended) == (True, False, 1, 2, False)
    assert seqs(await store.outbox("t1", 9)) == [(2, 1)]
    assert seqs(await store.events("t1", (0, 0), 9)) == [(1, 1), (1, 2), (1, 3), (2, 1)]
    assert await store.begin("t1") is True


async def test_of_those_who_ask_at_the_same_time_one_retries(store):
    await finished(store)
    await store.release("t1")
    record = await store.load("t1")
    again = replace(state("t1", 1, Phase.PENDING), attempt=2)
    events = [replace(event("t1", 1), attempt=2)]
    asked = [store.retry(record, again, events, 2000, f"r{n % 10}") for n in range(100)]
    outcomes = await asyncio.gather(*asked)
    told = {f"r{n}": {outcomes[at] for at in range(n, 100, 10)} for n in range(10)}
    assert sorted(map(sorted, told.values())) == [["retried"], *[["stale"]] * 9]


async def test_a_retry_that_may_not_be_changes_nothing(store):
    again, events = replace(state("t1", 1, Phase.PENDING), attempt=2), [replace(event("t1", 1), attempt=2)]
    record = await accepted(store)
    assert await store.retry(record, again, events, 2000, "r1") == "running"
    record = await finished(store, "t2")
    again = replace(again, task_id="t2")
    assert await store.retry(record, again, events, 2000, "r1") == "busy"
    await store.release("t2")
    assert await store.retry(replace(record, version=1), again, events, 2000, "r1") == "stale"
    assert await store.load("t2") == replace(record, released=True)
    assert await store.retry(replace(record, task_id="t3"), again, events, 2000, "r1") == "unknown"


async def test_former_attempts_that_agent_server_lacks_go_first(store):
    record = await finished(store)
    await store.release("t1")
    again = replace(state("t1", 1, Phase.PENDING), attempt=2)
    record = await store.load("t1")
    assert await store.retry(record, again, [replace(event("t1", 1), attempt=2)], 2000, "r1") == "retried"
    assert seqs(await store.outbox("t1", 9)) == [(1, 1), (1, 2), (1, 3), (2, 1)]
    assert (await store.open_tasks())[0].backlog == 4
    await store.acknowledge("t1", 1, 3)
    assert (await store.open_tasks())[0].backlog == 1
