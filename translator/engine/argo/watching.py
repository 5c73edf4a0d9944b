"""List, then watch, for ever: three nested generators, as in kopf.

`watch_once` is one request; `list_then_watch` goes on from where the last watch ended, until the server has
forgotten that place; `watch_for_ever` begins again after whatever went wrong. The rules are client-go's
(tools/cache/reflector.go).
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from translator.engine.argo.answers import Call, RefusedError, SilentError, UnavailableError, fault
from translator.errors import PermanentError, TemporaryError
from translator.observe.lines import Lines

PAGE = 500
"""Objects in one page of a list, as client-go has it."""

LONGEST_EVENT = 64 * 1024 * 1024
"""Bytes of one watch event: etcd holds objects of 1.5 MiB; what is longer than this is no event."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list begins: what is not `Seen` before `Listed` no longer exists."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as it is now."""

    object: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Left:
    """An object was deleted, or left the selector; `object` is its last form."""

    object: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """The list is complete."""


@dataclass(frozen=True, slots=True)
class Blind:
    """Nothing can be seen for some time now, and until the next `Listed`; `why` is one sentence."""

    why: str


Change = Listing | Seen | Left | Listed | Blind

BLIND_AFTER = 3
"""Lists in a row that fail, or watches without an answer, before that is told: one or two are every day's."""


class ForgottenError(TemporaryError):
    """The server cannot go on from that version (410), or the stream cannot be trusted: list again."""


class UnansweredError(UnavailableError):
    """Watches in a row got no answer at all: nothing can be seen."""


class Source(Protocol):
    """The two requests of `translator.engine.argo.client.ApiServer` that a watch needs."""

    async def get(
        self, call: Call, path: str, query: Mapping[str, Any] | None = None, *, at_once: bool = False
    ) -> dict[str, Any]:
        """GET a list."""

    def stream(self, call: Call, path: str, query: Mapping[str, Any], *, silence: float) -> Any:
        """GET a stream, as an asynchronous context manager of its chunks."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is watched.

    Attributes:
        resource: the plural, such as ``pods``.
        path: the collection's path.
        namespace: empty for all.
        selector: a label selector.
    """

    resource: str
    path: str
    namespace: str
    selector: str


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take; tests put in their own.

    Attributes:
        watch: seconds that one watch lasts, and up to as much again at random (client-go: 5 to 10 minutes).
        silence: seconds without a byte after which a watch counts as dead. The API server sends a bookmark
            every minute (kube-apiserver's defaultBookmarkFrequency; measured on 1.35: 60 to 61 s); one that
            does not is asked to go on watching a little more often, which costs it little.
        answer: seconds within which the API server begins to answer a watch: it does so at once, but may
            queue the request for a while first (API Priority and Fairness).
        first: seconds of the first pause after a failure; it doubles with each.
        longest: seconds of the longest pause.
        sleep: waits that many seconds.
        uniform: a random number between two.
    """

    watch: float = 300
    silence: float = 70
    answer: float = 15
    first: float = 0.5
    longest: float = 30
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    uniform: Callable[[float, float], float] = random.uniform

    async def pause(self, failures: int, at_least: float | None = None) -> None:
        """Wait after failures in a row: exponential, with jitter, and at least what the server asked."""
        longest = min(self.longest, self.first * 2 ** min(failures - 1, 16))
        await self.sleep(max(self.uniform(longest / 2, longest), at_least or 0))


@dataclass(slots=True)
class Place:
    """Where a watch goes on: moved by every event, so that an ended watch continues."""

    version: str = ""
    events: int = field(default=0)


async def watch_for_ever(source: Source, scope: Scope, pace: Pace) -> AsyncGenerator[Change, None]:
    """All changes, for ever. Never raises but for cancellation."""
    failures = 0
    forgotten = 0
    listed = False
    while True:
        try:
            async for change in list_then_watch(source, scope, pace):
                if isinstance(change, Listed):
                    failures, listed = 0, True
                elif listed:
                    forgotten = 0
                yield change
        except ForgottenError as error:
            forgotten += 1
            _log.info("listing again", resource=scope.resource, why=error.message)
            await pace.pause(forgotten)
        except (TemporaryError, PermanentError) as error:
            failures += 1
            _log.warning(
                "cannot watch, trying again", resource=scope.resource, error=error.message, failures=failures
            )
            if isinstance(error, UnansweredError):
                failures = max(failures, BLIND_AFTER)
            if failures == BLIND_AFTER:
                yield Blind(error.message)
            await pace.pause(failures, getattr(error, "retry_after", None))
        listed = False


async def list_then_watch(source: Source, scope: Scope, pace: Pace) -> AsyncIterator[Change]:
    """One list, and all watches that go on from it.

    Raises:
        ForgottenError: the server cannot go on from there.
        UnansweredError: it does not answer any more.
        UnavailableError: the list failed.
        RefusedError: the server will not.
    """
    place = Place()
    yield Listing()
    async for item in _list(source, scope, place):
        yield Seen(item)
    yield Listed()
    failures = unanswered = 0
    while True:
        before = place.events
        try:
            async for change in watch_once(source, scope, pace, place):
                yield change
        except UnavailableError as error:
            _log.debug("watch broke", resource=scope.resource, error=error.message)
            failures = 1 if place.events > before else failures + 1
            unanswered = unanswered + 1 if isinstance(error, UnansweredError) else 0
            if unanswered == BLIND_AFTER:
                raise
            if failures > 5:
                raise ForgottenError(f"five watches in a row failed: {error.message}") from error
            await pace.pause(failures, error.retry_after)
            continue
        failures = unanswered = 0
        if place.events == before:
            await pace.pause(1)


async def watch_once(source: Source, scope: Scope, pace: Pace, place: Place) -> AsyncIterator[Change]:
    """The changes of one request; `place` moves with them. Ends when the server ends it, or falls silent.

    A connection that a proxy holds open for a server that has vanished is silent like one on which nothing
    happens; whether the server is still there, the next request tells.

    Raises:
        UnansweredError: no answer in time.
        ForgottenError: 410, an event of type ERROR, or a line that is no event (some change may be in it).
        UnavailableError: no answer, or one that says to try again, or a broken connection.
        RefusedError: the server will not.
    """
    query = {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": place.version,
        "timeoutSeconds": max(1, int(pace.uniform(pace.watch, 2 * pace.watch))),
        "labelSelector": scope.selector,
    }
    call = Call("watch", scope.resource, scope.namespace)
    lines = Lines(LONGEST_EVENT)
    try:
        async with _answered(source, call, scope, query, pace) as stream:
            async for chunk in stream:
                for line in lines.feed(chunk):
                    change = _change(call, line, place)
                    if change is not None:
                        yield change
    except SilentError:
        _log.info("a watch fell silent, watching anew", resource=scope.resource)
    except RefusedError as error:
        if error.status == 410:
            raise ForgottenError(error.message) from error
        raise


@asynccontextmanager
async def _answered(
    source: Source, call: Call, scope: Scope, query: Mapping[str, Any], pace: Pace
) -> AsyncIterator[AsyncIterable[bytes]]:
    """A watch that the server has begun to answer."""
    async with AsyncExitStack() as stack:
        stream = source.stream(call, scope.path, query, silence=pace.silence)
        try:
            async with asyncio.timeout(pace.answer):
                chunks = await stack.enter_async_context(stream)
        except (TimeoutError, SilentError) as error:
            raise UnansweredError(f"cannot {call}: no answer within {pace.answer:g} s") from error
        yield chunks


def _change(call: Call, line: bytes, place: Place) -> Change | None:
    """What one line of a watch says; None for a bookmark."""
    try:
        event = json.loads(line)
        kind, thing = event["type"], event["object"]
        version = thing["metadata"]["resourceVersion"] if kind != "ERROR" else place.version
    except (ValueError, TypeError, KeyError) as error:
        raise ForgottenError(f"cannot {call}: a line is no watch event: {line[:200]!r}") from error
    if kind == "ERROR":
        status = thing.get("code", 500)
        said = fault(call, status, json.dumps(thing).encode())
        raise ForgottenError(said.message) from said
    place.version = version
    place.events += 1
    if kind == "BOOKMARK":
        return None
    return Left(thing) if kind == "DELETED" else Seen(thing)


async def _list(source: Source, scope: Scope, place: Place) -> AsyncIterator[Mapping[str, Any]]:
    """The objects that exist, page by page, so that only one page is in memory."""
    call = Call("list", scope.resource, scope.namespace)
    query: dict[str, Any] = {"labelSelector": scope.selector, "limit": PAGE}
    while True:
        try:
            page = await source.get(call, scope.path, query, at_once=True)
        except RefusedError as error:
            if error.status == 410:
                raise ForgottenError(f"the list grew too old while it was read: {error.message}") from error
            raise
        for item in page.get("items") or ():
            yield item
        metadata = page.get("metadata") or {}
        place.version = metadata.get("resourceVersion", "")
        more = metadata.get("continue")
        if not more:
            return
        query["continue"] = more
