from __future__ import annotations

import asyncio
import time

import pytest

from translator.agent_server.client import AgentServerClient
from translator.agent_server.faults import Fault
from translator.agent_server.protocol import BATCH_PATH, LOG_PATH
from translator.agent_server.stand_in import StandIn
from translator.agent_server.verdict import DeniedError
from translator.errors import PermanentError, TemporaryError

TASK = {"taskId": "t1", "taskType": "CloudTask", "agentId": "a", "args": {"taskYaml": "x"}, "extra": [1]}


def event(seq, kind="status", **body):
    return {
        "taskId": "t",
        "agentId": "a",
        "attempt": 1,
        "seq": seq,
        "time": "2026-01-02T03:04:05Z",
        "kind": kind,
        **body,
    }


WHOLE = [
    event(1, phase="Pending"),
    event(2, "log", step="s1", lines=["one", "two"]),
    event(3, phase="Succeeded", steps=[{"name": "s1", "phase": "Succeeded"}]),
]


@pytest.fixture
async def client(stand_in):
    async with AgentServerClient(stand_in.url, timeout=5) as made:
        yield made


async def test_events_are_held_and_told_as_they_come(stand_in, client):
    seen = []

    async def read():
        seen.extend([each async for each in stand_in.events()])

    reader = asyncio.create_task(read())
    final = asyncio.create_task(stand_in.final("t"))
    assert await client.send(WHOLE[:2]) == {("t", 1): 2}
    assert await client.send(WHOLE[1:]) == {("t", 1): 3}
    assert await final == WHOLE[-1]
    await stand_in.close()
    await reader
    assert seen == WHOLE
    assert stand_in.ledger.violations == []


async def test_the_log_is_served_as_agent_server_does(stand_in, client, http):
    await client.send(WHOLE)
    async with http.get(stand_in.url + LOG_PATH, params={"task_id": "t---a"}) as answer:
        lines = [{"step": "s1", "line": "one"}, {"step": "s1", "line": "two"}]
        assert await answer.json() == {"taskId": "t", "agentId": "a", "lines": lines}
        assert "Server" not in answer.headers
    async with http.get(stand_in.url + LOG_PATH, params={"task_id": "t---b"}) as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "not-found"


async def test_violations_are_served_and_told(stand_in, client, http):
    await client.send(WHOLE)
    await client.send([event(4, phase="Failed", steps=[])])
    expected = {"taskId": "t", "attempt": 1, "seq": 4, "message": "came after the final status"}
    async with http.get(stand_in.url + "/violations") as answer:
        assert await answer.json() == {"violations": [expected]}
    assert (await anext(stand_in.violations())).as_json() == expected


async def test_faults_on_command(stand_in, client, http):
    faults = [{"count": 2, "status": 503, "retryAfter": "7"}, {"status": 422}]
    async with http.post(stand_in.url + "/faults", json=faults) as answer:
        assert answer.status == 204
    for _ in range(2):
        with pytest.raises(TemporaryError, match="503") as caught:
            await client.send(WHOLE)
        assert caught.value.retry_after == 7
    with pytest.raises(PermanentError, match="422"):
        await client.send(WHOLE)
    assert stand_in.ledger.kept == []
    assert await client.send(WHOLE) == {("t", 1): 3}


async def test_faults_can_be_taken_back(stand_in, client, http):
    stand_in.faults.add(Fault(count=9, status=500))
    async with http.delete(stand_in.url + "/faults") as answer:
        assert answer.status == 204
    assert await client.send(WHOLE) == {("t", 1): 3}


async def test_a_fault_that_is_none_is_refused(stand_in, http):
    async with http.post(stand_in.url + "/faults", json={"sttus": 1}) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["code"] == "invalid-fault"


@pytest.mark.parametrize(("drop", "kept"), [("before", 0), ("after", 3)])
async def test_a_dropped_connection_loses_the_events_or_the_answer(stand_in, client, drop, kept):
    stand_in.faults.add(Fault(drop=drop))
    with pytest.raises(TemporaryError):
        await client.send(WHOLE)
    assert stand_in.ledger.held("t", 1) == kept
    assert await client.send(WHOLE) == {("t", 1): 3}
    assert stand_in.ledger.kept == WHOLE
    assert stand_in.ledger.violations == []


async def test_a_delayed_answer(stand_in, client):
    stand_in.faults.add(Fault(delay=0.1))
    began = time.monotonic()
    await client.send(WHOLE)
    assert time.monotonic() - began >= 0.1


async def test_tasks_are_handed_over_in_order_once_the_agent_is_there(serve_api, intake, stand_in, http):
    for number in range(3):
        async with http.post(stand_in.url + BATCH_PATH, json=[{**TASK, "taskId": f"t{number}"}]) as answer:
            assert await answer.json() == [{"taskId": f"t{number}", "outcome": "accepted"}]
    assert intake.items == []
    stand_in.agent = await serve_api()
    assert await stand_in.answer("t2") == {"taskId": "t2", "outcome": "accepted"}
    assert [item.task_id for item in intake.items] == ["t0", "t1", "t2"]


async def test_the_agent_is_asked_again_until_it_answers(serve_api, intake, stand_in, http, caplog):
    intake.trouble = TemporaryError("Redis is away", retry_after=0)
    stand_in.agent = await serve_api()
    async with http.post(stand_in.url + BATCH_PATH, json=[TASK, "junk"]) as answer:
        assert [each["outcome"] for each in await answer.json()] == ["accepted", "rejected"]
    await intake.refused.wait()
    intake.trouble = None
    assert (await stand_in.answer("t1"))["outcome"] == "accepted"
    assert "Redis is away" in caplog.text
    assert len(intake.items) == 1


async def test_an_agent_that_refuses_is_told_of(serve_api, stand_in, http, caplog):
    stand_in.agent = await serve_api(token=lambda: "sesam")
    async with http.post(stand_in.url + BATCH_PATH, json=[TASK]) as answer:
        assert answer.status == 200
    answer = await stand_in.answer("t1")
    assert answer["outcome"] == "undelivered"
    assert "401" in answer["message"]
    assert "refused 1 tasks" in caplog.text


async def test_one_token_serves_both_ways(serve_api, intake, http):
    async with StandIn(token="sesam", agent=await serve_api(token=lambda: "sesam")) as served:
        async with http.post(served.url + BATCH_PATH, json=[TASK]) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        async with http.post(
            served.url + BATCH_PATH, json=[TASK], headers={"Authorization": "Bearer sesam"}
        ) as answer:
            assert answer.status == 200
        assert (await served.answer("t1"))["outcome"] == "accepted"
        async with AgentServerClient(served.url, token="sesam") as client:
            await client.send(WHOLE)
        async with AgentServerClient(served.url, token="other") as client:
            with pytest.raises(DeniedError, match="401"):
                await client.send(WHOLE)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nothing", None, 404, "not-found"),
        ("GET", BATCH_PATH, None, 405, "method-not-allowed"),
        ("POST", BATCH_PATH, b"{", 400, "invalid-json"),
        ("POST", BATCH_PATH, b"{}", 400, "not-an-array"),
        ("POST", "/api/v1/agent/task/events", b"[]", 400, "no-events"),
        ("POST", "/api/v1/agent/task/events", b'{"events": [{}]}', 400, "no-identity"),
        ("POST", BATCH_PATH, "text", 415, "wrong-content-type"),
    ],
)
async def test_bad_requests_are_answered_in_json(stand_in, http, method, path, body, status, code):
    headers = {} if isinstance(body, str) else {"Content-Type": "application/json"}
    async with http.request(method, stand_in.url + path, data=body, headers=headers) as answer:
        assert answer.status == status
        assert (await answer.json())["error"]["code"] == code


async def test_closing_ends_every_wait():
    async with StandIn() as served:
        waits = [asyncio.create_task(served.final("t")), asyncio.create_task(served.answer("t"))]
        await asyncio.sleep(0)
    for wait in waits:
        with pytest.raises(EOFError):
            await wait


async def test_a_taken_port_is_said(stand_in):
    port = int(stand_in.url.rpartition(":")[2])
    with pytest.raises(OSError, match="address already in use"):
        await StandIn(port=port).start()


async def test_it_listens_on_loopback_and_on_ipv6_where_asked(http):
    async with StandIn() as served:
        assert served.url.startswith("http://127.0.0.1:")
    try:
        async with StandIn(host="::1") as served, http.get(served.url + "/violations") as answer:
            assert await answer.json() == {"violations": []}
    except OSError as error:
        pytest.skip(f"no IPv6 loopback here: {error}")
