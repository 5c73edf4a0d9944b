"""Notices a follow that the kubelet has forgotten.

The kubelet's follow waits for the news that its file was rotated. It misses them where the rotation happened
while it still read the older file. Then it waits at that file's end, silently, until the next rotation, and
goes on with the file after: what was written between is lost (seen on Kubernetes 1.35: 100,000 lines of
600,000, without a word).

So a log that is large enough to be rotated, and quiet, is asked for its newest line. Rotations are at least
ten seconds apart (``containerLogMonitorInterval``): a follow that begins anew within that time loses nothing.

And where the container has ended, a follow ends soon after it: one that does not, and is quiet, hangs on a
connection that is dead, or that a proxy holds open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from translator.errors import TranslatorError

QUIET_S = 2.0
"""Seconds without a byte after which a log is asked for its newest line."""


OVER_S = 10.0
"""Seconds without a byte after which the follow of an ended container's log is given up."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a follow has come.

    Attributes:
        received: bytes.
        newest: the time of its last line, as the kubelet gave it.
        taken: whether all that came has been taken: while it has not, nothing more is read.
        over: whether the container is known to have ended.
    """

    received: int
    newest: str
    taken: bool = True
    over: bool = False


@asynccontextmanager
async def stopped_when_stalled(
    progress: Callable[[], Progress],
    ask: Callable[[], Awaitable[str]],
    stop: Callable[[], None],
    give_up: Callable[[], None],
) -> AsyncIterator[None]:
    """While this lasts, watch a follow until it has stalled, or hangs, and stop it.

    Args:
        progress: how far it has come.
        ask: for the time of the newest line that the log has; empty: it has none.
        stop: ends the follow that has stalled.
        give_up: ends the follow that hangs.
    """
    watch = asyncio.ensure_future(_watch(progress, ask, stop, give_up))
    try:
        yield
    finally:
        watch.cancel()
        (failed,) = await asyncio.gather(watch, return_exceptions=True)
    if isinstance(failed, Exception):
        raise failed  # a follow that nobody watches would lose lines without a word


async def _watch(
    progress: Callable[[], Progress],
    ask: Callable[[], Awaitable[str]],
    stop: Callable[[], None],
    give_up: Callable[[], None],
) -> None:
    before, quiet = progress(), 0.0
    while True:
        await asyncio.sleep(QUIET_S)
        if progress() != before or not before.taken:
            before, quiet = progress(), 0.0
            continue
        quiet += QUIET_S
        if before.over and quiet >= OVER_S:
            give_up()
            return
        try:
            newest = await ask()
        except TranslatorError:
            continue  # the follow itself meets the same trouble, and tells it
        if newest > before.newest and progress() == before:
            stop()
            return
