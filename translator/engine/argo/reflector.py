"""Tells the followers of Workflows of every change of one kind of object, with one watch for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from translator.engine.argo.objects import Key
from translator.engine.argo.watching import (
    Blind,
    Change,
    Left,
    Listed,
    Listing,
    Pace,
    Scope,
    Seen,
    Source,
    watch_for_ever,
)

Sink = Callable[[Change], None]
"""Takes a change at once, without waiting: a slow follower must not hold up the others."""


class Reflector:
    """One watch, whose changes go to those who asked for that Workflow.

    It keeps no objects: a follower reads what exists when it begins, and keeps what it needs itself.

    Args:
        source: the API server.
        scope: what to watch.
        pace: how long things take.
        key: the Workflow that an object belongs to.
        on_list: called with the resource when all objects are listed, since a watch begins anew.
        on_deleted: called with each version of an object that is being deleted and still there.
    """

    def __init__(
        self,
        source: Source,
        scope: Scope,
        pace: Pace,
        key: Callable[[Mapping[str, Any]], Key],
        on_list: Callable[[str], None] = lambda _: None,
        on_deleted: Sink | None = None,
    ) -> None:
        self._source = source
        self._scope = scope
        self._pace = pace
        self._key = key
        self._on_list = on_list
        self._on_deleted = on_deleted
        self._narrowed = asyncio.Event()
        self._sinks: dict[Key, list[Sink]] = {}
        self._blind: Blind | None = None

    def subscribe(self, key: Key, sink: Sink) -> None:
        """From now on, tell `sink` of all changes of that Workflow, and of each list's begin and end.

        Where nothing can be seen for some time already, it is told that at once.
        """
        self._sinks.setdefault(key, []).append(sink)
        if self._blind is not None:
            sink(self._blind)

    def unsubscribe(self, key: Key, sink: Sink) -> None:
        """Undo `subscribe`."""
        left = [one for one in self._sinks.get(key, ()) if one != sink]
        if left:
            self._sinks[key] = left
        else:
            self._sinks.pop(key, None)

    def narrow(self, selector: str) -> None:
        """Watch what has these labels from now on, beginning with a list, unless that is what is watched."""
        if selector != self._scope.selector:
            self._scope = replace(self._scope, selector=selector)
            self._narrowed.set()

    async def run(self) -> None:
        """Watch, until cancelled."""
        while True:
            self._narrowed.clear()
            parts = [asyncio.create_task(self._watch()), asyncio.create_task(self._narrowed.wait())]
            try:
                await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for part in parts:
                    part.cancel()
                results = await asyncio.gather(*parts, return_exceptions=True)
            if isinstance(results[0], Exception):
                raise results[0]

    async def _watch(self) -> None:
        async with aclosing(watch_for_ever(self._source, self._scope, self._pace)) as changes:
            async for change in changes:
                if isinstance(change, Listing):
                    self._on_list(self._scope.resource)
                elif isinstance(change, Blind | Listed):
                    self._blind = change if isinstance(change, Blind) else None
                leaving = isinstance(change, Seen) and change.object["metadata"].get("deletionTimestamp")
                if leaving and self._on_deleted is not None:
                    self._on_deleted(change)
                for sink in self._meant(change):
                    sink(change)

    def _meant(self, change: Change) -> list[Sink]:
        if isinstance(change, Seen | Left):
            return self._sinks.get(self._key(change.object), [])
        return [sink for sinks in self._sinks.values() for sink in sinks]
