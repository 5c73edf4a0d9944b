from __future__ import annotations

import asyncio

from translator.service.doubt import Doubt
from translator.store.record import Open


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
