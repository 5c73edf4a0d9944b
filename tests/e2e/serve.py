"""``translator serve`` as a process of its own, which tests may kill."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from tests.e2e.stage import Stage
from translator.agent_server.stand_in import StandIn


class Serve:
    """``translator serve`` as a process of its own, always at the same address with the same data.

    Args:
        agent_server: where events go.
        folder: for its data and its log.
    """

    def __init__(self, agent_server: str, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._listen = f"127.0.0.1:{free.getsockname()[1]}"
        self._agent_server = agent_server
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://{self._listen}"

    async def start(self) -> None:
        with (self._folder / "serve.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "translator",
                "serve",
                "--engine=argo",
                f"--listen={self._listen}",
                f"--agent-server={self._agent_server}",
                env={**os.environ, "TRANSLATOR_DATA_DIR": str(self._folder / "data")},
                stdout=log,
                stderr=log,
            )

    async def kill(self) -> None:
        """Take its process away at once."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    def log(self) -> str:
        return (self._folder / "serve.log").read_text()


@contextlib.asynccontextmanager
async def served(namespace: str, folder: Path) -> AsyncIterator[tuple[Stage, Serve]]:
    async with StandIn() as stand_in:
        serve = Serve(stand_in.url, folder)
        stand_in.agent = serve.url
        await serve.start()
        try:
            yield Stage(stand_in, namespace), serve
        finally:
            await serve.kill()
