"""A task gets the time that it was given, wherever the clocks of the machine and of Redis jump to."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.integration.service.rounds import cloud_task, eventually
from translator.service import attempt, clock

HOUR = 3600.0


@pytest.fixture
def jump(monkeypatch):
    """Sets the machine's clock forward or back, as this process sees it."""
    ahead = [0.0]
    really = time.time
    monkeypatch.setattr(clock.time, "time", lambda: really() + ahead[0])

    def jumped(seconds):
        ahead[0] += seconds

    return jumped


async def submitted(round_, task_id):
    async def has_a_workflow():
        return (await round_.store.load(task_id)).workflow is not None

    await eventually(has_a_workflow)


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
async def test_a_jump_as_soon_as_it_is_submitted_neither_ends_nor_prolongs_a_task(round_, jump, seconds):
    await round_.post(
        cloud_task("fits", "sleep 2; echo done", timeout=6), cloud_task("does-not", "sleep 60", timeout=3)
    )
    began = time.monotonic()
    await submitted(round_, "fits")
    await submitted(round_, "does-not")
    jump(seconds)
    late = await round_.stand_in.final("does-not")
    took = time.monotonic() - began
    assert (late["phase"], late["reason"]) == ("TimedOut", "TaskDeadlineExceeded")
    assert 3 <= took < 8, took
    assert (await round_.outcome("fits"))["phase"] == "Succeeded"


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
async def test_a_jump_between_two_followers_does_not_either(round_, jump, seconds, monkeypatch):
    """What the former one stored of the time that has passed is what the next one goes on from."""
    monkeypatch.setattr(attempt, "COUNT_S", 0.2)
    await round_.post(cloud_task("t1", "sleep 60", timeout=5))
    began = time.monotonic()

    async def counted():
        return ((await round_.store.load("t1")).elapsed or 0) > 1.5

    await eventually(counted)
    jump(seconds)
    # the follower is cut off and begun anew, as by another replica
    follower = round_.service._parts.follower
    for worker in list(follower._workers._running.values()):
        worker.cancel()
    await asyncio.sleep(0)
    await eventually(lambda: _idle(follower))
    follower.wake("t1")
    final = await round_.stand_in.final("t1")
    took = time.monotonic() - began
    assert (final["phase"], final["reason"]) == ("TimedOut", "TaskDeadlineExceeded")
    assert 5 <= took < 10, took


async def _idle(follower):
    return not follower._workers._running


async def test_the_time_of_another_attempt_does_not_count(round_):
    await round_.post(cloud_task("t1", "exit 3", timeout=5))
    await round_.outcome("t1")
    record = await round_.store.load("t1")
    assert record.elapsed is not None
    assert (await round_.service.desk.retry("t1")).outcome == "accepted"
    await round_.stand_in.final("t1", 2)
    again = await round_.store.load("t1")
    assert again.elapsed < 5
    await round_.store.count(record, 4.0)
    assert (await round_.store.load("t1")).elapsed == again.elapsed
