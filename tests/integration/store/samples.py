"""States and events by hand: the store does not care what they mean."""

from __future__ import annotations

from dataclasses import replace

from translator.observe.event import Event, Kind, Phase
from translator.observe.observation import WorkflowRef
from translator.observe.state import StepState, TaskState
from translator.store.record import NewTask

NOW = "2026-01-02T03:04:05.678Z"
REF = WorkflowRef("default", "task-t1-a1", "uid-1")


def event(task_id, seq):
    return Event(task_id, "agent", 1, seq, NOW, Kind.LOG, {"step": "a", "lines": [f"line {seq} 你好"]})


def state(task_id, seq, phase=Phase.RUNNING):
    return TaskState(task_id, "agent", 1, seq, phase, (StepState("a"),))


def new_task(task_id="t1", spec_hash="h1"):
    first = state(task_id, 1, Phase.PENDING)
    return NewTask(task_id, "agent", {"taskYaml": "…"}, spec_hash, first, (event(task_id, 1),))


async def accepted(store, task_id="t1"):
    await store.accept([new_task(task_id)], 1000)
    return await store.load(task_id)


async def running(store, task_id="t1", deadline=2000.5):
    """A task that was accepted, begun and submitted: two events in the outbox."""
    record = await accepted(store, task_id)
    assert await store.begin(task_id)
    second = replace(record.state, seq=2, phase=Phase.RUNNING)
    return await store.append(record, second, [event(task_id, 2)], workflow=REF, deadline=deadline)


async def finished(store, task_id="t1"):
    record = await running(store, task_id)
    return await store.append(record, state(task_id, 3, Phase.SUCCEEDED), [event(task_id, 3)])


def seqs(kept):
    return [(each.attempt, each.seq) for each in kept]


async def taken(leases, shards, *, again=False):
    """Take these leases as they are seen now, whether they have run out or not; returns the epochs."""
    others = (await leases.tend({})).others
    return {
        shard: grant.epoch
        for shard, grant in (
            await leases.take({shard: others[shard] for shard in shards}, again=again)
        ).items()
    }
