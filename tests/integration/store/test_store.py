from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from tests.integration.store.samples import REF, accepted, event, finished, new_task, running, seqs, state
from translator.errors import PermanentError
from translator.observe.event import Phase
from translator.store.keys import keys_of
from translator.store.refusal import StaleWriterError, UnknownTaskError
from translator.store.store import Store


async def open_task(store, task_id="t1"):
    return next((task for task in await store.open_tasks() if task.task_id == task_id), None)


async def test_an_accepted_task_is_whole_in_the_store(store):
    assert await store.accept([new_task()], 1000) == [("accepted", "Pending")]

    record = await store.load("t1")
    assert (record.agent_id, record.args, record.version) == ("agent", {"taskYaml": "…"}, 1)
    assert record.state == state("t1", 1, Phase.PENDING)
    assert (record.workflow, record.deadline, record.revoked, record.parked) == (None, None, "", "")
    [kept] = await store.outbox("t1", 10)
    assert (kept.attempt, kept.seq) == (1, 1)
    assert json.loads(kept.text) == event("t1", 1).as_json()
    task = await open_task(store)
    assert (task.waits, task.runs, task.backlog, task.parked) == (True, False, 1, "")


async def test_a_task_is_accepted_once_also_within_one_batch(store):
    batch = [new_task("a", "h"), new_task("a", "h"), new_task("a", "other"), new_task("b", "h")]
    outcomes = await store.accept(batch, 1000)
    assert [outcome for outcome, _ in outcomes] == ["accepted", "duplicate", "conflict", "accepted"]
    assert seqs(await store.outbox("a", 10)) == [(1, 1)]


async def test_a_duplicate_is_told_the_phase_that_is_stored(store):
    await running(store)
    assert await store.accept([new_task()], 2000) == [("duplicate", "Running")]
    assert await store.accept([new_task(spec_hash="x")], 2000) == [("conflict", "Running")]


async def test_a_batch_larger_than_one_pipeline_is_answered_in_order(store):
    outcomes = await store.accept([new_task(f"t{i % 600}") for i in range(1200)], 1000)
    assert [outcome for outcome, _ in outcomes] == ["accepted"] * 600 + ["duplicate"] * 600
    assert len(await store.open_tasks()) == 600


async def test_the_workflow_takes_the_task_out_of_the_inbox(store):
    record = await running(store)
    assert await store.load("t1") == record
    assert (record.workflow, record.deadline, record.version) == (REF, 2000.5, 2)
    task = await open_task(store)
    assert (task.waits, task.runs) == (False, True)


async def test_a_final_state_takes_the_task_out_of_the_inbox(store):
    record = await accepted(store)
    await store.append(record, state("t1", 2, Phase.ERROR), [event("t1", 2)])
    task = await open_task(store)
    assert (task.waits, task.runs, task.backlog) == (False, False, 2)


async def test_a_writer_that_is_not_up_to_date_writes_nothing(store):
    old = await running(store)
    new = await store.append(old, state("t1", 3), [event("t1", 3)])

    with pytest.raises(StaleWriterError):
        await store.append(old, state("t1", 4), [event("t1", 3), event("t1", 4)])

    assert await store.load("t1") == new
    assert seqs(await store.outbox("t1", 10)) == [(1, 1), (1, 2), (1, 3)]


async def test_a_stale_writer_without_events_writes_nothing_either(store):
    old = await running(store)
    quiet = replace(old.state, cursors={"a": {"line": 1}})
    new = await store.append(old, quiet, [])
    with pytest.raises(StaleWriterError):
        await store.append(old, replace(old.state, cursors={"a": {"line": 0}}), [])
    assert (await store.load("t1")).state == new.state == quiet


async def test_an_append_whose_answer_got_lost_may_be_repeated(store):
    old = await running(store)
    once = await store.append(old, state("t1", 3), [event("t1", 3)])
    again = await store.append(old, state("t1", 3), [event("t1", 3)])
    assert once == again == await store.load("t1")
    assert seqs(await store.outbox("t1", 10)) == [(1, 1), (1, 2), (1, 3)]


async def test_events_out_of_order_are_refused_as_a_whole(store):
    old = await running(store)
    with pytest.raises(PermanentError, match="equal or smaller"):
        await store.append(old, state("t1", 2), [event("t1", 2)])
    assert await store.load("t1") == old


async def test_acknowledged_events_leave_the_outbox(store):
    record = await running(store)
    await store.append(record, state("t1", 4), [event("t1", 3), event("t1", 4)])
    await store.acknowledge("t1", 1, 3)
    assert seqs(await store.outbox("t1", 10)) == [(1, 4)]
    await store.acknowledge("t1", 1, 2)
    assert seqs(await store.outbox("t1", 10)) == [(1, 4)]


async def test_an_acknowledged_outbox_still_refuses_what_it_held(store):
    record = await running(store)
    await store.acknowledge("t1", 1, 2)
    with pytest.raises(PermanentError, match="equal or smaller"):
        await store.append(record, state("t1", 2), [event("t1", 2)])


@pytest.mark.parametrize("released_first", [True, False])
async def test_a_finished_task_is_closed_when_delivered_and_released(store, redis, released_first):
    await finished(store)
    if released_first:
        await store.release("t1")
        assert (await open_task(store)).runs is False
        await store.acknowledge("t1", 1, 3)
    else:
        await store.acknowledge("t1", 1, 3)
        assert (await open_task(store)).backlog == 0
        await store.release("t1")

    assert await open_task(store) is None
    assert await store.outbox("t1", 10) == []
    due = await redis.zscore(keys_of("t1", 4).expiring, "t1")
    assert 50 < due - time.time() <= 61
    assert await store.accept([new_task()], 9) == [("duplicate", "Succeeded")]


async def test_a_task_that_never_ran_needs_no_release(store):
    record = await accepted(store)
    await store.append(record, state("t1", 2, Phase.ERROR), [event("t1", 2)])
    await store.acknowledge("t1", 1, 2)
    assert await open_task(store) is None


async def test_what_comes_after_the_record_went_does_nothing(store, redis):
    await store.acknowledge("gone", 1, 3)
    await store.release("gone")
    await store.park("gone", "why")
    assert await store.revoke("gone", "why") == ("unknown", "")
    assert await store.outbox("gone", 1) == []
    with pytest.raises(UnknownTaskError):
        await store.begin("gone")
    record = await accepted(store)
    await redis.flushall()
    with pytest.raises(UnknownTaskError):
        await store.append(record, state("t1", 2), [event("t1", 2)])
    assert await redis.dbsize() == 0


async def test_a_revoked_task_does_not_begin(store):
    await accepted(store)
    assert await store.revoke("t1", "by the user") == ("revoked", "Pending")
    assert await store.revoke("t1", "again") == ("repeated", "Pending")
    assert await store.begin("t1") is False
    assert (await store.load("t1")).revoked == "by the user"


async def test_a_task_that_has_begun_stays_begun(store):
    await accepted(store)
    assert await store.begin("t1") is True
    assert await store.revoke("t1", "too late") == ("revoked", "Pending")
    assert await store.begin("t1") is True


async def test_a_finished_task_cannot_be_revoked(store):
    await finished(store)
    assert await store.revoke("t1", "late") == ("ended", "Succeeded")


async def test_a_parked_task_shows_no_events_until_it_is_unparked(store):
    await running(store)
    await store.park("t1", "404")
    assert await store.outbox("t1", 10) == []
    assert (await open_task(store)).parked == "404"
    assert (await store.load("t1")).parked == "404"
    await store.unpark("t1")
    assert seqs(await store.outbox("t1", 10)) == [(1, 1), (1, 2)]


async def test_every_script_keeps_to_one_slot_and_states_its_keys(store):
    keys = keys_of("任务 {x}", 4)
    tag = f"translator:{{{keys.shard}}}:"
    assert all(key.startswith(tag) for key in keys.of("任务 {x}"))
    await finished(store, "任务 {x}")
    await store.release("任务 {x}")
    await store.acknowledge("任务 {x}", 1, 3)
    assert await open_task(store, "任务 {x}") is None


async def test_data_split_into_other_shards_is_not_touched(store, redis):
    await store.open()
    await store.open()
    with pytest.raises(PermanentError, match="split into 4 shards, not 8"):
        await Store(redis, shards=8, keep_s=60).open()
