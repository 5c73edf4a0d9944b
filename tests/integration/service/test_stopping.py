"""``translator serve`` as processes that share a Valkey: stopped, stopped twice, paused and woken."""

from __future__ import annotations

import asyncio
import re
import signal

import pytest

from tests.integration.service.rounds import cloud_task, eventually
from translator.agent_server.faults import Fault
from translator.agent_server.protocol import BATCH_PATH


@pytest.fixture
def figure(http):
    async def read(url, name):
        async with http.get(url + "/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if re.match(rf"{name}(\{{|\s)", line))

    return read


async def first_log(stand_in, task_id):
    async for event in stand_in.events():
        if event["kind"] == "log" and event["taskId"] == task_id:
            return


async def test_one_that_is_told_to_stop_hands_its_shards_over_and_ends_well(serve, stand_in, http, figure):
    # nobody waits for a lease here: it would take a minute
    async with (
        serve("a", stand_in.url, lease_seconds=60) as (_, a),
        serve("b", stand_in.url, lease_seconds=60) as (b, _),
    ):

        async def holds(count):
            return await figure(a, "translator_shards_held") == count

        await eventually(lambda: holds(4))
        b.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await b.wait() == 0
        await eventually(lambda: holds(8))
        async with http.post(a + BATCH_PATH, json=[cloud_task("t1", "echo after")]) as answer:
            assert (await answer.json())[0]["outcome"] == "accepted"
        async with asyncio.timeout(20):
            assert (await stand_in.final("t1"))["phase"] == "Succeeded"
    assert stand_in.ledger.violations == []


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_at_once(serve, stand_in, http, second):
    stand_in.faults.add(*[Fault(status=503)] * 10_000)
    async with serve("a", stand_in.url, flush_seconds=600, termination_grace_seconds=600) as (process, url):
        async with http.post(url + BATCH_PATH, json=[cloud_task("t1", "true")]) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await process.wait()
        process.send_signal(second)
        async with asyncio.timeout(10):
            assert await process.wait() == -second


async def test_stopping_takes_no_longer_than_its_grace(serve, stand_in, http):
    stand_in.faults.add(*[Fault(status=503)] * 10_000)
    async with serve("a", stand_in.url, flush_seconds=600, termination_grace_seconds=1) as (process, url):
        async with http.post(url + BATCH_PATH, json=[cloud_task("t1", "true")]) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await process.wait() == 0


async def test_one_that_was_paused_and_wakes_up_tells_nothing(serve, stand_in, http, figure):
    async with (
        serve("a", stand_in.url, lease_seconds=2) as (_, a),
        serve("b", stand_in.url, lease_seconds=2) as (paused, b),
    ):

        async def shared():
            return await figure(a, "translator_shards_held") == await figure(b, "translator_shards_held") == 4

        await eventually(shared)
        ids = [f"t{number}" for number in range(8)]
        tasks = [cloud_task(each, f"echo up; sleep {4 if each < 't4' else 3}; echo late") for each in ids]
        async with http.post(a + BATCH_PATH, json=tasks) as answer:
            assert {each["outcome"] for each in await answer.json()} == {"accepted"}
        for each in ids:
            async with asyncio.timeout(20):
                await first_log(stand_in, each)
        paused.send_signal(signal.SIGSTOP)

        async def taken():
            return await figure(a, "translator_shards_held") == 8

        await eventually(taken)
        paused.send_signal(signal.SIGCONT)
        async with asyncio.timeout(30):
            finals = [await stand_in.final(each) for each in ids]
        # it slept for less than localGraceSeconds: it gets its shards back, and what ran there ran on
        assert {final["phase"] for final in finals} == {"Succeeded"}
        await eventually(shared)
        assert await figure(b, "translator_leases_lost_total") + await figure(
            b, "translator_fenced_writes_total"
        )
    assert stand_in.ledger.violations == []
