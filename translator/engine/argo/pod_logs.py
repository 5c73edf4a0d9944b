"""Reads one container's log to its real end, and tells what of it is missing.

A follow ends when its container has, but also when the connection is lost or the kubelet restarts: its end is
not the log's, the container's terminated state is. Nor does it look different: the API server ends its answer
as usual when it has lost the kubelet. So the log is read once more after the end, without follow, and joined,
and whether that reading was whole is checked where Argo's executor did not say the last word.

Only the newest file of a log can be read; the kubelet begins one every ten seconds at most, when the older
has 10 MiB. A reading that begins with a newer file than the one before it lacks nothing where that one is
known to have come to its file's end: its container had ended, or it was stopped for having stalled there. In
every other case lines may be missing, and a gap is told.

What cannot be noticed: the kubelet's own follow goes on to the newer file as soon as that is there, while
containerd may still write some last lines to the older one (some hundred at most, of a process that writes as
fast as it can); and where the node's clock is set back, lines that follow while the connection is down.
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
from translator.errors import TranslatorError
from translator.observe.cursor import Cursor, leap, seconds_between
from translator.observe.executor import Line
from translator.observe.lines import LONGEST, texts
from translator.observe.observation import LogEnd, LogGap, LogLines

ENDED = "ended"
"""Key of a stored cursor whose log was read to its end: nothing of it is read again."""

SILENCE_S = 600.0
"""Seconds without a line after which a follow is begun anew: its connection may be dead."""

TURN_S = 10.0
"""Seconds after which a follow lets others read, if any wait."""

TOLD_S = 10.0
"""Seconds after a follow's end within which the kubelet tells that its container has ended, if it has."""

CLOSE_S = 3.0
"""Seconds between the last line of an older file and the first of the newer, in a log that grows fast."""

LEAP_S = 9.0
"""Seconds between two lines in which there may have been two rotations, and a whole file between them."""

PATIENCE_S = 1.5
"""Seconds that an ended follow waits to be told so before it is begun anew."""

DOUBTS = 3
"""Readings that must say the same where one may have been cut off."""

UNREADABLE_TRIES = 5
"""Reads of an ended container's log that may fail for good reasons of the node's before it counts as lost."""

UNROTATED = 1024 * 1024
"""Bytes: no kubelet rotates a smaller log (its default is 10 MiB), so all of it came in one piece."""

HEADLESS = "the log was rotated before anybody could read it"

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
        self._resumed = bool(self._cursor.last)
        self._received = 0
        self._failures = 0
        self._stalled = False
        self._taken = True
        self._before: Stretch | None = None
        self._ended_at = 0.0
        self._confirmed = False
        self._forgotten = False
        self._known = b""
        self._given_at = 0.0
        self._parted: Stretch | None = None
        self._doubts = 0
        self._from_start = False

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
            except UnavailableError as error:
                self._before = None
                self._failures += 1
                _log.debug("reading a log again", pod=self._container.pod, error=error.message)
                await self._wait(error.retry_after)
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
        if self._cursor.since and not self._from_start:
            query["sinceTime"] = self._cursor.since
        before, stretch = self._before, Stretch(self._cursor)
        self._taken = True
        async with self._ask(query) as stream, self._kept_going(stream, stretch, follow=follow):
            self._before = None
            async for chunk in stream:
                fresh = stretch.feed(chunk)
                told = self._parted is stretch or not stretch.apart
                leapt = self._leapt(fresh, stretch) if follow and told else None
                self._received += len(chunk)
                self._taken = False
                await self._give(fresh[:leapt], stretch, before)
                self._taken = True
                if leapt is not None:
                    # whether a file lies between is seen where this line is found again, or is not
                    self._known = max(await self._newest(), stretch.newest).encode()
                    stream.stop()
                    break
        if stream.stopped and not self._stalled:
            return False
        if stretch.strange:
            said = f"cannot {self._call}: {stretch.strange}"
            raise RefusedError(said, status=400, reason="", remedy="")
        self._failures += 1
        if not follow and await self._finish(stretch, before):
            return True
        if follow and stretch.joined:
            self._before, self._ended_at, self._confirmed = stretch, _now(), self._stalled
            self._forgotten = self._stalled
        elif follow:
            self._before = before  # nothing in it says where it belongs
        if not self._stalled:
            await self._told_over(PATIENCE_S)
            await self._wait()
        return False

    async def _finish(self, stretch: Stretch, before: Stretch | None) -> bool:
        """The log of an ended container has been read. Returns whether that is known to be all of it."""
        self._doubts += 1
        clear = stretch.joined and await self._is_whole(stretch)
        if not clear and self._doubts < DOUBTS:
            self._before = None if stretch.apart else before
            return False
        await self._give(stretch.finish(self._container.exit_code), stretch, before)
        await self._give(stretch.begin(), stretch, before)
        if stretch.came and self._is_headless(stretch):
            await self._lack(HEADLESS)
        return True

    def _is_headless(self, stretch: Stretch) -> bool:
        return not self._cursor.last and self._container.tells_start and not stretch.began

    async def _is_whole(self, stretch: Stretch) -> bool:
        """Whether an answer, which may have been cut off, holds the log's last line."""
        if stretch.exited:
            return True
        try:
            newest = await self._newest()
        except TranslatorError:
            return True  # nobody can say more
        # an earlier one: the clock was set back, and sinceTime hides what came after that
        self._from_start = self._from_start or newest < stretch.newest
        return newest == stretch.newest or not newest[:1].isdigit()

    def _ask(self, query: Mapping[str, str]) -> AbstractAsyncContextManager[Stream]:
        asked = {"container": self._container.name, "timestamps": "true", **query}
        return self._api.stream(self._call, self._path, asked, silence=SILENCE_S, unchunked="follow" in query)

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

        watch = asyncio.ensure_future(
            stop_when_stalled(lambda: self._progress(stretch), self._newest_of_a_large_log, stop)
        )
        try:
            with self._slots.limit(TURN_S, stream.stop):
                yield
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    def _progress(self, stretch: Stretch) -> Progress:
        return Progress(self._received, stretch.newest, self._taken)

    async def _newest_of_a_large_log(self) -> str:
        """The time of the newest line, of a log that is large enough to have been rotated."""
        return await self._newest() if self._resumed or self._received >= UNROTATED else ""

    async def _newest(self) -> str:
        last = b""
        async with self._ask({"tailLines": "1"}) as stream:
            async for chunk in stream:
                last = (last + chunk)[-2 * LONGEST :]
        return time_of(last.rstrip(b"\n").rpartition(b"\n")[2])

    async def _give(self, fresh: Sequence[Line], stretch: Stretch, before: Stretch | None) -> None:
        """Pass on what is new, after what must be said of what lies before it."""
        step = self._container.step
        if stretch.apart and self._parted is not stretch:
            self._parted = stretch
            if before is not None and await self._goes_on(stretch, before):
                fresh = before.continued(fresh, self._container.exit_code)
            else:
                await self._lack("the log was rotated while nobody read it")
        if not fresh:
            return
        if self._is_headless(stretch):
            await self._lack(HEADLESS)
        self._failures = 0
        self._given_at = _now()
        self._cursor = self._cursor.after(fresh)
        found = texts([text for _, text in fresh])
        await self._put(LogLines(step, found, self._cursor.as_json(), fresh[-1][0].decode()))

    def _leapt(self, fresh: Sequence[Line], stretch: Stretch) -> int | None:
        """The place of a line before which the kubelet may have left out a file.

        A follow that lags, because whoever takes the lines is slow, or that the kubelet has forgotten, goes
        on with the newest file at some time, however many there were.
        """
        if not self._cursor.last or not (self._resumed or self._received >= UNROTATED):
            return None
        # the newest may be the executor's
        newest = stretch.newest.encode() if stretch.newest[:1].isdigit() else self._known
        lines = [*fresh, (newest, b"")]
        last, first = self._cursor.last.encode(), lines[0][0]
        place = leap(last, lines, LEAP_S, self._known)
        if place == 0 and _now() - self._given_at > seconds_between(last, first) - LEAP_S / 2:
            # the process was silent, for as long as we have been waiting
            place = leap(first, lines[1:], LEAP_S, self._known)
            return place if place is None else place + 1
        return place

    async def _goes_on(self, stretch: Stretch, before: Stretch) -> bool:
        """Whether a newer file is known to go on where the stretch before it ended."""
        if stretch.skipped or not await self._told_over(TOLD_S):
            return False
        last, first = before.newest, stretch.first
        if not first:
            return before.exited
        # a follow that missed a rotation had much to read when it came: one line followed the other closely
        limit = LEAP_S if self._forgotten else CLOSE_S
        return first[:1].isdigit() and seconds_between(last.encode(), first.encode()) < limit

    async def _lack(self, why: str) -> None:
        await self._put(LogGap(self._container.step, why, None, self._cursor.as_json()))

    async def _told_over(self, seconds: float) -> bool:
        """Whether the container is told to have ended, so soon after a follow that this explains its end."""
        left = self._ended_at + seconds - _now()
        if not self._confirmed and left > 0:
            await self._until_over(self._pace.sleep(left))
            self._confirmed = self._container.over.is_set()
        return self._confirmed

    async def _cannot(self, error: RefusedError, *, over: bool) -> None:
        """There is no log to read: wait for it, or give up and say what is missing."""
        self._failures += 1
        waiting = error.status == 400 and (not over or self._failures < UNREADABLE_TRIES)
        vanishing = error.status == 404 and not over
        if waiting or vanishing:
            await self._wait()
            return
        self._ended = True
        read, self._before = self._before, None
        if error.status == 404 and read and self._container.terminated and self._received < UNROTATED:
            await self._give(read.finish(self._container.exit_code), read, None)
            return
        gone = "the pod was deleted before its log was read to its end"
        await self._lack(gone if error.status == 404 else error.message)

    async def _wait(self, at_least: float | None = None) -> None:
        """Pause, but no longer than until the container is over."""
        pause = self._pace.pause(max(1, self._failures), at_least)
        if self._container.over.is_set():
            await pause
        else:
            await self._until_over(pause)

    async def _until_over(self, pause: Awaitable[None]) -> None:
        over = asyncio.ensure_future(self._container.over.wait())
        pausing = asyncio.ensure_future(pause)
        try:
            await asyncio.wait({over, pausing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            pausing.cancel()


def _now() -> float:
    return asyncio.get_running_loop().time()


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
