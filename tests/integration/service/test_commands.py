"""submit, list, get, logs, cancel, retry and replay against a running service, as processes."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import pytest
from aiohttp import web

from tests.integration.service.rounds import cloud_task, eventually, task_yaml
from translator.agent_server.faults import Fault


@pytest.fixture
def translator(tmp_path):
    async def run(*args, url="http://127.0.0.1:1", stdin=b""):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "translator", *args,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "TRANSLATOR_SERVER": url, "NO_COLOR": "1"},
        )  # fmt: skip
        async with asyncio.timeout(30):
            out, err = await process.communicate(stdin)
        assert "Traceback" not in err.decode()
        return process.returncode, out.decode(), err.decode()

    return run


async def test_a_task_goes_its_way_by_commands_alone(round_, translator, tmp_path):
    file = tmp_path / "my task.yaml"
    file.write_text(task_yaml("echo one; echo 二", "exit 3"))
    code, out, err = await translator("submit", str(file), url=round_.url)
    assert (code, err) == (0, "")
    task_id = out.strip()
    assert task_id.startswith("my task-")

    code, out, err = await translator("logs", task_id, "-f", url=round_.url)
    assert (code, out, err) == (1, "s1 | one\ns1 | 二\n", "")
    code, out, _ = await translator("logs", task_id, "--step", "s1", url=round_.url)
    assert (code, out) == (0, "one\n二\n")
    code, out, _ = await translator("logs", task_id, "--format", "json", url=round_.url)
    assert json.loads(out.splitlines()[0]) == {"step": "s1", "line": "one"}

    for option, value, known in (
        ("--step", "nosuch", "has no step 'nosuch': its steps are s1, s2"),
        ("--attempt", "9", "has no attempt 9: the last one is 1"),
    ):
        for more in ((), ("-f",)):
            code, out, err = await translator("logs", task_id, option, value, *more, url=round_.url)
            assert (code, out, err) == (2, "", f"translator: task {task_id!r} {known}\n")

    code, out, _ = await translator("get", task_id, url=round_.url)
    assert code == 0
    assert "phase: Failed" in out
    assert "StepFailed" in out
    code, out, _ = await translator("get", task_id, "--format", "json", url=round_.url)
    assert json.loads(out)["taskId"] == task_id
    code, out, _ = await translator("get", task_id, "--manifest", url=round_.url)
    assert json.loads(out)["kind"] == "List"

    code, out, _ = await translator("list", "--phase", "Failed", url=round_.url)
    assert code == 0
    assert [line.split("  ")[0] for line in out.splitlines()] == ["TASKID".ljust(0), task_id]

    await round_.closed(task_id)
    code, out, err = await translator("retry", task_id, url=round_.url)
    assert (code, out, err) == (0, "", "attempt 2 begins\n")
    code, out, _ = await translator("logs", task_id, "-f", "--attempt", "2", url=round_.url)
    assert (code, out) == (1, "s1 | one\ns1 | 二\n")


async def test_a_running_task_is_cancelled(round_, translator):
    yaml = task_yaml("echo up; sleep 60").encode()
    code, out, _ = await translator("submit", "-", "--task-id", "t1", url=round_.url, stdin=yaml)
    assert (code, out) == (0, "t1\n")
    code, _, err = await translator("submit", "-", "--task-id", "t1", url=round_.url, stdin=yaml)
    assert code == 0
    assert err.startswith("it was submitted before and is ")
    code, _, err = await translator("cancel", "t1", url=round_.url)
    assert (code, err) == (0, "task 't1' is being cancelled\n")
    assert (await round_.outcome("t1"))["phase"] == "Cancelled"


async def test_refused_events_are_listed_and_replayed(round_, translator, store):
    round_.stand_in.faults.add(Fault(status=400))
    await round_.post(cloud_task("bad", "echo 1"))

    async def is_parked():
        return (await store.load("bad")).parked

    await eventually(is_parked)
    code, out, _ = await translator("list", "--dead-letters", "--format", "json", url=round_.url)
    assert (code, json.loads(out)[0]["taskId"]) == (0, "bad")
    code, _, _ = await translator("replay", "bad", url=round_.url)
    assert code == 0
    assert (await round_.outcome("bad"))["phase"] == "Succeeded"


async def test_what_is_wrong_is_said_with_its_exit_code(round_, translator, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("taskSpec:\n  displayName: x\n  steps:\n  - name: a\n    imag: alpine\n    script: x\n")
    code, out, err = await translator("submit", str(file), url=round_.url)
    assert (code, out) == (2, "")
    assert f"{file}:5:5: error: taskSpec.steps[0].imag" in err
    for args in (["get", "t9"], ["logs", "t9"], ["logs", "-f", "t9"], ["cancel", "t9"], ["retry", "t9"]):
        code, out, err = await translator(*args, url=round_.url)
        assert (code, out) == (2, "")
        assert "there is no task 't9'" in err
    assert (await translator("submit", "/no/such/file", url=round_.url))[0] == 2
    assert (await translator("list", url="ftp://x"))[0] == 2
    code, out, err = await translator("list")
    assert (code, out) == (3, "")
    assert "http://127.0.0.1:1 cannot be reached" in err


async def test_a_redirect_is_not_followed(answering, translator):
    """The bearer token, and what is submitted, are for the server that was named."""
    asked = []

    async def handler(request):
        asked.append((request.method, request.path))
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    url = await answering(handler)
    code, _, err = await translator("list", url=url)
    assert code == 3
    assert err.strip().startswith(f"translator: {url}/api/v1/tasks?limit=")
    assert "was answered 307: it points to '/elsewhere', and no redirect is followed" in err
    assert asked == [("GET", "/api/v1/tasks")]
