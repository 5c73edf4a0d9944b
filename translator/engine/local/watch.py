"""Shows a run to who follows it: its Workflow's versions and its steps' lines, as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from translator.engine.local.log import Reader, StepLog
from translator.engine.local.status import Board
from translator.observe.observation import LogEnd, Observation, WorkflowGone, WorkflowSeen

BREATH_S = 0.02
"""Seconds between two looks at a run that is busy: lines that come close together travel together."""
TURN = 16
"""Observations of one step's log in a row, before other steps and the Workflow have their turn."""


class Bell:
    """Wakes everybody who waits, whenever something has changed."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake those who wait now."""
        event, self._event = self._event, asyncio.Event()
        event.set()

    def next(self) -> asyncio.Event:
        """What the next ring sets; taken before a look, so that no change falls between look and wait."""
        return self._event


class Watched:
    """What followers see of a run.

    Attributes:
        logs: by step; a step is added when its process runs.
        gone: whether the run has been discarded.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self.logs: dict[str, StepLog] = {}
        self.gone = False
        self.bell = Bell()

    async def follow(self, cursors: Mapping[str, Mapping[str, Any]]) -> AsyncIterator[Observation]:
        """Yield what there is and what comes, until the run is gone (`translator.service.engine.Engine`).

        A step's lines come after the version of the Workflow that shows it running, and before the one that
        shows it ended.
        """
        readers: dict[str, Reader] = {}
        version = -1
        while not self.gone:
            ring = self.bell.next()
            fresh = self.board.object() if self.board.version != version else None
            version = self.board.version
            begun = dict(self.logs)
            moved = fresh is not None
            for reader in [reader for reader in readers.values() if not reader.done]:
                for _ in range(TURN):
                    lines = reader.read()
                    if lines is None:
                        break
                    moved = True
                    yield lines
                if reader.done:
                    moved = True
                    yield LogEnd(reader.step)
            if fresh is not None:
                yield WorkflowSeen(fresh)
            for step, log in begun.items():
                readers.setdefault(step, Reader(step, log, cursors.get(step, {})))
            await (asyncio.sleep(BREATH_S) if moved else ring.wait())
        yield WorkflowGone()
