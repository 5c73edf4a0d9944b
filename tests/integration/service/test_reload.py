from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import yaml

from tests.integration.service.rounds import cloud_task
from translator.agent_server.protocol import BATCH_PATH


class Served:
    """A service of its own process, and its settings file."""

    def __init__(self, process: asyncio.subprocess.Process, file: Path) -> None:
        self._process = process
        self._file = file
        self.url = ""

    async def said(self, words: str) -> str:
        """The first line of its log with these words."""
        assert self._process.stderr is not None
        async with asyncio.timeout(30):
            while words not in (line := (await self._process.stderr.readline()).decode()):
                assert line, "it ended"
        return line

    async def reload(self, **settings: object) -> None:
        self._file.write_text(yaml.safe_dump(settings))
        self._process.send_signal(signal.SIGHUP)

    async def submits(self, task_id: str, token: str) -> tuple[int, str]:
        """The status, and the outcome of one task."""
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(self.url + BATCH_PATH, json=[cloud_task(task_id, "true", "true")]) as answer,
        ):
            told = await answer.json()
            return answer.status, told[0]["outcome"] if answer.status == 200 else ""


@asynccontextmanager
async def served(file: Path) -> AsyncIterator[Served]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "translator", "serve", "--config", file, "--listen", "127.0.0.1:0",
        stderr=asyncio.subprocess.PIPE, env=os.environ | {"TMPDIR": str(file.parent)},
    )  # fmt: skip
    try:
        made = Served(process, file)
        made.url = (await made.said("listening on")).split()[-1]
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, object]:
    return {
        "SERVER-ADDRESS": "http://127.0.0.1:1",
        "dataDir": str(tmp_path / "data"),
        "apiToken": "one",
        "flushSeconds": 0,
    }


async def test_what_may_change_changes_and_the_rest_is_named(settings, tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(settings))
    async with served(file) as service:
        assert await service.submits("t1", "one") == (200, "accepted")
        await service.reload(**settings | {"apiToken": "two", "policy": {"maxSteps": 1}, "ROW-LIMIT": 5})
        assert "ROW-LIMIT" in await service.said("read only at the start")
        assert await service.submits("t2", "one") == (401, "")
        assert await service.submits("t2", "two") == (200, "rejected")
        await service.reload(**settings | {"apiToken": "", "SERVER-ADRESS": "x"})
        assert "did you mean SERVER-ADDRESS" in await service.said("settings not reloaded")
        assert await service.submits("t2", "one") == (401, "")
        await service.reload(**settings)
        await service.said("settings reloaded")
        assert await service.submits("t2", "one") == (200, "accepted")
