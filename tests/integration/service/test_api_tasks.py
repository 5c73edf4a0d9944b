"""The API over a real socket: service, local engine and Valkey behind it."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote

import pytest
from yarl import URL

from tests.integration.service.rounds import cloud_task, eventually
from translator.agent_server.faults import Fault
from translator.agent_server.protocol import CALL_PATH

NATIVE = "/api/v1/manager/agent/task/cloud_native"
LOGV2 = "/api/v1/manager/agent/task/logv2"
THREE = "echo 1; echo 2; echo 3"


@pytest.fixture
def ask(http):
    async def asked(url, status=200, method="GET", **more):
        async with http.request(method, url, **more) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json()

    return asked


async def frames(http, url, **more):
    """The frames of a server-sent stream, each as a dictionary, until its end."""
    found = []
    async with asyncio.timeout(20), http.get(url, **more) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        async for block in _blocks(answer.content):
            found.append(dict(line.split(": ", 1) for line in block))  # noqa: PERF401 - it may be cut off
    return found


async def _blocks(content):
    block = []
    async for raw in content:
        line = raw.decode().rstrip("\n")
        if line:
            block.append(line)
        elif block:
            yield block
            block = []


async def test_a_finished_task_is_shown_whole_after_agent_server_has_it_all(round_, ask):
    await round_.post(cloud_task("t1", THREE, "exit 3"))
    final = await round_.outcome("t1")

    task = await ask(f"{round_.url}/api/v1/tasks/t1")
    assert (task["taskId"], task["agentId"], task["attempt"]) == ("t1", "agent1", 1)
    for name in ("phase", "reason", "message", "remedy", "workflow", "steps"):
        assert task[name] == final[name]
    assert task["lastEvent"] == task["heldByAgentServer"] == {"attempt": 1, "seq": final["seq"]}

    told = await ask(f"{round_.url}/api/v1/tasks/t1/events")
    assert told["events"] == [e for e in round_.stand_in.ledger.kept if e["taskId"] == "t1"]
    assert (told["end"], told["next"]) == (True, f"1-{final['seq']}")
    assert await ask(f"{round_.url}{NATIVE}?task_id=t1---agent1") == task


async def test_events_and_logs_come_in_pages(round_, ask):
    await round_.post(cloud_task("a/b---c", THREE))
    await round_.outcome("a/b---c")
    whole = (await ask(f"{round_.url}/api/v1/tasks/a/b---c/events"))["events"]
    paged, after, end = [], "", False
    while not end:
        page = await ask(f"{round_.url}/api/v1/tasks/a%2Fb---c/events?limit=2&after={after}")
        paged, after, end = paged + page["events"], page["next"], page["end"]
    assert paged == whole

    for url in (f"{round_.url}/api/v1/tasks/a/b---c/logs?", f"{round_.url}{LOGV2}?task_id=a/b---c---agent1&"):
        lines, after, end = [], "", False
        while not end:
            page = await ask(f"{url}limit=1&after={after}")
            lines, after, end = lines + page["lines"], page["next"], page["end"]
        assert lines == [{"step": "s1", "line": text} for text in "123"]
    assert (await ask(f"{url}step=other"))["lines"] == []


async def test_a_running_task_is_followed_to_its_end(round_, http):
    await round_.post(cloud_task("t1", "echo up; sleep 0.5; echo on", "echo last"))
    log, told = await asyncio.gather(
        frames(http, f"{round_.url}/api/v1/tasks/t1/logs?follow=true"),
        frames(http, f"{round_.url}/api/v1/tasks/t1/events?follow=true"),
    )
    assert [row["line"] for frame in log[:-1] for row in json.loads(frame["data"])["lines"]] == [
        "up", "on", "last",
    ]  # fmt: skip
    assert log[-1] == told[-1] == {"event": "end", "data": '{"phase": "Succeeded"}'}
    assert [json.loads(frame["data"])["seq"] for frame in told[:-1]] == list(range(1, len(told)))
    assert json.loads(told[-2]["data"])["phase"] == "Succeeded"

    rest = await frames(
        http, f"{round_.url}/api/v1/tasks/t1/events?follow=true", headers={"Last-Event-ID": told[-3]["id"]}
    )
    assert rest == told[-2:]


async def test_tasks_are_listed_newest_first_in_pages_and_by_phase(round_, ask):
    await round_.post(*(cloud_task(f"t{n}", "true" if n % 2 else "false") for n in range(5)))
    for n in range(5):
        await round_.outcome(f"t{n}")
    found, before = [], ""
    while before is not None:
        page = await ask(f"{round_.url}/api/v1/tasks?limit=2" + (f"&before={before}" if before else ""))
        found, before = found + page["tasks"], page["next"]
    assert [task["taskId"] for task in found] == ["t4", "t3", "t2", "t1", "t0"]
    failed = await ask(f"{round_.url}/api/v1/tasks?phase=Failed")
    assert [task["taskId"] for task in failed["tasks"]] == ["t4", "t2", "t0"]
    assert failed["next"] is None


async def test_the_manifest_is_what_was_submitted(round_, ask, http):
    await round_.post(cloud_task("t1", "true"))
    final = await round_.outcome("t1")
    listed = await ask(f"{round_.url}/api/v1/tasks/t1/manifest")
    [workflow] = [each for each in listed["items"] if each["kind"] == "Workflow"]
    assert workflow["metadata"]["name"] == final["workflow"]["name"]
    async with http.get(f"{round_.url}/api/v1/tasks/t1/manifest?format=yaml") as answer:
        assert "kind: Workflow" in await answer.text()


async def test_a_call_answers_with_the_end(round_, ask):
    item = cloud_task("t1", THREE)
    body = {"TaskID": "t1", "TaskType": "CloudTask", "AgentID": "agent1", "args": item["args"]}
    answer = await ask(round_.url + CALL_PATH, method="POST", json=body)
    assert (answer["outcome"], answer["phase"]) == ("accepted", "Succeeded")
    assert [step["phase"] for step in answer["task"]["steps"]] == ["Succeeded"]
    again = await ask(round_.url + CALL_PATH, method="POST", json=body)
    assert (again["outcome"], again["phase"]) == ("duplicate", "Succeeded")
    running = await ask(round_.url + CALL_PATH, method="POST", json={**body, "TaskType": "GetRunningTask"})
    assert running["tasks"] == []


async def test_a_call_past_its_deadline_tells_the_state_and_the_task_goes_on(round_, ask):
    url = round_.url + CALL_PATH + "?deadline=0.3"
    answer = await ask(url, 504, method="POST", json=cloud_task("t1", "sleep 1; echo done"))
    assert answer["error"]["code"] == "deadline-exceeded"
    assert answer["task"]["phase"] in {"Pending", "Running"}
    assert (await round_.outcome("t1"))["phase"] == "Succeeded"


async def test_an_ended_task_is_retried_as_a_new_attempt(round_, ask, tmp_path):
    mark = tmp_path / "mark"
    item = cloud_task("t1", f"test -e {mark} || {{ touch {mark}; echo first; exit 1; }}; echo second")
    submitted = await ask(round_.url + NATIVE, method="POST", json={**item, "action": "submit"})
    assert submitted["outcome"] == "accepted"
    assert (await round_.outcome("t1"))["phase"] == "Failed"

    answer = await ask(round_.url + NATIVE, method="POST", json={"action": "retry", "taskId": "t1"})
    assert (answer["outcome"], answer["phase"]) == ("accepted", "Pending")
    async with asyncio.timeout(20):
        final = await round_.stand_in.final("t1", 2)
        await round_.closed("t1")
    assert (final["phase"], final["attempt"]) == ("Succeeded", 2)
    assert final["workflow"]["name"].endswith("-a2")
    assert round_.stand_in.ledger.violations == []
    seqs = [event["seq"] for event in round_.stand_in.ledger.events("t1", 2)]
    assert seqs == list(range(1, len(seqs) + 1))

    for attempt, line in ((1, "first"), (2, "second")):
        page = await ask(f"{round_.url}/api/v1/tasks/t1/logs?attempt={attempt}")
        assert [row["line"] for row in page["lines"]] == [line]
        told = await ask(f"{round_.url}/api/v1/tasks/t1/events?attempt={attempt}")
        assert {event["attempt"] for event in told["events"]} == {attempt}


async def test_only_an_ended_task_is_retried_and_only_a_known_one_is_cancelled(round_, ask):
    await round_.post(cloud_task("t1", "echo up; sleep 60"))
    answer = await ask(round_.url + NATIVE, method="POST", json={"action": "retry", "taskId": "t1"})
    assert (answer["outcome"], answer["problems"][0]["code"]) == ("conflict", "not-ended")
    answer = await ask(round_.url + NATIVE, method="POST", json={"action": "terminate", "taskId": "t1"})
    assert answer["outcome"] == "accepted"
    assert (await round_.outcome("t1"))["phase"] == "Cancelled"
    for action in ("retry", "terminate"):
        answer = await ask(round_.url + NATIVE, method="POST", json={"action": action, "taskId": "t9"})
        assert (answer["outcome"], answer["problems"][0]["code"]) == ("rejected", "unknown-task")


async def test_refused_events_are_shown_and_replayed(round_, ask, store):
    round_.stand_in.faults.add(Fault(status=400))
    await round_.post(cloud_task("bad", THREE))

    async def is_parked():
        record = await store.load("bad")
        return record.parked and record.state.final

    await eventually(is_parked)
    [letter] = (await ask(f"{round_.url}/api/v1/dead-letters"))["deadLetters"]
    assert (letter["taskId"], letter["agentId"]) == ("bad", "agent1")
    assert "400" in letter["reason"]
    assert letter["events"] == (await store.load("bad")).state.seq
    answer = await ask(f"{round_.url}/api/v1/dead-letters/bad/replay", method="POST")
    assert answer == {"taskId": "bad", "replayed": True}
    assert (await round_.outcome("bad"))["phase"] == "Succeeded"
    assert round_.lines("bad") == ["1", "2", "3"]
    await ask(f"{round_.url}/api/v1/dead-letters/bad/replay", 404, method="POST")


async def test_what_is_wrong_or_unknown_is_said_in_json(round_, ask):
    for path, status, code in (
        ("/api/v1/tasks/none", 404, "not-found"),
        ("/api/v1/tasks/none/events", 404, "not-found"),
        ("/api/v1/tasks/none/logs?follow=true", 404, "not-found"),
        ("/api/v1/tasks/none/manifest", 404, "not-found"),
        (f"{LOGV2}?task_id=none---agent1", 404, "not-found"),
        (LOGV2, 422, "invalid-parameter"),
        ("/api/v1/tasks?limit=0", 422, "invalid-parameter"),
        ("/api/v1/tasks?phase=Odd", 422, "invalid-parameter"),
        ("/api/v1/tasks?before=nan", 422, "invalid-parameter"),
    ):
        assert (await ask(round_.url + path, status))["error"]["code"] == code
    await round_.post(cloud_task("t1", "true"))
    for path in ("events?after=x", "logs?after=1-2-3-4-5", "logs?after=1-2-x", "logs?after=1-x"):
        answer = await ask(f"{round_.url}/api/v1/tasks/t1/{path}", 422)
        assert answer["error"]["code"] == "invalid-parameter"
    for body in ([], {"action": "dance", "taskId": "t1"}, {"action": "retry"}):
        assert "error" in await ask(round_.url + NATIVE, 400, method="POST", json=body)


async def test_metrics_tell_what_happened(start_round, http):
    async with start_round(sweep_seconds=0.05) as round_:
        await round_.post(cloud_task("t1", THREE), cloud_task("t2", "false"), cloud_task("t2", "true"))
        await round_.outcome("t1")
        await round_.outcome("t2")

        async def figures():
            async with http.get(round_.url + "/metrics") as answer:
                assert answer.status == 200
                return dict(
                    line.rsplit(" ", 1) for line in (await answer.text()).splitlines() if line[0] != "#"
                )

        async def is_swept():
            return (await figures())["translator_outbox_events"] == "0.0"

        await eventually(is_swept)
        got = await figures()
    assert got['translator_tasks_answered_total{outcome="accepted"}'] == "2.0"
    assert got['translator_tasks_answered_total{outcome="conflict"}'] == "1.0"
    assert got['translator_attempts_ended_total{phase="Succeeded"}'] == "1.0"
    assert got['translator_attempts_ended_total{phase="Failed"}'] == "1.0"
    assert got['translator_submissions_total{outcome="taken"}'] == "2.0"
    assert float(got["translator_events_delivered_total"]) == len(round_.stand_in.ledger.kept)
    assert got["translator_dead_letters"] == "0.0"
    assert got["translator_outbox_age_seconds"] == "0.0"
    assert got["translator_follow_workers"] == "0.0"


async def test_an_encoded_slash_is_part_of_the_task_s_id(round_, http):
    """The task ``e/logs`` is none of the task ``e``'s, whatever its id decodes to."""
    names = ["e", "e/logs", "e/b/manifest", "100%25", "e%2Flogs", "ü/é"]
    await round_.post(*(cloud_task(name, f"echo {number}") for number, name in enumerate(names)))
    await round_.closed(*names)
    for number, name in enumerate(names):
        path = f"{round_.url}/api/v1/tasks/{quote(name, safe='')}"
        for method in ("HEAD", "GET"):
            async with http.request(method, URL(path, encoded=True)) as answer:
                assert answer.status == 200
                text = await answer.read()
        assert json.loads(text)["taskId"] == name
        async with http.get(URL(path + "/logs", encoded=True)) as answer:
            log = await answer.json()
        assert (log["taskId"], log["lines"]) == (name, [{"step": "s1", "line": str(number)}])
    async with http.head(URL(round_.url + "/api/v1/tasks/e/logs?follow=true", encoded=True)) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
    async with http.get(URL(round_.url + "/api/v1/tasks/f%2Flogs", encoded=True)) as answer:
        assert answer.status == 404
        assert "'f/logs'" in await answer.text()
    async with http.get(round_.url + "/api/v1/tasks/e/b/manifest/manifest") as answer:
        assert answer.status == 200, "an unencoded slash still belongs to the id"
