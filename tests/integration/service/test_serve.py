from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.service.rounds import cloud_task
from translator.agent_server.protocol import BATCH_PATH

BATCH = Path(__file__).parents[3] / "translator" / "cli" / "demo_batch.json"


HAS_BIN_PYTHON = Path("/bin/python").exists()


def files_below(folder):
    return list(folder.rglob("*"))


def command(tmp_path, *args, **variables):
    environment = {**os.environ, "TRANSLATOR_DATA_DIR": str(tmp_path / "data"), "TMPDIR": str(tmp_path)}
    environment |= variables
    return asyncio.create_subprocess_exec(
        sys.executable, "-m", "translator", *args,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment,
        # a shell's background job ignores it, and so would its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


@asynccontextmanager
async def served(tmp_path, stand_in, **variables):
    args = "serve", "--listen", "127.0.0.1:0", "--agent-server", stand_in.url
    process = await command(tmp_path, *args, **variables)
    try:
        async with asyncio.timeout(20):
            while not (found := re.search(rb"listening on (\S+)", line := await process.stderr.readline())):
                assert line, "it ended"
        yield process, found[1].decode()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def left_over(tmp_path):
    """Processes that have one of the test's folders in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(tmp_path).encode() in line:
                found.append(line)
    return found


async def test_a_killed_service_loses_nothing(tmp_path, stand_in, http):
    async with served(tmp_path, stand_in) as (process, url):
        async with http.post(
            url + BATCH_PATH, json=[cloud_task("t1", "echo up; sleep 60", "echo never")]
        ) as answer:
            assert [a["outcome"] for a in await answer.json()] == ["accepted"]
        async for event in stand_in.events():
            if event["kind"] == "log":
                break
        process.kill()
        await process.wait()

    async with served(tmp_path, stand_in) as (process, url):
        async with asyncio.timeout(20):
            final = await stand_in.final("t1")
        assert (final["phase"], final["reason"]) == ("Error", "RunnerLost")
        async with http.post(url + BATCH_PATH, json=[cloud_task("t2", "echo after")]) as answer:
            assert [a["outcome"] for a in await answer.json()] == ["accepted"]
        async with asyncio.timeout(20):
            assert (await stand_in.final("t2"))["phase"] == "Succeeded"
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert stand_in.ledger.violations == []
    assert left_over(tmp_path) == []


LOOK_AROUND = """
echo "parent: $(tr '\\0' '\\n' </proc/$PPID/environ | cut -d= -f1 | sort | tr '\\n' ' ')"
echo "found: $(grep -las 'ZZ_PLANTED=' /proc/[0-9]*/environ | tr '\\n' ' ')"
echo "memory: $(dd if=/proc/$(cut -d' ' -f4 /proc/$PPID/stat)/mem count=0 2>&1 | grep -c denied)"
echo "printed: api-token-of-this-test and $(printf cloud-key | sed s/$/-of-this-test/)"
"""


async def test_a_step_finds_nothing_of_the_service_and_no_log_shows_its_secrets(tmp_path, stand_in, http):
    """Its parent, the service, the embedded Valkey: none shows the variables that the service has."""
    secrets = {
        "TRANSLATOR_API_TOKEN": "api-token-of-this-test",
        "AWS_SECRET_ACCESS_KEY": "cloud-key-of-this-test",
        "ZZ_PLANTED": "planted-in-this-test",
    }
    async with served(tmp_path, stand_in, **secrets) as (_, url):
        token = {"Authorization": "Bearer api-token-of-this-test"}
        item = cloud_task("t1", LOOK_AROUND)
        async with http.post(url + BATCH_PATH, json=[item], headers=token) as answer:
            assert [a["outcome"] for a in await answer.json()] == ["accepted"]
        async with asyncio.timeout(20):
            assert (await stand_in.final("t1"))["phase"] == "Succeeded"
    lines = [line for event in stand_in.ledger.kept if event["kind"] == "log" for line in event["lines"]]
    parent, *others = lines
    assert set(parent.split()[1:]) <= {"LC_CTYPE", "LD_LIBRARY_PATH", "PATH"}
    assert others == ["found: ", "memory: 1", "printed: *** and ***"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["serve"], "serve: no agent-server: give --agent-server URL or SERVER-ADDRESS"),
        (
            ["serve", "--agent-server", "http://x", "--engine", "none"],
            "engine (or TRANSLATOR_ENGINE): Input should be",
        ),
        (["serve", "--agent-server", "ftp://x"], "must be http://HOST:PORT or https://HOST"),
        (["serve", "--config", "/no/such/file"], "No such file"),
        (
            ["serve", "--agent-server", "http://x", "--listen", "0.0.0.0:0"],
            "without a token: whoever reaches it could run tasks; set apiToken (TRANSLATOR_API_TOKEN; ",
        ),
    ],
)
async def test_wrong_usage_is_said_in_one_line_with_exit_code_2(tmp_path, args, message):
    process = await command(tmp_path, *args)
    out, err = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert message in err.decode()
    assert "Traceback" not in err.decode()


async def test_the_demo_shows_the_whole_way_and_leaves_nothing(tmp_path):
    process = await command(tmp_path, "demo")
    out, err = await process.communicate()
    text = out.decode()
    assert process.returncode == 0, text + err.decode()
    for wanted in (
        "task Pending",
        "step1 | Hello World step1 FOO=",
        "step step3 Succeeded",
        "task123: Succeeded",
    ):
        assert wanted in text
    assert text.index("step1 | ") < text.index("step3 | ") < text.index("task123: Succeeded")
    if not HAS_BIN_PYTHON:
        assert "note: step3: /bin/python is not on this machine" in err.decode()
    assert files_below(tmp_path) == []
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_demo_leaves_nothing(tmp_path, number):
    process = await command(tmp_path, "demo")
    async with asyncio.timeout(20):
        await process.stdout.readline()
    process.send_signal(number)
    out, err = await process.communicate()
    assert process.returncode == 1
    assert b"Traceback" not in out + err
    assert files_below(tmp_path) == []
    assert left_over(tmp_path) == []


def test_the_demos_batch_is_the_seeds():
    seed = Path(__file__).parents[4] / "shared" / "seed" / "batch.json"
    if not seed.exists():
        pytest.skip("the seed's documents lie beside the checkout, not here")
    assert BATCH.read_bytes() == seed.read_bytes()
