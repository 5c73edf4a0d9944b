"""A kubelet's log of one container, in virtual time: it rotates, follows miss that, connections are lost.

After the kubelet of Kubernetes 1.35 (cri-client's ``logs.go``, ``container_log_manager.go``):

- it looks every ten seconds whether the newest file has reached its size, some time later when it is busy,
  and begins a newer one. containerd writes to the older for a moment longer. Only the newest can be read
  anew;
- a follow reads its file to the end, and only then begins to watch the folder. A rotation before that is
  never told to it: it waits at its file's end until the next one;
- each rotation that it was told of makes it open the newest file from its start, one after the other. So a
  follow that lags behind two rotations leaves out a file, and gives the newest twice;
- once the container has ended it ends at its file's end, though there be newer files.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from translator.engine.argo.answers import Call, RefusedError, UnavailableError

CHECK_S = 10.0
START = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while everybody sleeps."""

    def __init__(self) -> None:
        selector = selectors.SelectSelector()
        super().__init__(selector)
        self._passed = 0.0
        self._select = selector.select
        selector.select = self._leap  # type: ignore[method-assign]

    def time(self) -> float:
        return self._passed

    def _leap(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise AssertionError("everybody waits for ever")
        if timeout > 0:
            self._passed += timeout
        return self._select(0)


@dataclass
class File:
    """One file of the log."""

    lines: list[tuple[str, bytes]] = field(default_factory=list)
    size: int = 0

    def add(self, stamp: str, line: bytes) -> None:
        self.lines.append((stamp, line))
        self.size += len(line)


class Kubelet:
    """One container's log.

    Args:
        limit: bytes at which a file is rotated.
        chunk: lines that an answer brings at once.
        pace: seconds between two of these.
        linger: seconds for which the older file is still written to.

    Attributes:
        late: lines that were written to an older file; who follows may have gone on by then.
    """

    def __init__(self, *, limit: int, chunk: int, pace: float, linger: float = 0.0) -> None:
        self.limit, self.chunk, self.pace, self.linger = limit, chunk, pace, linger
        self.late: set[str] = set()
        self._lingers_until = 0.0
        self.files = [File()]
        self.running = True
        self.gone = False
        self.away_until = 0.0
        self.busy_until = 0.0  # nothing but what is followed already is answered
        self.connections: set[asyncio.Event] = set()
        self.broken = False
        self.skew = 0.0
        self._changed = asyncio.Event()
        self._last = ""

    def write(self, text: str, jitter: float = 0.0) -> None:
        clock = asyncio.get_running_loop().time()
        whole = START + timedelta(seconds=clock + self.skew + jitter)
        stamp = f"{whole:%Y-%m-%dT%H:%M:%S.%f}000Z"
        late = len(self.files) > 1 and clock < self._lingers_until
        if late:
            self.late.add(text)
        self.files[-2 if late else -1].add(stamp, f"{stamp} {text}\n".encode())
        self._tell()

    def rotate(self) -> None:
        if self.running and self.files[-1].size >= self.limit:
            self.files.append(File())
            self._lingers_until = asyncio.get_running_loop().time() + self.linger
            self._tell()

    def end(self) -> None:
        self.running = False
        self._tell()

    def cut(self, *, plainly: bool) -> None:
        """Lose every connection; plainly: the reader is told, else it looks like the end."""
        self.broken = plainly
        for connection in self.connections:
            connection.set()
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def stream(
        self, call: Call, path: str, query: Mapping[str, str], *, silence: float, unchunked: bool = False
    ) -> AsyncIterator[Answer]:
        await asyncio.sleep(0.01)
        clock = asyncio.get_running_loop().time()
        if clock < self.away_until or (clock < self.busy_until and self.broken):
            raise UnavailableError("the API server is away")
        await asyncio.sleep(max(0.0, self.busy_until - clock))
        if self.gone:
            raise RefusedError("not found", status=404, reason="NotFound", remedy="")
        yield Answer(self, query)

    async def read(self, query: Mapping[str, str], cut: asyncio.Event) -> AsyncIterator[bytes]:
        since = query.get("sinceTime", "")[:-1]
        lines = self.files[-1].lines
        if "tailLines" in query:
            if lines:
                yield lines[-1][1]
        elif "limitBytes" in query:
            if lines:
                yield lines[0][1][: int(query["limitBytes"])]
        elif "follow" not in query:
            async for chunk in self._send(lines[:], since, cut):
                yield chunk
        else:
            async for chunk in self._follow(since, cut):
                yield chunk

    async def _send(
        self, lines: list[tuple[str, bytes]], since: str, cut: asyncio.Event
    ) -> AsyncIterator[bytes]:
        sent = [line for stamp, line in lines if stamp >= since]
        for at in range(0, len(sent), self.chunk):
            chunk = b"".join(sent[at : at + self.chunk])
            if self.pace:
                await asyncio.sleep(self.pace)
            if cut.is_set():
                return
            yield chunk

    async def _follow(self, since: str, cut: asyncio.Event) -> AsyncIterator[bytes]:
        at = 0
        watched: int | None = None
        lines = self.files[-1].lines
        while not cut.is_set():
            sent, at = at, len(lines)
            async for chunk in self._send(lines[sent:at], since, cut):
                yield chunk
            if at < len(lines) or cut.is_set():
                continue
            if watched is None:
                watched = len(self.files)
            elif not self.running:
                return
            elif len(self.files) > watched:
                watched, at = watched + 1, 0
                lines = self.files[-1].lines
            else:
                await self._changed.wait()


class Answer:
    """One answer, as `translator.engine.argo.stream.Stream`."""

    def __init__(self, kubelet: Kubelet, query: Mapping[str, str]) -> None:
        self._kubelet, self._query = kubelet, query
        self._cut = asyncio.Event()
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True
        self._cut.set()
        self._kubelet._tell()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._kubelet.connections.add(self._cut)
        try:
            async for chunk in self._kubelet.read(self._query, self._cut):
                yield chunk
        finally:
            self._kubelet.connections.discard(self._cut)
        if self._cut.is_set() and not self.stopped and self._kubelet.broken:
            raise UnavailableError("the stream broke")
