"""``translator stand-in`` as a user runs it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys

import pytest

from translator.agent_server.protocol import BATCH_PATH, EVENTS_PATH

TASK = {"taskId": "t1", "taskType": "CloudTask", "agentId": "a", "args": {"taskYaml": "x"}}


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


EVENTS = [
    event(1, phase="Pending"),
    event(2, "step", name="s1", phase="Running"),
    event(3, "log", step="s1", lines=["one", "二"]),
    event(4, "gap", step="s1", why="rotated"),
    event(5, "step", name="s1", phase="Failed", exitCode=3, reason="StepFailed", message="it failed"),
    event(
        6,
        phase="Failed",
        reason="StepFailed",
        workflow={"namespace": "default", "name": "wf"},
        steps=[{"name": "s1", "phase": "Failed"}],
    ),
]

TEXT = """\
t Pending
t step s1 Running
t s1 | one
t s1 | 二
t s1 ~ rotated
t step s1 Failed (exit code 3) StepFailed it failed
t Failed as default/wf StepFailed
"""


@contextlib.asynccontextmanager
async def running(*options):
    """The command, started; it is killed if the test did not end it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "translator", "stand-in", "--listen", "127.0.0.1:0", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def url_of(process):
    line = (await process.stderr.readline()).decode()
    assert line.startswith("stand-in: listening on http://127.0.0.1:")
    assert (await process.stderr.readline()).startswith(b"stand-in: agents dial in at ws://127.0.0.1:")
    return line.split()[-1]


async def test_it_prints_what_comes_and_ends_when_told(serve_api, intake, http):
    async with running("--agent", await serve_api()) as process:
        url = await url_of(process)
        async with http.post(url + BATCH_PATH, json=[TASK]) as answer:
            assert await answer.json() == [{"taskId": "t1", "outcome": "accepted"}]
        assert (
            json.loads((await process.stderr.readline()).partition(b"answered ")[2])["outcome"] == "accepted"
        )
        async with http.post(
            url + EVENTS_PATH, json={"events": [*EVENTS, event(7, phase="Running")]}
        ) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        output, errors = await process.communicate()
    assert process.returncode == 0
    assert output.decode() == TEXT
    assert errors.decode() == "stand-in: contract broken: t attempt 1 seq 7: came after the final status\n"
    assert [item.task_id for item in intake.items] == ["t1"]


async def test_json_lines_for_programs(http):
    async with running("--format", "json") as process:
        url = await url_of(process)
        async with http.post(url + EVENTS_PATH, json={"events": EVENTS}) as answer:
            assert answer.status == 200
        process.terminate()
        output, errors = await process.communicate()
    assert process.returncode == 0
    assert [json.loads(line) for line in output.splitlines()] == EVENTS
    assert errors == b""


async def test_a_reader_who_leaves_ends_it_quietly(http):
    async with running() as process:
        url = await url_of(process)
        process._transport.get_pipe_transport(1).close()
        async with http.post(url + EVENTS_PATH, json={"events": EVENTS}) as answer:
            assert answer.status == 200
        assert await process.stderr.read() == b""
        assert await process.wait() == 0


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--listen", "8081"], 2, "'8081' is no HOST:PORT"),
        (["--agent", "agent:1"], 2, "'agent:1' is no address of an HTTP server"),
        (["--format", "xml"], 2, "'xml' is not one of"),
        (["--listen", "192.0.2.1:1"], 3, "stand-in: cannot listen: "),
    ],
    ids=str,
)
async def test_mistakes_are_told_in_one_line(options, code, message):
    async with running(*options) as process:
        output, errors = await process.communicate()
    assert process.returncode == code
    assert output == b""
    assert message in errors.decode()
    assert "Traceback" not in errors.decode()
