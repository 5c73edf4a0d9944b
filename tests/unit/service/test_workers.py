from __future__ import annotations

import asyncio
import gc
import socket
from functools import partial

import pytest
from structlog.contextvars import get_contextvars
from structlog.testing import capture_logs
from tenacity import AsyncRetrying

from translator.errors import TemporaryError
from translator.service.lane import Lane, Turn
from translator.service.workers import Workers
from translator.store.refusal import UnknownTaskError


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr("translator.service.workers.pause", lambda _: 0.0)


async def test_a_task_is_worked_on_serially_and_once_more_when_woken_meanwhile():
    gate, log = asyncio.Event(), []

    async def work(task_id):
        log.append("start")
        await gate.wait()
        log.append("end")

    workers = Workers("w", work)
    workers.wake("t")
    await asyncio.sleep(0)
    for _ in range(3):
        workers.wake("t")
    gate.set()
    await workers.idle()
    assert log == ["start", "end", "start", "end"]


async def test_tasks_work_side_by_side_within_the_slots():
    now, most = 0, 0

    async def work(task_id):
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(3):
            await asyncio.sleep(0)
        now -= 1

    workers = Workers("w", work, slots=2)
    for number in range(6):
        workers.wake(str(number))
    await workers.idle()
    assert most == 2


async def test_work_is_done_again_after_any_error():
    errors = [TemporaryError("away"), ValueError("a bug")]
    done = []

    async def work(task_id):
        if errors:
            raise errors.pop()
        done.append(task_id)

    workers = Workers("w", work)
    with capture_logs():
        workers.wake("t")
        await workers.idle()
    assert done == ["t"]


async def test_a_task_that_fails_leaves_its_slot_to_others():
    fails, works = asyncio.Event(), asyncio.Event()

    async def work(task_id):
        if task_id == "bad":
            fails.set()
            raise TemporaryError("away")
        works.set()

    workers = Workers("w", work, slots=1)
    with capture_logs():
        workers.wake("bad")
        await fails.wait()
        workers.wake("good")
        await works.wait()
        assert "bad" in workers._running
        await workers.stop()


async def test_an_unknown_task_is_given_up_and_told():
    async def work(task_id):
        raise UnknownTaskError(f"task {task_id} is not in the store")

    workers = Workers("w", work)
    with capture_logs() as logs:
        workers.wake("t")
        await workers.idle()
    assert [log["event"] for log in logs] == ["task lost"]


async def test_the_taskid_is_bound_to_what_the_work_logs():
    bound = {}

    async def work(task_id):
        bound[task_id] = get_contextvars()

    workers = Workers("w", work)
    workers.wake("a")
    workers.wake("b")
    await workers.idle()
    assert bound == {"a": {"taskId": "a"}, "b": {"taskId": "b"}}
    assert get_contextvars() == {}


async def test_stop_cuts_off_and_starts_nothing():
    started = []

    async def work(task_id):
        started.append(task_id)
        await asyncio.Event().wait()

    workers = Workers("w", work)
    workers.wake("t")
    await asyncio.sleep(0)
    await workers.stop()
    workers.wake("u")
    await workers.idle()
    assert started == ["t"]


async def test_work_that_went_well_leaves_nothing_to_the_garbage_collector():
    async def work(task_id):
        del task_id

    workers = Workers("w", work)
    gc.collect()
    gc.disable()
    try:
        for number in range(10):
            workers.wake(f"t{number}")
        await workers.idle()
        assert not [left for left in gc.get_objects() if isinstance(left, AsyncRetrying)]
    finally:
        gc.enable()


class Batch:
    """What was to be sent."""


@pytest.mark.parametrize("error", [TemporaryError, RuntimeError])
async def test_an_error_does_not_keep_what_was_to_be_sent(monkeypatch, error):
    """With agent-server away for hours every task has such an error until its next try."""
    failed = []

    def send(batch):
        try:
            socket.create_connection(("127.0.0.1", 0))
        except OSError as e:
            raise error("away") from e
        del batch

    async def serve(turns):
        failed.append(turns[0].task_id)
        try:
            send(Batch())
        except error as e:
            turns[0].failed(e)

    async def sleep(seconds):
        kept.append([left for left in gc.get_objects() if isinstance(left, Batch)])
        if len(kept) == 3:
            third.set()
            await asyncio.Event().wait()

    kept, third = [], asyncio.Event()
    lane = Lane("test", serve, loops=1)
    workers = Workers("w", lane.turn)
    retrying = partial(AsyncRetrying, sleep=sleep)
    monkeypatch.setattr("translator.service.workers.AsyncRetrying", retrying)
    gc.collect()
    gc.disable()
    try:
        with capture_logs():
            workers.wake("t")
            await third.wait()
        assert kept == [[], [], []]
        # the loop still has the last one
        assert len([left for left in gc.get_objects() if isinstance(left, Turn)]) == 1
        assert failed == ["t", "t", "t"]
    finally:
        gc.enable()
        await workers.stop()
        await lane.stop()
