"""A number of loops that serve tasks in the order in which they came, several at once where that helps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Turn(Generic[_T]):
    """A task that waits for what becomes of its events."""

    task_id: str
    outcome: asyncio.Future[_T]

    def done(self, outcome: _T) -> None:
        """Answer, if anybody still waits."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def failed(self, error: Exception) -> None:
        """Answer with an error, if anybody still waits."""
        if not self.outcome.done():
            self.outcome.set_exception(error)


class Lane(Generic[_T]):
    """One lane.

    Args:
        name: for the asyncio tasks' names.
        serve: answers every turn that it is given; what it raises is the answer of those left.
        loops: how many serve at the same time.
        most: turns that one call of `serve` gets.
        linger_s: how long the first of them waits for others.
    """

    def __init__(
        self,
        name: str,
        serve: Callable[[Sequence[Turn[_T]]], Awaitable[None]],
        *,
        loops: int,
        most: int = 1,
        linger_s: float = 0.0,
    ) -> None:
        self._name = name
        self._serve = serve
        self._count = loops
        self._most = most
        self._linger_s = linger_s
        self._queue: asyncio.Queue[Turn[_T]] = asyncio.Queue()
        self._loops: list[asyncio.Task[None]] = []

    async def turn(self, task_id: str) -> _T:
        """Wait for the task's turn, and for what becomes of it."""
        if not self._loops:
            self._loops = [asyncio.create_task(self._loop(), name=self._name) for _ in range(self._count)]
        turn: Turn[_T] = Turn(task_id, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(turn)
        try:
            return await turn.outcome
        finally:
            del turn  # an error in it has this frame, which would have the error

    async def stop(self) -> None:
        """Cut the loops off."""
        loops, self._loops = self._loops, []
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)

    async def _loop(self) -> None:
        while True:
            turns = [await self._queue.get()]
            if self._linger_s and self._most > 1 and self._queue.empty():
                await asyncio.sleep(self._linger_s)
            while len(turns) < self._most and not self._queue.empty():
                turns.append(self._queue.get_nowait())
            # whoever waited may have been cut off meanwhile
            waiting = [turn for turn in turns if not turn.outcome.done()]
            try:
                await self._serve(waiting)
            except Exception as error:  # noqa: BLE001 - it is the answer
                for turn in waiting:
                    turn.failed(error)
