from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from tests.integration.service.rounds import cloud_task, eventually
from tests.integration.store.samples import accepted, event, state
from translator.agent_server.faults import Fault
from translator.agent_server.stand_in import StandIn
from translator.errors import PermanentError
from translator.service.deliver import Deliverer
from translator.service.metrics import Metrics
from translator.service.request import ENVELOPE, RequestLimit

COUNT = "for n in 1 2 3; do echo $n; done"


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([Fault(count=4, status=500)], id="500"),
        pytest.param(
            [Fault(count=2, status=429, retry_after="0"), Fault(status=408), Fault(status=425)], id="4xx"
        ),
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

    async def is_parked():
        return (await store.load("bad")).parked

    async def has_run():
        return (await store.load("bad")).state.phase == "Succeeded"

    await eventually(is_parked)
    await round_.post(cloud_task("good", COUNT))
    await round_.outcome("good")

    [parked] = await store.open_tasks()
    await eventually(has_run)
    assert "400" in (await store.load("bad")).parked
    assert parked.task_id == "bad"
    assert {event["taskId"] for event in round_.stand_in.ledger.kept} == {"good"}

    await round_.service.stop()
    async with start_round() as again:
        assert (await again.outcome("bad"))["phase"] == "Succeeded"
        assert again.lines("bad") == ["1", "2", "3"]


async def test_a_wrong_token_parks_nothing_and_is_told(round_, store, http):
    round_.stand_in.token = "another"
    await round_.post(cloud_task("t1", COUNT))

    async def is_told():
        async with http.get(round_.url + "/readyz") as answer:
            return "401" in (await answer.json()).get("agentServer", "")

    async def is_counted():
        async with http.get(round_.url + "/metrics") as answer:
            return "translator_agent_server_denied 1.0" in await answer.text()

    await eventually(is_told)
    await eventually(is_counted)
    assert (await store.load("t1")).parked == ""
    round_.stand_in.token = ""
    assert (await round_.outcome("t1"))["phase"] == "Succeeded"
    async with http.get(round_.url + "/readyz") as answer:
        assert await answer.json() == {"status": "ok"}


async def test_a_task_that_always_fails_to_go_out_takes_no_slot(start_round):
    async with start_round(parallel_deliveries=1) as round_:
        stand_in = round_.stand_in
        stand_in.faults.add(Fault(status=503, retry_after="3600"))
        await round_.post(cloud_task("stuck", COUNT))

        async def fault_is_met():
            return not stand_in.faults._pending

        await eventually(fault_is_met)
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


class Scripted:
    """Agent-server as a list of answers: the highest seq it says it holds."""

    def __init__(self, *held):
        self.held = list(held)
        self.batches = []

    async def send(self, events):
        self.batches.append([event["seq"] for event in events])
        last = self.held.pop(0) if self.held else events[-1]["seq"]
        return {(events[0]["taskId"], events[0]["attempt"]): last}


async def waiting(store, count, lines=1):
    """A task with so many events in its outbox, each with so many lines."""
    record = await accepted(store, "t1")
    events = [
        replace(event("t1", seq), body={"step": "a", "lines": ["x"] * lines}) for seq in range(2, count + 1)
    ]
    await store.append(record, state("t1", count), events)


async def deliver(store, sender, **options):
    deliverer = Deliverer(store, sender, **{"row_limit": 1000, "parallel": 2, **options})
    deliverer.wake("t1")
    await deliverer.idle()
    await deliverer.stop()
    return sender.batches


async def test_a_request_has_no_more_rows_than_the_limit(store):
    await waiting(store, 6, lines=4)
    assert await deliver(store, Scripted(), row_limit=10) == [[1, 2, 3], [4, 5], [6]]
    assert await store.outbox("t1", 9) == []


async def test_an_event_over_the_limit_goes_alone(store):
    await waiting(store, 3, lines=50)
    assert await deliver(store, Scripted(), row_limit=10) == [[1], [2], [3]]


async def test_a_request_has_a_bounded_size(store):
    await waiting(store, 4)
    limit = RequestLimit(280 + ENVELOPE)
    assert [len(batch) for batch in await deliver(store, Scripted(), limit=limit)] == [2, 2]


async def test_an_outbox_longer_than_one_reading_is_sent_to_its_end(store):
    await waiting(store, 300)
    batches = await deliver(store, Scripted())
    assert [seq for batch in batches for seq in batch] == list(range(1, 301))
    assert await store.outbox("t1", 9) == []


async def test_what_is_not_held_is_sent_again(store):
    await waiting(store, 4)
    assert await deliver(store, Scripted(2)) == [[1, 2, 3, 4], [3, 4]]


async def test_nothing_is_dropped_that_was_not_sent(store):
    await waiting(store, 4)
    assert await deliver(store, Scripted(999), row_limit=2) == [[1, 2], [3, 4]]


async def test_an_answer_that_holds_nothing_is_a_failure(store, monkeypatch):
    monkeypatch.setattr("translator.service.workers.pause", lambda _: 0.0)
    await waiting(store, 2)
    assert await deliver(store, Scripted(0, 0)) == [[1, 2], [1, 2], [1, 2]]
    assert await store.outbox("t1", 9) == []


COUNTED = "translator_delivery_seconds_count"


class Refusing(Scripted):
    """Agent-server that takes nothing."""

    async def send(self, events):
        await super().send(events)
        raise PermanentError("400", reason="Refused", remedy="")


async def test_only_what_agent_server_holds_counts_as_delivered(store):
    metrics = Metrics()

    def counted():
        lines = metrics.text(outbox_age_s=0, followed=0).decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{COUNTED} "))

    await waiting(store, 9)
    assert await deliver(store, Refusing(), metrics=metrics, row_limit=4) == [[1, 2, 3, 4]]
    assert counted() == 0
    assert await deliver(store, Scripted(), metrics=metrics) == [], "it is parked"
    assert counted() == 0
    await store.unpark("t1")
    assert await deliver(store, Scripted(), metrics=metrics) == [[*range(1, 9)], [9]]
    assert counted() == 1
    assert await deliver(store, Scripted(), metrics=metrics) == [], "nothing is left"
    assert counted() == 1
