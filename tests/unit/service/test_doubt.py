from __future__ import annotations

import asyncio
from dataclasses import replace

from translator.errors import TemporaryError
from translator.service.doubt import Doubt
from translator.store.record import Open
from translator.store.tenure import LostShardError


def task(seq):
    return Open("t", waits=False, runs=True, backlog=1, parked="", seq=seq)


class Recovery:
    """Says that agent-server holds more, when it is let."""

    def __init__(self):
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()
        self.set_back_to = []

    async def behind(self, tasks):
        self.asked.set()
        await self.answer.wait()
        return tasks

    async def set_back(self, task_id, seq=None):
        self.set_back_to.append((task_id, seq))
        return True


async def asked(seq, meanwhile):
    """Doubt a task; something happens before agent-server has answered."""
    recovery, certain, mended = Recovery(), asyncio.Event(), []
    doubt = Doubt(recovery, on_certain=lambda _: certain.set(), on_mended=mended.append)
    doubt.cast([task(seq)])
    await recovery.asked.wait()
    meanwhile(doubt)
    recovery.answer.set()
    async with asyncio.timeout(5):
        while doubt.task_ids:
            await certain.wait()
            certain.clear()
    await doubt.stop()
    return recovery.set_back_to


async def test_a_task_that_is_behind_is_set_back_from_where_it_was():
    assert await asked(9, lambda _: None) == [("t", 9)]


async def test_where_it_was_is_looked_up_if_nobody_has():
    assert await asked(0, lambda _: None) == [("t", None)]


async def test_a_doubt_ends_where_another_replica_took_the_task_over():
    assert await asked(9, lambda doubt: doubt.drop(["t"])) == []


async def test_a_task_that_came_back_is_judged_by_what_it_is_now():
    def came_back(doubt):
        doubt.drop(["t"])
        doubt.cast([task(12)])

    assert await asked(9, came_back) == [("t", 12)]


class Several(Recovery):
    """Of the tasks given, those in `lost` are another replica's, and the first look at `late` fails."""

    def __init__(self, *, lost=(), late=()):
        super().__init__()
        self.lost, self.late = lost, list(late)

    async def behind(self, tasks):
        return tasks

    async def set_back(self, task_id, seq=None):
        if task_id in self.lost:
            raise LostShardError("another replica holds it")
        if task_id in self.late:
            self.late.remove(task_id)
            raise TemporaryError("no answer")
        return await super().set_back(task_id, seq)


async def doubted(recovery, *task_ids, wanted):
    """Doubt these tasks; gives those that were mended, and those that became certain."""
    mended, certain, all_certain = [], [], asyncio.Event()

    def is_certain(task_id):
        certain.append(task_id)
        if len(certain) == wanted:
            all_certain.set()

    doubt = Doubt(recovery, on_certain=is_certain, on_mended=mended.append)
    doubt.cast([replace(task(9), task_id=each) for each in task_ids])
    async with asyncio.timeout(5):
        await all_certain.wait()
    assert doubt.task_ids == []
    await doubt.stop()
    return mended, certain


async def test_a_task_that_is_another_replicas_holds_no_other_up():
    recovery = Several(lost=("a",))
    assert await doubted(recovery, "a", "b", wanted=1) == (["b"], ["b"])


async def test_what_was_mended_is_not_mended_again_when_another_fails(monkeypatch):
    monkeypatch.setattr("translator.service.doubt._PAUSE_S", (0.0, 0.0))
    recovery = Several(late=("b",))
    assert await doubted(recovery, "a", "b", wanted=2) == (["a", "b"], ["a", "b"])
    assert recovery.set_back_to == [("a", 9), ("b", 9)]
