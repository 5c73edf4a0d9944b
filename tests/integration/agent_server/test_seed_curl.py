"""The seed's ``curl``, word for word, against whatever serves agent-server's API."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from translator.agent_server.protocol import BATCH_PATH

SEED = Path(__file__).parents[2] / "data" / "seed"
SEEDS_README = Path(__file__).parents[4] / "shared" / "seed" / "README.md"


async def submit(url, http):
    """Run the command as it stands, but for the address; without curl, send what it would send."""
    command = (SEED / "curl.sh").read_text()
    assert "{agent-server-http-addr}" in command
    if shutil.which("curl") is None:
        async with http.post(url + BATCH_PATH, json=json.loads((SEED / "batch.json").read_text())) as answer:
            assert answer.status == 200
            return await answer.json()
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", command.replace("{agent-server-http-addr}", url),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(output)


@pytest.mark.skipif(
    not SEEDS_README.exists(), reason="the seed's README lies beside the checkout only where we build"
)
def test_the_copies_are_the_seeds():
    command = (SEED / "curl.sh").read_text()
    assert command in SEEDS_README.read_text()
    body = command.partition("-d '")[2].rpartition("'")[0]
    assert json.loads(body) == json.loads((SEED / "batch.json").read_text())


async def test_the_translators_api_takes_it(serve_api, intake, http):
    url = await serve_api()
    assert await submit(url, http) == [{"taskId": "task123", "outcome": "accepted"}]
    assert await submit(url, http) == [{"taskId": "task123", "outcome": "duplicate"}]
    (item,) = intake.items
    assert item.args == json.loads((SEED / "batch.json").read_text())[0]["args"]


async def test_the_stand_in_takes_it_and_hands_it_over_unchanged(serve_api, intake, stand_in, http):
    stand_in.agent = await serve_api()
    assert await submit(stand_in.url, http) == [{"taskId": "task123", "outcome": "accepted"}]
    assert await stand_in.answer("task123") == {"taskId": "task123", "outcome": "accepted"}
    assert intake.items[0].args == json.loads((SEED / "batch.json").read_text())[0]["args"]
