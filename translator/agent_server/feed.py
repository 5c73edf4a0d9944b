"""A list that grows, and those who wait for what comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Feed(Generic[T]):
    """Items in the order of arrival, for any number of readers of one event loop.

    Attributes:
        items: those that have come; only `extend` changes it.
    """

    def __init__(self) -> None:
        self.items: list[T] = []
        self._closed = False
        self._wake = asyncio.Event()

    def extend(self, items: Iterable[T]) -> None:
        """Append items and wake the readers."""
        self.items.extend(items)
        self._stir()

    def close(self) -> None:
        """Say that nothing more will come."""
        self._closed = True
        self._stir()

    async def follow(self, after: int = 0) -> AsyncIterator[T]:
        """All items there are, then those to come, until `close`.

        Args:
            after: how many of the first to leave out.
        """
        while True:
            fresh = self.items[after:]
            for item in fresh:
                yield item
            after += len(fresh)
            if fresh:
                continue
            if self._closed:
                return
            await self._wake.wait()

    async def first(self, wanted: Callable[[T], bool]) -> T:
        """The first item that is wanted, as soon as it is there.

        Raises:
            EOFError: the feed was closed without it.
        """
        async for item in self.follow():
            if wanted(item):
                return item
        raise EOFError("nothing more will come, and what was waited for has not")

    def _stir(self) -> None:
        self._wake.set()
        self._wake = asyncio.Event()
