"""Who waits for a task to change, and is told within this process at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Changes:
    """Tells those who watch a task that its events have grown.

    Args:
        on_first: called with the taskId when somebody begins to watch it.
        on_last: called with the taskId when nobody watches it any more.
    """

    def __init__(
        self,
        *,
        on_first: Callable[[str], None] = lambda _: None,
        on_last: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._on_first = on_first
        self._on_last = on_last
        self._watching: dict[str, set[asyncio.Event]] = {}

    def tell(self, task_id: str) -> None:
        """Say that there is something new."""
        for event in self._watching.get(task_id, ()):
            event.set()

    @contextmanager
    def watch(self, task_id: str) -> Iterator[asyncio.Event]:
        """An event that is set with every change, until the context ends; clear it before looking."""
        event = asyncio.Event()
        if task_id not in self._watching:
            self._on_first(task_id)
        watching = self._watching.setdefault(task_id, set())
        watching.add(event)
        try:
            yield event
        finally:
            watching.discard(event)
            if not watching:
                self._watching.pop(task_id, None)
                self._on_last(task_id)
