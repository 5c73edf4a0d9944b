from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

import pytest

from tests.integration.service.rounds import cloud_task
from translator.agent_server.faults import Fault
from translator.agent_server.stand_in import StandIn

COUNT = "for n in 1 2 3; do echo $n; done"


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([Fault(count=4, status=500)], id="500"),
        pytest.param([Fault(count=2, status=429, retry_after="0"), Fault(status=408), Fault(status=425)], id="4xx"),
        pytest.param([Fault(count=3, drop="before")], id="dropped"),
        pytest.param([Fault(count=6, drop="after")], id="answer lost"),
        pytest.param([Fault(delay=2.0), Fault(delay=2.0)], id="hangs"),
    ],
)
async def test_what_may_pass_is_sent_again_until_it_is_held(start_round, faults):
    async with start_round(timeout=0.5) as round_:
        round_.stand_in.faults.add(*faults)
        await round_.post(cloud_task("t1", COUNT))
        final = await round_.outcome("t1")
        assert final["phase"] == "Succeeded"
        assert round_.lines("t1") == ["1", "2", "3"]
        assert round_.stand_in.faults.take() is None, "the faults were not all met"


async def test_retry_after_is_honoured(round_):
    round_.stand_in.faults.add(Fault(status=429, retry_after="1"))
    start = time.monotonic()
    await round_.post(cloud_task("t1", COUNT))
    await round_.outcome("t1")
    assert time.monotonic() - start >= 1.0


async def test_a_refused_task_is_parked_and_holds_up_no_other(round_, store, start_round, engine):
    round_.stand_in.faults.add(Fault(status=400))
    await round_.post(cloud_task("bad", COUNT))
    async with asyncio.timeout(5):
        while not (await store.load("bad")).parked:
            await asyncio.sleep(0.01)
    await round_.post(cloud_task("good", COUNT))
    await round_.outcome("good")

    [parked] = await store.open_tasks()
    async with asyncio.timeout(5):
        while (await store.load("bad")).state.phase != "Succeeded":
            await asyncio.sleep(0.01)
    assert "400" in (await store.load("bad")).parked
    assert parked.task_id == "bad"
    assert {event["taskId"] for event in round_.stand_in.ledger.kept} == {"good"}

    await round_.service.stop()
    async with start_round() as again:
        assert (await again.outcome("bad"))["phase"] == "Succeeded"
        assert again.lines("bad") == ["1", "2", "3"]


async def test_a_task_that_always_fails_to_go_out_takes_no_slot(start_round):
    async with start_round(parallel_deliveries=1) as round_:
        stand_in = round_.stand_in
        stand_in.faults.add(Fault(status=503, retry_after="3600"))
        await round_.post(cloud_task("stuck", COUNT))
        async with asyncio.timeout(5):
            while len(stand_in.faults._pending):
                await asyncio.sleep(0.01)
        await round_.post(cloud_task("free", COUNT))
        await round_.outcome("free")


async def test_agent_server_dies_and_comes_back(start_round, stand_in):
    port = urlsplit(stand_in.url).port
    async with start_round() as round_:
        await round_.post(cloud_task("t1", "echo 1; sleep 1; echo 2"))
        async for event in stand_in.events():
            if event["kind"] == "log":
                break
        await stand_in.close()
        await asyncio.sleep(1.2)
        again = StandIn(port=port)
        again.ledger = stand_in.ledger
        round_.stand_in = again
        async with again:
            async with asyncio.timeout(10):
                await round_.closed("t1")
            assert again.ledger.violations == []
            assert round_.lines("t1") == ["1", "2"]
            assert again.ledger.kept[-1]["phase"] == "Succeeded"
