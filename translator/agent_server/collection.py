"""What the stand-in collects, whichever way it comes: events into the ledger, with faults on command."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from translator.agent_server.faults import Fault, Faults
from translator.agent_server.feed import Feed
from translator.agent_server.ledger import Ledger, Violation
from translator.agent_server.protocol import Known

REORDER_S: Final = 1.0
"""Seconds that an answer is held back for another to overtake it, where none comes."""


class Collection:
    """The events of all agents, and those who watch them come.

    Attributes:
        ledger: the events held and the violations of the contract.
        faults: what happens to the next batches of events.
        events: every event held, once, in order of arrival.
        violations: what broke the contract.
    """

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.faults = Faults()
        self.events: Feed[Mapping[str, Any]] = Feed()
        self.violations: Feed[Violation] = Feed()
        self._answered = asyncio.Event()
        self._tasks: set[str] = set()

    def hand_out(self, task_ids: Iterable[str]) -> None:
        """Note that these tasks are for agents."""
        self._tasks.update(task_ids)

    def known(self, attempts: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Known]:
        """What is known of attempts; those of tasks that are not known are left out."""
        known = {}
        for task_id, attempt in attempts:
            if task_id in self._tasks or self.ledger.knows(task_id):
                final = self.ledger.final(task_id, attempt)
                known[task_id, attempt] = Known(
                    self.ledger.held(task_id, attempt), final["phase"] if final else ""
                )
        return known

    def close(self) -> None:
        """Tell everyone who waits that nothing more will come."""
        self.events.close()
        self.violations.close()

    def take(self, events: Sequence[Mapping[str, Any]], fault: Fault) -> dict[tuple[str, int], int]:
        """Take a batch, twice where the fault says so, and say what is held of its attempts now."""
        held = self.ledger.take(events)
        if fault.duplicate:
            held = self.ledger.take(events)
        self.events.extend(self.ledger.kept[len(self.events.items) :])
        self.violations.extend(self.ledger.violations[len(self.violations.items) :])
        return held

    async def turn(self, fault: Fault) -> None:
        """Wait until it is time to answer a batch: where the fault says so, after the next one's answer."""
        if fault.reorder:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REORDER_S):
                    await self._answered.wait()
        self._answered.set()
        self._answered = asyncio.Event()
