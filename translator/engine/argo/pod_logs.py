"""Reads one container's log to its real end.

A follow ends when the log is rotated, the connection is lost or the kubelet restarts, so its end is not the
log's: the container's terminated state is. After that the log is read once more, without follow, and joined,
since the follow of a container that ends just after a rotation lacks its last file.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import structlog

from translator.engine.argo.answers import Call, RefusedError, UnavailableError
from translator.engine.argo.client import ApiServer, Stream
from translator.engine.argo.container import Container
from translator.engine.argo.objects import pod_path
from translator.engine.argo.outlet import LogObservation
from translator.engine.argo.slots import Slots
from translator.engine.argo.stall import Progress, stop_when_stalled
from translator.engine.argo.stretch import Stretch, time_of
from translator.engine.argo.watching import Pace
from translator.observe.cursor import Cursor
from translator.observe.executor import LogLine
from translator.observe.lines import text
from translator.observe.observation import LogEnd, LogGap, LogLines

ENDED = "ended"
"""Key of a stored cursor whose log was read to its end: nothing of it is read again."""

SILENCE_S = 600.0
"""Seconds without a line after which a follow is begun anew: its connection may be dead."""

TURN_S = 10.0
"""Seconds after which a follow lets others read, if any wait."""

AT_ONCE_S = 5.0
"""Seconds in which a log is rotated once at most (kubelets look every ten): a read begun within them goes on
where the one before it ended."""

UNREADABLE_TRIES = 5
"""Reads of an ended container's log that may fail for good reasons of the node's before it counts as lost."""

UNROTATED = 1024 * 1024
"""Bytes: no kubelet rotates a smaller log (its default is 10 MiB), so all of it came in one piece."""

Put = Callable[[LogObservation], Awaitable[None]]

_log = structlog.get_logger(__name__)


class PodLog:
    """The log of one container, from where a cursor left it.

    Args:
        api: the API server.
        container: whose log.
        cursor: as it was stored with the last lines; empty: from the start.
        put: takes what was read; waits while the reader of that is slow.
        slots: limit how many logs are read at once.
        pace: how long things take.
    """

    def __init__(
        self,
        *,
        api: ApiServer,
        container: Container,
        cursor: Mapping[str, Any],
        put: Put,
        slots: Slots,
        pace: Pace,
    ) -> None:
        self._api = api
        self._container = container
        self._put = put
        self._slots = slots
        self._pace = pace
        self._ended = bool(cursor.get(ENDED))
        known = Cursor.from_json({k: v for k, v in cursor.items() if k != ENDED}) if cursor else None
        here = (container.pod_uid, container.id)
        self._cursor = known if known is not None and known.is_of(*here) else Cursor(*here)
        self._call = Call("get", "pods/log", container.namespace, container.pod)
        self._path = f"{pod_path(container.namespace, container.pod)}/log"
        self._stalled = False
        self._received = 0
        self._whole: Stretch | None = None
        self._whole_at = 0.0
        self._failures = 0

    @property
    def cursor(self) -> dict[str, Any]:
        """Where the log is to be read on from."""
        return self._cursor.as_json()

    async def run(self) -> None:
        """Read to the end, and say so. Never raises but for cancellation."""
        while not self._ended:
            over = self._container.over.is_set()
            try:
                async with self._slots.turn():
                    self._ended = await self._read(follow=not over)
                    while self._stalled:
                        self._ended = await self._read(follow=not self._container.over.is_set())
            except RefusedError as error:
                await self._cannot(error, over=over)
                continue
            except UnavailableError as error:
                self._whole = None
                self._failures += 1
                _log.debug("reading a log again", pod=self._container.pod, error=error.message)
                await self._wait(error.retry_after)
                continue
            if self._whole is not None and not self._ended and not self._stalled:
                await self._wait()
        step = self._container.step
        await self._put(LogLines(step, (), {**self._cursor.as_json(), ENDED: True}))
        await self._put(LogEnd(step))

    async def _read(self, *, follow: bool) -> bool:
        """One request. Returns whether the log was read to its end.

        Raises:
            UnavailableError: try again.
            RefusedError: there is no such log (now).
        """
        query = {"follow": "true"} if follow else {}
        if self._cursor.since:
            query["sinceTime"] = self._cursor.since
        now = asyncio.get_running_loop().time()
        at_once = now - self._whole_at < AT_ONCE_S
        stretch = Stretch(self._cursor, self._whole if at_once else None)
        async with self._ask(query) as stream, self._kept_going(stream, stretch, follow=follow):
            self._whole = None
            async for chunk in stream:
                self._received += len(chunk)
                await self._give(stretch.feed(chunk), stretch)
        if stream.stopped and not self._stalled:
            return False
        if stretch.strange:
            said = f"cannot {self._call}: {stretch.strange}"
            raise RefusedError(said, status=400, reason="", remedy="")
        self._failures += 1
        await self._give(stretch.end() if follow else stretch.finish(self._container.exit_code), stretch)
        self._whole = stretch
        self._whole_at = asyncio.get_running_loop().time()
        return not follow

    def _ask(self, query: Mapping[str, str]) -> AbstractAsyncContextManager[Stream]:
        asked = {"container": self._container.name, "timestamps": "true", **query}
        return self._api.stream(self._call, self._path, asked, silence=SILENCE_S)

    @asynccontextmanager
    async def _kept_going(self, stream: Stream, stretch: Stretch, *, follow: bool) -> AsyncIterator[None]:
        """While a follow lasts: stop it when others wait for its slot, or the kubelet has forgotten it."""
        self._stalled = False
        if not follow:
            yield
            return

        def stop() -> None:
            self._stalled = True
            stream.stop()

        watch = asyncio.ensure_future(stop_when_stalled(lambda: self._progress(stretch), self._newest, stop))
        try:
            with self._slots.limit(TURN_S, stream.stop):
                yield
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    def _progress(self, stretch: Stretch) -> Progress:
        return Progress(self._received, stretch.newest)

    async def _newest(self) -> str:
        """The time of the newest line, of a log that is large enough to have been rotated."""
        if self._received < UNROTATED:
            return ""
        last = b""
        async with self._ask({"tailLines": "1"}) as stream:
            async for chunk in stream:
                last += chunk
        return time_of(last)

    async def _give(self, fresh: Sequence[LogLine], stretch: Stretch) -> None:
        if not fresh:
            return
        step = self._container.step
        self._failures = 0
        headless = not self._cursor.last and self._container.tells_start and not stretch.began
        if stretch.lost or headless:
            stretch.lost = False
            why = f"the log was rotated {'before anybody could' if headless else 'while nobody'} read it"
            await self._put(LogGap(step, why, None, self._cursor.as_json()))
        self._cursor = self._cursor.after(fresh)
        found = tuple(text(line.text) for line in fresh)
        await self._put(LogLines(step, found, self._cursor.as_json(), fresh[-1].time))

    async def _cannot(self, error: RefusedError, *, over: bool) -> None:
        """There is no log to read: wait for it, or give up and say what is missing."""
        self._failures += 1
        waiting = error.status == 400 and (not over or self._failures < UNREADABLE_TRIES)
        vanishing = error.status == 404 and not over
        if waiting or vanishing:
            await self._wait()
            return
        self._ended = True
        if error.status == 404 and self._whole is not None and self._received < UNROTATED:
            await self._give(self._whole.finish(self._container.exit_code), self._whole)
            return
        why = (
            "the pod was deleted before its log was read to its end" if error.status == 404 else error.message
        )
        await self._put(LogGap(self._container.step, why, None, self._cursor.as_json()))

    async def _wait(self, at_least: float | None = None) -> None:
        """Pause, but no longer than until the container is over."""
        if self._container.over.is_set():
            await self._pace.pause(max(1, self._failures), at_least)
            return
        over = asyncio.ensure_future(self._container.over.wait())
        pause = asyncio.ensure_future(self._pace.pause(max(1, self._failures), at_least))
        try:
            await asyncio.wait({over, pause}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            pause.cancel()


async def end_unread(step: str, cursor: Mapping[str, Any], *, ran: bool, put: Put) -> None:
    """End the log of a step whose pod was gone before anybody looked.

    Args:
        step: the step's name.
        cursor: as it was stored last; empty: nothing was read.
        ran: whether its process is known to have run.
        put: takes the observations.
    """
    if ran and not cursor.get(ENDED):
        ended = {**cursor, ENDED: True}
        await put(LogGap(step, "the pod was gone before its log was read to its end", None, ended))
    await put(LogEnd(step))
