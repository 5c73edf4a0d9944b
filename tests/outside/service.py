"""`translator serve` as the process that users run, with a settings file, and its API over plain HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from tests.outside.agent_server import Json

STARTS_S = 60.0
"""A process that is not ready after so long will never be."""


class Service:
    """One process of the service, always at the same address with the same settings.

    Args:
        folder: for its settings, its data and its log.
        name: of the replica, and of its files.
        settings: of the file, keys with a dot in groups.
        env: more of its environment.
        under: a command to run it under, such as faketime.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Any],
        *,
        name: str = "one",
        env: Mapping[str, str] | None = None,
        under: tuple[str, ...] = (),
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.name = name
        self.url = f"http://{self.address}"
        self.env = dict(env or {})
        self._under = under
        self._log = folder / f"{name}.log"
        self._file = folder / f"{name}.yaml"
        own = {"listen": self.address, "dataDir": str(folder / f"{name}-data"), "replicaName": name}
        self._file.write_text(json.dumps({**own, **settings}))
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process; returns at once."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TRANSLATOR_")}
        command = (*self._under, sys.executable, "-m", "translator", "serve", "--config", str(self._file))
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *command, env={**clean, **self.env}, stdout=log, stderr=log, start_new_session=True
            )

    async def ready(self) -> None:
        """Wait until /readyz says so."""
        await self.readiness(200, STARTS_S)

    async def readiness(self, status: int, seconds: float) -> Json:
        """Wait until /readyz answers with a status; returns what it says."""
        until, said = time.monotonic() + seconds, (0, Json())
        while time.monotonic() < until:
            assert self.process is not None
            assert self.process.returncode is None, f"it ended:\n{self.log()[-2000:]}"
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                said = await self.get("/readyz", seconds=5)
                if said[0] == status:
                    return said[1]
            await asyncio.sleep(0.05)
        raise AssertionError(f"/readyz is {said}, not {status}, after {seconds:g} s:\n{self.log()[-2000:]}")

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    async def kill(self) -> None:
        """Take the process away at once."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def stop(self) -> int:
        """Ask it to stop, and wait until it has; returns the exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
            async with asyncio.timeout(40):
                await self.process.wait()
        assert self.process.returncode is not None
        return self.process.returncode

    async def doctor(self) -> tuple[int, list[Json]]:
        """`translator doctor` with the same settings: its exit code, and what it found."""
        command = (sys.executable, "-m", "translator", "doctor", "--format", "json", "--config")
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, str(self._file), stdout=pipe)
        out, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, json.loads(out)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    async def get(self, path: str, seconds: float = 30) -> tuple[int, Any]:
        """Status and JSON of a path."""
        return await self._ask("GET", path, None, seconds)

    async def post(self, path: str, body: Any, seconds: float = 30) -> tuple[int, Any]:
        """Status and JSON of a POST."""
        return await self._ask("POST", path, body, seconds)

    async def retry(self, task_id: str) -> tuple[int, Any]:
        """Ask for another attempt."""
        return await self.post(
            "/api/v1/manager/agent/task/cloud_native", {"action": "retry", "taskId": task_id}
        )

    async def ended(self, task_id: str, seconds: float) -> None:
        """Wait until the service itself knows that a task has ended."""
        until = time.monotonic() + seconds
        while (told := (await self.get(f"/api/v1/tasks/{task_id}"))[1])["phase"] in ("Pending", "Running"):
            assert time.monotonic() < until, told
            await asyncio.sleep(0.05)

    async def metrics(self) -> str:
        async with aiohttp.ClientSession() as session, session.get(self.url + "/metrics") as answer:
            return await answer.text()

    async def _ask(self, method: str, path: str, body: Any, seconds: float) -> tuple[int, Any]:
        timeout = aiohttp.ClientTimeout(total=seconds)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, self.url + path, json=body) as answer,
        ):
            return answer.status, await answer.json()


@contextlib.asynccontextmanager
async def serving(*services: Service) -> AsyncIterator[None]:
    """Run services until they are ready, and take them away at the end."""
    try:
        for service in services:
            await service.start()
        await asyncio.gather(*(service.ready() for service in services))
        yield
    finally:
        for service in services:
            await service.kill()
