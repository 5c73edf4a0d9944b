"""What holds for both ways to agent-server: POST, and the link."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest
import structlog

from tests.unit.agent_server.link.frames import event
from translator.agent_server.client import AgentServerClient
from translator.agent_server.faults import Fault
from translator.agent_server.protocol import BATCH_PATH, Known
from translator.errors import PermanentError, TemporaryError

TASK = {"taskId": "t1", "taskType": "CloudTask", "agentId": "a", "args": {"taskYaml": "x"}, "extra": [1]}


def whole(task="t"):
    return [
        event(1, task=task, phase="Pending"),
        event(2, "log", task=task, step="s1", lines=["one", "zwei ü", "\\xff \x00 \u2028", "\ud800"]),
        event(3, task=task, phase="Succeeded", steps=[{"name": "s1", "phase": "Succeeded"}]),
    ]


WHOLE = whole()


@pytest.fixture(params=["post", "link"])
async def connect(request, stand_in, dial, serve_api):
    """A sender, and tasks that come in, by either way."""

    async def start(**options):
        if request.param == "link":
            return await dial(**options)
        stand_in.agent = await serve_api()
        return AgentServerClient(stand_in.url, **{"timeout": 5, "denied_pause": 0.05, **options})

    made = []

    async def kept(**options):
        made.append(await start(**options))
        return made[-1]

    yield kept
    for sender in made:
        await sender.close()


@pytest.fixture
async def sender(connect):
    return await connect()


async def test_what_is_sent_is_held_and_said_to_be(stand_in, sender):
    assert await sender.send(WHOLE[:1]) == {("t", 1): 1}
    assert await sender.send(WHOLE[1:]) == {("t", 1): 3}
    assert stand_in.ledger.kept == WHOLE
    assert stand_in.ledger.violations == []


async def test_no_events_are_no_work(sender):
    assert await sender.send([]) == {}


async def test_a_batch_may_hold_many_attempts(stand_in, sender):
    batch = [each for task in ("t1", "t2", "t3") for each in whole(task)]
    assert await sender.send(batch) == {(task, 1): 3 for task in ("t1", "t2", "t3")}
    assert stand_in.ledger.violations == []


async def test_repeats_are_borne(stand_in, sender):
    for part in (WHOLE[:2], WHOLE[:2], WHOLE, WHOLE[2:]):
        assert (await sender.send(part))["t", 1] == part[-1]["seq"]
    assert stand_in.ledger.kept == WHOLE
    assert stand_in.ledger.violations == []


async def test_tasks_at_once_do_not_disturb_each_other(stand_in, sender):
    tasks = [f"t{number}" for number in range(50)]
    held = await asyncio.gather(*(sender.send(whole(task)) for task in tasks))
    assert held == [{(task, 1): 3} for task in tasks]
    assert stand_in.ledger.violations == []


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
async def test_a_passing_refusal_asks_to_come_again(stand_in, sender, status):
    stand_in.faults.add(Fault(status=status, retry_after="7"))
    with pytest.raises(TemporaryError, match=str(status)) as caught:
        await sender.send(WHOLE)
    assert caught.value.retry_after == 7
    assert stand_in.ledger.kept == []
    assert await sender.send(WHOLE) == {("t", 1): 3}


@pytest.mark.parametrize("status", [400, 409, 422])
async def test_a_refusal_for_good_is_permanent(stand_in, sender, status):
    stand_in.faults.add(Fault(status=status))
    with pytest.raises(PermanentError, match=str(status)) as caught:
        await sender.send(WHOLE)
    assert caught.value.reason == "AgentServerRefused"
    assert await sender.send(whole("other")) == {("other", 1): 3}


async def until_held(sender, events):
    """Send as a service does: again after what may pass."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await sender.send(events)
            except TemporaryError as error:
                await asyncio.sleep(min(error.retry_after or 0.01, 0.05))


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 407])
async def test_who_denies_the_connection_refuses_no_events(stand_in, sender, status):
    stand_in.faults.add(Fault(status=status))
    with structlog.testing.capture_logs() as said:
        assert await until_held(sender, WHOLE) == {("t", 1): 3}
    assert [each["log_level"] for each in said if "denies" in each["event"]] == ["error"]
    assert str(status) in next(each["error"] for each in said if "denies" in each["event"])
    assert sender.denied == ""
    assert stand_in.ledger.kept == WHOLE
    assert stand_in.ledger.violations == []


async def test_a_wrong_token_makes_events_wait_until_it_is_right(stand_in, connect):
    stand_in.token = "right"
    sender = await connect(token="wrong", timeout=0.2)
    with pytest.raises(TemporaryError, match="401"):
        await until(sender, WHOLE, "401")
    assert "401" in sender.denied
    assert "check agent-server's address" in sender.denied
    assert stand_in.ledger.kept == []
    stand_in.token = "wrong"
    assert await until_held(sender, WHOLE) == {("t", 1): 3}
    assert sender.denied == ""


async def test_a_denial_is_told_no_longer_than_it_is_why_events_wait(stand_in, connect, monkeypatch):
    monkeypatch.setattr("translator.agent_server.link.agent.FIRST_PAUSE_S", 0.005)
    stand_in.token = "right"
    sender = await connect(token="wrong", timeout=0.2)
    with pytest.raises(TemporaryError, match="401"):
        await until(sender, WHOLE, "401")
    assert "401" in sender.denied
    await stand_in.close()
    with pytest.raises(TemporaryError, match="Cannot connect"):
        await until(sender, WHOLE, "Cannot connect")
    assert sender.denied == ""


async def until(sender, events, word):
    """Send until the error says this."""
    async with asyncio.timeout(10):
        while True:
            try:
                await sender.send(events)
            except TemporaryError as error:
                if word in error.message:
                    raise


@pytest.mark.parametrize("drop", ["before", "after"])
async def test_a_broken_connection_loses_nothing_and_repeats_nothing(stand_in, sender, drop):
    stand_in.faults.add(Fault(drop=drop))
    for _ in range(2):
        try:
            assert await sender.send(WHOLE) == {("t", 1): 3}
        except TemporaryError:
            continue
    assert stand_in.ledger.kept == WHOLE
    assert stand_in.ledger.violations == []


async def test_what_comes_twice_is_kept_once(stand_in, sender):
    stand_in.faults.add(Fault(count=3, duplicate=True))
    assert await sender.send(WHOLE[:1]) == {("t", 1): 1}
    assert await sender.send(WHOLE[1:]) == {("t", 1): 3}
    assert stand_in.ledger.kept == WHOLE


async def test_answers_may_overtake_each_other(stand_in, sender):
    stand_in.faults.add(Fault(reorder=True))
    done = []

    async def send(task):
        await sender.send(whole(task))
        done.append(task)

    first = asyncio.create_task(send("t1"))
    async for _ in stand_in.events():
        break
    await send("t2")
    await first
    assert done == ["t2", "t1"]
    assert stand_in.ledger.violations == []


async def test_agent_server_may_take_its_time(stand_in, sender):
    stand_in.faults.add(Fault(delay=0.05))
    began = time.monotonic()
    assert await sender.send(WHOLE) == {("t", 1): 3}
    assert time.monotonic() - began >= 0.05


async def test_but_not_for_ever(stand_in, connect):
    sender = await connect(timeout=0.05)
    stand_in.faults.add(Fault(delay=0.2))
    with pytest.raises(TemporaryError, match=r"within 0\.05 s"):
        await sender.send(WHOLE)


async def test_nobody_there_is_a_passing_error(stand_in, connect):
    sender = await connect(timeout=0.3)
    await stand_in.close()
    with pytest.raises(TemporaryError):
        await sender.send(WHOLE)


async def test_events_that_do_not_follow_are_not_held(stand_in, sender):
    try:
        held = await sender.send(WHOLE[1:])
    except TemporaryError:
        held = {("t", 1): 0}
    assert held == {("t", 1): 0}
    assert stand_in.ledger.kept == []
    assert [each.message for each in stand_in.ledger.violations] == [
        "came where seq 1 was due" for _ in WHOLE[1:]
    ]
    assert await sender.send(WHOLE) == {("t", 1): 3}


async def test_tasks_come_in_and_are_answered(stand_in, sender, intake, http):
    batch = [TASK, {"taskId": "t2", "taskType": "Nonsense", "agentId": "a"}, {**TASK, "taskId": "t3"}]
    for outcome in ("accepted", "duplicate"):
        async with http.post(stand_in.url + BATCH_PATH, json=batch) as answer:
            assert [each["outcome"] for each in await answer.json()] == ["accepted", "rejected", "accepted"]
        await stand_in._handover.answers.first(
            lambda each, outcome=outcome: each == {"taskId": "t3", "outcome": outcome}
        )
    assert [(item.task_id, item.args) for item in intake.items] == [
        ("t1", TASK["args"]),
        ("t3", TASK["args"]),
    ]


async def test_tasks_that_cannot_be_stored_come_again(stand_in, sender, intake, http):
    intake.trouble = TemporaryError("Redis is away", retry_after=0)
    async with http.post(stand_in.url + BATCH_PATH, json=[TASK]) as answer:
        assert answer.status == 200
    await intake.refused.wait()
    assert intake.items == []
    intake.trouble = None
    assert await stand_in.answer("t1") == {"taskId": "t1", "outcome": "accepted"}
    assert len(intake.items) == 1


async def test_what_is_known_of_attempts_is_told_when_asked(stand_in, sender):
    await sender.send(whole("ended"))
    await sender.send(whole("begun")[:2])
    async with aiohttp.ClientSession() as http, http.post(stand_in.url + BATCH_PATH, json=[TASK]) as answer:
        assert answer.status == 200
    stand_in.faults.add(Fault(status=503))
    asked = [("ended", 1), ("begun", 1), ("begun", 2), ("t1", 1), ("nobody's", 1)]
    assert await sender.known(asked) == {
        ("ended", 1): Known(3, "Succeeded"),
        ("begun", 1): Known(2),
        ("begun", 2): Known(0),
        ("t1", 1): Known(0),
    }
    with pytest.raises(TemporaryError, match="503"):
        await sender.send(whole("a question takes no fault and brings no event"))
