"""One agent with several processes, each with a link of its own."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.agent_server.conftest import MemoryIntake
from tests.integration.agent_server.test_transports import TASK, whole
from translator.agent_server.link.client import LinkClient
from translator.agent_server.protocol import BATCH_PATH
from translator.errors import TemporaryError


class Process:
    """One process of the agent ``a``."""

    def __init__(self, stand_in, name):
        self.intake = MemoryIntake()
        self.link = LinkClient(f"{stand_in.link}?clientId=a", replica=name, timeout=5, jitter=lambda: 0.0)

    async def __aenter__(self):
        self.link.start(self.intake)
        await self.link.opened()
        return self

    async def __aexit__(self, *error):
        await self.link.close()

    @property
    def ids(self):
        return [item.task_id for item in self.intake.items]


@pytest.fixture
def submit(stand_in, http):
    async def submitted(*ids):
        tasks = [{**TASK, "taskId": task_id} for task_id in ids]
        async with http.post(stand_in.url + BATCH_PATH, json=tasks) as answer:
            assert answer.status == 200
        async with asyncio.timeout(10):
            return [(await stand_in.answer(task_id))["outcome"] for task_id in ids]

    return submitted


async def test_both_get_tasks_and_both_bring_events(stand_in, submit):
    async with Process(stand_in, "one") as one, Process(stand_in, "two") as two:
        for number in range(4):
            assert await submit(f"t{number}") == ["accepted"]
        assert sorted(one.ids + two.ids) == ["t0", "t1", "t2", "t3"]
        assert one.ids
        assert two.ids
        assert await one.link.send(whole("t0")) == {("t0", 1): 3}
        assert await two.link.send(whole("t1")) == {("t1", 1): 3}
        # the task has moved: what the other has brought already is a repeat
        assert await two.link.send(whole("t0")) == {("t0", 1): 3}
    assert stand_in.ledger.violations == []
    assert len(stand_in.ledger.kept) == 6


async def test_one_that_drains_gets_no_tasks_but_brings_its_events(stand_in, submit):
    async with Process(stand_in, "one") as one, Process(stand_in, "two") as two:
        one.link.drain()
        one.intake.trouble = TemporaryError("the service is stopping")
        assert await submit("t0", "t1") == ["accepted", "accepted"]
        assert await submit("t2") == ["accepted"]
        assert (one.ids, two.ids) == ([], ["t0", "t1", "t2"])
        assert await one.link.send(whole("t9")) == {("t9", 1): 3}


async def test_tasks_wait_where_all_drain_until_one_comes(stand_in, http, submit):
    async with Process(stand_in, "one") as one:
        one.link.drain()
        one.intake.trouble = TemporaryError("the service is stopping")
        await one.link.send(whole("t9"))  # drain has come before it
        waiting = asyncio.create_task(submit("t0"))
        async with Process(stand_in, "two") as two:
            assert await waiting == ["accepted"]
            assert two.ids == ["t0"]


async def test_what_one_has_not_answered_when_it_goes_the_other_gets_in_order(stand_in, submit):
    one, two = Process(stand_in, "one"), Process(stand_in, "two")
    answered = asyncio.Event()

    async def never(items):
        answered.set()
        await asyncio.Event().wait()

    one.intake.submit = never
    async with two:
        async with one:
            stand_in._hub._agents["a"].visits.reverse()  # its turn
            first = asyncio.create_task(submit("t0", "t1"))
            await answered.wait()
            second = asyncio.create_task(submit("t2"))
        assert await first == ["accepted", "accepted"]
        assert await second == ["accepted"]
        assert two.ids == ["t0", "t1", "t2"]


async def test_a_process_that_dials_again_replaces_its_own_link_only(stand_in, submit):
    async with Process(stand_in, "one") as one, Process(stand_in, "two") as two:
        async with Process(stand_in, "one") as again:
            assert await again.link.send(whole("t0")) == {("t0", 1): 3}
            assert await two.link.send(whole("t1")) == {("t1", 1): 3}
        assert await one.link.send(whole("t2")) == {("t2", 1): 3}
