"""Reads one container's log to its real end, and tells what of it is missing.

A follow ends when its container has, but also when the connection is lost or the kubelet restarts: its end is
not the log's, the container's terminated state is. Nor does it look different: the API server ends its answer
as usual when it has lost the kubelet. So the log is read once more after the end, without follow, and joined,
and whether that reading was whole is checked where Argo's executor did not say the last word.

What lacks between two readings is decided in `translator.engine.argo.continuity`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog

from translator.engine.argo.answers import RefusedError, UnavailableError
from translator.engine.argo.client import ApiServer
from translator.engine.argo.container import Container
from translator.engine.argo.continuity import (
    CUT_OFF,
    HEADLESS,
    HELD_S,
    LEFT_OUT,
    ROTATED,
    TOLD_S,
    Continuity,
    End,
)
from translator.engine.argo.log_requests import LogRequests
from translator.engine.argo.outlet import LogObservation
from translator.engine.argo.slots import Slots
from translator.engine.argo.stall import Progress, looked_after
from translator.engine.argo.stream import Stream
from translator.engine.argo.stretch import Stretch
from translator.engine.argo.watching import Pace
from translator.observe.cursor import Cursor
from translator.observe.executor import Line
from translator.observe.lines import texts
from translator.observe.observation import LogEnd, LogGap, LogLines

ENDED = "ended"
"""Key of a stored cursor whose log was read to its end: nothing of it is read again."""

TURN_S = 10.0
"""Seconds after which a follow lets others read, if any wait."""

PATIENCE_S = 1.5
"""Seconds that an ended follow waits to be told so before it is begun anew."""

UNREADABLE_TRIES = 5
"""Reads of an ended container's log that may fail for good reasons of the node's before it counts as lost."""

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
        self._container = container
        self._put = put
        self._slots = slots
        self._pace = pace
        self._ended = bool(cursor.get(ENDED))
        # one that says no more than `ENDED` was stored for a pod that nobody saw
        known = Cursor.from_json(cursor) if "pod" in cursor else None
        here = (container.pod_uid, container.id)
        self._cursor = known if known is not None and known.is_of(*here) else Cursor(*here)
        self._continuity = Continuity(self._cursor, tells_start=container.tells_start)
        self._requests = LogRequests(api, container)
        self._failures = 0
        self._stalled = False
        self._taken = True
        self._held_until: asyncio.TimerHandle | None = None
        # before this line a file may have been left out; the kubelet may repeat what follows
        self._jumped_to: Line | None = None

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
                self._continuity.before = None
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
        continuity = self._continuity
        since = "" if continuity.from_start else self._cursor.since
        before, stretch = continuity.before, Stretch(self._cursor)
        self._taken = True
        self._jumped_to = None
        asked = self._requests.read(follow=follow, since=since)
        async with asked as stream, self._kept_going(stream, stretch, follow=follow):
            continuity.open(before, _now())
            continuity.before = None
            async for chunk in stream:
                stretch.held += stretch.feed(chunk)
                if continuity.may_begin_later(stretch, self._cursor):
                    continuity.receive(len(chunk))
                    if follow and stretch.held:
                        self._wait_for_start(stream)
                    continue
                fresh, stretch.held = stretch.held, []
                small = not continuity.may_be_rotated
                continuity.receive(len(chunk))
                self._taken = False
                if small and follow and continuity.may_be_rotated:
                    await self._look_now(stretch)
                if follow:
                    await self._give_followed(fresh, stretch, before)
                else:
                    await self._give(fresh, stretch, before)
                self._taken = True
        if stream.stopped and not self._stalled:
            return False
        if stretch.strange:
            said = f"cannot {self._requests.call}: {stretch.strange}"
            raise RefusedError(said, status=400, reason="", remedy="")
        self._failures += 1
        if follow:
            continuity.end_follow(stretch, before, _now(), stalled=self._stalled)
        elif await self._finish(stretch, before):
            return True
        if not self._stalled:
            await self._told_over(PATIENCE_S)
            await self._wait()
        return False

    async def _finish(self, stretch: Stretch, before: Stretch | None) -> bool:
        """The log of an ended container has been read. Returns whether it is not to be read again."""
        clear = stretch.exited or not stretch.joined
        newest = "" if clear else await self._requests.newest_if_told()
        end = self._continuity.judge_end(stretch, before, newest)
        if end is End.DOUBTFUL:
            return False
        await self._give(stretch.finish(self._container.exit_code), stretch, before)
        await self._give(stretch.begin(), stretch, before)
        if stretch.came and self._continuity.is_headless(stretch, self._cursor):
            await self._lack(HEADLESS)
        if end is End.CUT_OFF:
            await self._lack(CUT_OFF)
        return True

    @asynccontextmanager
    async def _kept_going(self, stream: Stream, stretch: Stretch, *, follow: bool) -> AsyncIterator[None]:
        """While a follow lasts: stop it when others wait for its slot, or the kubelet has forgotten it."""
        self._stalled = False
        if not follow:
            yield
            return

        def progress() -> Progress:
            return Progress(self._continuity.received, self._taken, self._container.over.is_set())

        async def look(quiet: bool) -> bool:
            return self._continuity.may_be_rotated and await self._look(stretch, quiet=quiet)

        def stop() -> None:
            self._stalled = True
            stream.stop()

        async with looked_after(progress, look, stop, stream.stop):
            with self._slots.limit(TURN_S, stream.stop):
                try:
                    yield
                finally:
                    if self._held_until is not None:
                        self._held_until.cancel()
                        self._held_until = None

    def _wait_for_start(self, stream: Stream) -> None:
        """Lines wait for the executor's first one; after some time they do no more, and are read again."""

        def give_up() -> None:
            self._continuity.waited = True
            stream.stop()

        if self._held_until is None:
            self._held_until = asyncio.get_running_loop().call_later(HELD_S, give_up)

    async def _look(self, stretch: Stretch, *, quiet: bool) -> bool:
        """Look whether the log's newest file is still the one that is followed; return whether to stop."""
        asked = _now()
        if quiet:
            return self._continuity.see_newest(await self._requests.newest(), stretch, asked)
        self._continuity.see_first(await self._requests.first(), stretch, asked)
        return False

    async def _give_followed(self, fresh: Sequence[Line], stretch: Stretch, before: Stretch | None) -> None:
        """Pass on what a follow brought; where the kubelet may have left out a file, say so."""
        if fresh and not self._continuity.is_told(stretch):
            await self._give(fresh[:1], stretch, before)
            fresh = fresh[1:]
        fresh = await self._unrepeated(fresh, stretch, before)
        while (place := self._continuity.leap(fresh, stretch, self._cursor.last, _now())) is not None:
            await self._give(fresh[:place], stretch, before)
            goes_on = await self._goes_on_here(stretch)
            if not goes_on:
                await self._lack(LEFT_OUT)
            if place == len(fresh):
                return
            await self._give(fresh[place : place + 1], stretch, before)
            if not goes_on:
                self._jumped_to = fresh[place]
            fresh = await self._unrepeated(fresh[place + 1 :], stretch, before)
        await self._give(fresh, stretch, before)

    async def _unrepeated(
        self, fresh: Sequence[Line], stretch: Stretch, before: Stretch | None
    ) -> Sequence[Line]:
        """Leave out what comes again: the kubelet opens a file once for each rotation that it was told of."""
        if self._jumped_to is None or self._jumped_to not in fresh:
            return fresh
        again = fresh.index(self._jumped_to)
        await self._give(fresh[:again], stretch, before)
        return stretch.join_again(self._cursor, fresh[again:])

    async def _goes_on_here(self, stretch: Stretch) -> bool:
        """Whether the log goes on after the last line that was passed on, by a look at its newest file."""
        last = self._cursor.last
        await self._look_now(stretch)
        return self._continuity.goes_on_within(last, _now())

    async def _look_now(self, stretch: Stretch) -> None:
        """Look with which line the log's newest file begins, if that can be told."""
        with suppress(UnavailableError, RefusedError):
            await self._look(stretch, quiet=False)

    async def _give(self, fresh: Sequence[Line], stretch: Stretch, before: Stretch | None) -> None:
        """Pass on what is new, after what must be said of what lies before it."""
        step = self._container.step
        if self._continuity.parts(stretch):
            goes_on = before is not None and self._continuity.goes_on(stretch, before)
            if before is not None and goes_on and await self._told_over(TOLD_S):
                fresh = before.continued(fresh, self._container.exit_code)
            else:
                await self._lack(ROTATED)
        if not fresh:
            return
        if self._continuity.is_headless(stretch, self._cursor):
            await self._lack(HEADLESS)
        self._failures = 0
        self._cursor = self._cursor.after(fresh)
        found = texts([text for _, text in fresh])
        await self._put(LogLines(step, found, self._cursor.as_json(), fresh[-1][0].decode()))

    async def _lack(self, why: str) -> None:
        await self._put(LogGap(self._container.step, why, None, self._cursor.as_json()))

    async def _told_over(self, seconds: float) -> bool:
        """Whether the container is told to have ended, so soon after a follow that this explains its end."""
        left = self._continuity.unconfirmed_for(seconds, _now())
        if left > 0:
            await self._container.over_within(self._pace.sleep(left))
            self._continuity.confirmed = self._container.over.is_set()
        return self._continuity.confirmed

    async def _cannot(self, error: RefusedError, *, over: bool) -> None:
        """There is no log to read now: ask again, or say what is missing where it can no longer be had."""
        self._failures += 1
        if self._may_be_had(error.status, over=over):
            if error.status not in (400, 404) and not self._failures & (self._failures - 1):
                # a permission that was taken away, or a proxy's whim: while the pod is there, so is its log
                _log.warning("a log is refused, asking again", error=error.message, remedy=error.remedy)
            await self._wait()
            return
        self._ended = True
        read, self._continuity.before = self._continuity.before, None
        whole = self._container.terminated and self._continuity.in_one_piece
        if error.status == 404 and read and whole:
            await self._give(read.finish(self._container.exit_code), read, None)
            return
        gone = "the pod was deleted before its log was read to its end"
        await self._lack(gone if error.status == 404 else error.message)

    def _may_be_had(self, status: int, *, over: bool) -> bool:
        """Whether a log that was refused may be given later.

        Args:
            status: of the answer.
            over: the container had ended, or its pod was gone, before the log was asked for.
        """
        if status == 404 or self._container.lost:
            return not over
        return status != 400 or not over or self._failures < UNREADABLE_TRIES

    async def _wait(self, at_least: float | None = None) -> None:
        """Pause, but no longer than until the container is over."""
        pause = self._pace.pause(max(1, self._failures), at_least)
        if self._container.over.is_set():
            await pause
        else:
            await self._container.over_within(pause)


def _now() -> float:
    return asyncio.get_running_loop().time()
