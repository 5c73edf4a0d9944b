"""Looks again and again at the log that is followed: which file is its newest, and does the follow keep up?

The kubelet's follow waits for the news that its file was rotated. It misses them where the rotation happened
while it still read the older file. Then it waits at that file's end, silently, until the next rotation, and
goes on with the file after: what was written between is lost (seen on Kubernetes 1.35: 100,000 lines of
600,000, without a word).

Rotations are ten seconds apart (``containerLogMonitorInterval``), less on a busy node: a follow that begins
anew within that time loses nothing, and one that was seen in the newest file within it has left out none.

And where the container has ended, a follow ends soon after it: one that does not, and is quiet, hangs on a
connection that is dead, or that a proxy holds open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from translator.errors import TranslatorError

LOOK_S = 1.5
"""Seconds between two looks."""

OVER_S = 10.0
"""Seconds without a byte after which the follow of an ended container's log is given up."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a follow has come.

    Attributes:
        received: bytes.
        taken: whether all that came has been taken: while it has not, nothing more is read.
        over: whether the container is known to have ended.
    """

    received: int
    taken: bool = True
    over: bool = False


@asynccontextmanager
async def looked_after(
    progress: Callable[[], Progress],
    look: Callable[[bool], Awaitable[bool]],
    stop: Callable[[], None],
    give_up: Callable[[], None],
) -> AsyncIterator[None]:
    """While this lasts, look after a follow until it has stalled, or hangs, and stop it.

    Args:
        progress: how far it has come.
        look: is told whether nothing came since the last look, though all was taken; says whether the follow
            has stalled.
        stop: ends the follow that has stalled.
        give_up: ends the follow that hangs.
    """
    watch = asyncio.ensure_future(_watch(progress, look, stop, give_up))
    try:
        yield
    finally:
        watch.cancel()
        (failed,) = await asyncio.gather(watch, return_exceptions=True)
    if isinstance(failed, Exception):
        raise failed  # a follow that nobody looks after would lose lines without a word


async def _watch(
    progress: Callable[[], Progress],
    look: Callable[[bool], Awaitable[bool]],
    stop: Callable[[], None],
    give_up: Callable[[], None],
) -> None:
    before, silent = progress(), 0.0
    while True:
        await asyncio.sleep(LOOK_S)
        now = progress()
        quiet, before = now == before and now.taken, now
        silent = silent + LOOK_S if quiet else 0.0
        if before.over and silent >= OVER_S:
            give_up()
            return
        try:
            stalled = await look(quiet)
        except TranslatorError:
            continue  # the follow itself meets the same trouble, and tells it
        if stalled and progress() == before:
            stop()
            return
