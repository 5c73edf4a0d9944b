"""Compares Redis, the engine and what is being worked at, and mends what does not fit together.

What is found is mended only when it is found again after a pause in which nothing of the task moved: Redis
and a list of Workflows are never read at the same moment, and a submission may be on its way. In a healthy
installation nothing is mended.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from translator.errors import PermanentError, TranslatorError
from translator.observe.observation import Holding
from translator.service.discrepancy import Busy, Kind, discrepancies
from translator.service.engine import Engine
from translator.service.metrics import Metrics
from translator.service.recovery import Recovery
from translator.store.indexes import Indexes
from translator.store.reader import Reader
from translator.store.record import Open

SETTLE_S = 5.0
"""Seconds between the two looks."""

MOST_INDEXED = 20_000
"""Entries of the indexes and keys that one round looks through; the next one goes on there."""

_log = structlog.get_logger()


Place = tuple[Kind, str, str]
"""The kind, the taskId, and the Workflow's uid, empty where there is none."""


@dataclass(frozen=True, slots=True)
class Flows:
    """The flows, as far as mending needs them.

    Attributes:
        busy: what is being worked at for a task.
        submit: wakes the submission of a task.
        follow: wakes the following of a task.
        deliver: wakes the delivery of a task's events.
    """

    busy: Callable[[str], Busy]
    submit: Callable[[str], None]
    follow: Callable[[str], None]
    deliver: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One of a kind, with all that it was concluded from: equal ones mean that nothing moved in between."""

    kind: Kind
    task_id: str
    task: Open | None
    held: Holding | None

    @property
    def place(self) -> Place:
        """What it is about."""
        return self.kind, self.task_id, self.held.ref.uid if self.held is not None else ""


class Reconciler:
    """Looks at the shards that this replica holds, whenever it is woken, and at intervals.

    Args:
        store: what Redis holds.
        indexes: of that store.
        engine: what runs Workflows.
        recovery: makes lost records again.
        flows: what is to be woken.
        metrics: told every mend.
        interval_s: pause between two rounds that nobody asked for.
        settle_s: pause between the two looks of a round.

    Attributes:
        unsettled: something may have been lost, and it was not looked for yet.
        unreadable: why a namespace could not be read in the last look, by namespace.
    """

    def __init__(
        self,
        store: Reader,
        indexes: Indexes,
        engine: Engine,
        recovery: Recovery,
        flows: Flows,
        metrics: Metrics,
        *,
        interval_s: float,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._store = store
        self._engine = engine
        self._recovery = recovery
        self._flows = flows
        self._metrics = metrics
        self._interval_s = interval_s
        self._settle_s = settle_s
        self._indexes = indexes
        self._woken = asyncio.Event()
        self.unsettled = True
        self.unreadable: Mapping[str, str] = {}
        self._strangers: set[str] = set()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first round waits to be woken, or for the interval."""
        self._running = asyncio.create_task(self._run(), name="reconcile")

    async def stop(self) -> None:
        """Mend no more."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def wake(self) -> None:
        """Have a round now: something was lost, or shards were gained."""
        self.unsettled = True
        self._woken.set()

    async def round(self) -> list[tuple[str, str]]:
        """Look, look again, and mend.

        Returns:
            The taskId and the kind of each mend.

        Raises:
            TemporaryError: Redis or the engine cannot be reached.
        """
        mended: list[tuple[str, str]] = []
        if await self._store.watch_for_loss():
            # nothing is accepted until what runs is known again
            self.unsettled = True
        found = await self._look()
        if found:
            await asyncio.sleep(self._settle_s)
            again = await self._look()
            for place, finding in found.items():
                now = again.get(place)
                # a Workflow without a record moves by itself: one that ended in between has none any the less
                same = now == finding or finding.kind is Kind.RECORD_LOST
                if now is not None and same and await self._mend(now):
                    self._note(finding.task_id, finding.kind, mended)
        for each in await self._indexes.mend(MOST_INDEXED, self._store.holds):
            self._note(each.task_id, f"index-{each.index}", mended)
        self.unsettled = self._woken.is_set()
        return mended

    def mended(self, task_id: str, kind: str) -> None:
        """Count and log a mend."""
        self._metrics.mended(kind)
        _log.warning("mended", taskId=task_id, kind=kind)

    def _note(self, task_id: str, kind: str, mended: list[tuple[str, str]]) -> None:
        self.mended(task_id, kind)
        mended.append((task_id, kind))

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._interval_s):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            try:
                await self.round()
            except TranslatorError as error:
                _log.warning("cannot compare Redis with the engine", error=error.message)
            except Exception:  # noqa: BLE001 - a fault of ours must not end it for good
                _log.exception("a round of the reconciler failed")

    async def _look(self) -> dict[Place, Discrepancy]:
        # the engine first: a Workflow is let go of before its record is
        holdings: dict[str, list[Holding]] = defaultdict(list)
        unreadable: dict[str, str] = {}
        async for held in self._engine.holdings(unreadable):
            if held.installation == self._recovery.installation and self._store.holds(held.task_id):
                holdings[held.task_id].append(held)
        self._tell_unreadable(unreadable)
        tasks = {task.task_id: task for task in await self._store.open_tasks(self._store.held())}
        tasks |= await self._store.describe(holdings.keys() - tasks.keys())
        return {
            finding.place: finding
            for task_id in tasks.keys() | holdings.keys()
            for finding in self._compare(task_id, tasks.get(task_id), holdings.get(task_id, []))
        }

    def _tell_unreadable(self, unreadable: Mapping[str, str]) -> None:
        for namespace in unreadable.keys() - self.unreadable.keys():
            _log.error("a namespace cannot be read", namespace=namespace, error=unreadable[namespace])
        for namespace in self.unreadable.keys() - unreadable.keys():
            _log.info("a namespace can be read again", namespace=namespace)
        self.unreadable = unreadable
        self._metrics.unreadable(len(unreadable))

    def _compare(self, task_id: str, task: Open | None, holdings: list[Holding]) -> list[Discrepancy]:
        if task is not None and not task.phase:
            # in an index without a record, which the indexes' own turn mends
            task = None
        busy = self._flows.busy(task_id)
        newest = max(holdings, key=lambda held: held.attempt, default=None)
        if task is None:
            return [Discrepancy(kind, task_id, None, newest) for kind in discrepancies(None, newest, busy)]
        old = [held for held in holdings if held.attempt < task.attempt]
        current = newest if newest not in old else None
        found = [
            Discrepancy(kind, task_id, task, current)
            for kind in discrepancies(task, current, busy)
            # it may lie in a namespace that nobody can look into
            if not (kind is Kind.WORKFLOW_GONE and self.unreadable)
        ]
        for held in old:
            kinds = discrepancies(task, held, busy)
            found += [Discrepancy(kind, task_id, task, held) for kind in kinds if kind is Kind.NOT_RELEASED]
        return found

    async def _mend(self, finding: Discrepancy) -> bool:
        """Mend one; False: there was nothing to be done, or it could not be done now."""
        try:
            return await self._done(finding)
        except TranslatorError as error:
            remedy = error.remedy if isinstance(error, PermanentError) else ""
            _log.warning(
                "cannot mend", taskId=finding.task_id, kind=finding.kind, error=error.message, remedy=remedy
            )
            return False

    async def _done(self, finding: Discrepancy) -> bool:
        task_id, task, held = finding.task_id, finding.task, finding.held
        match finding.kind:
            case Kind.NOT_SUBMITTED | Kind.NOT_RECORDED:
                self._flows.submit(task_id)
            case Kind.NOT_FOLLOWED | Kind.NOT_REPORTED | Kind.WORKFLOW_GONE:
                self._flows.follow(task_id)
            case Kind.NOT_DELIVERED:
                self._flows.deliver(task_id)
            case Kind.NOT_RELEASED if task is not None and task.runs and task.ended:
                self._flows.follow(task_id)
            case Kind.NOT_RELEASED:
                assert held is not None, "only a Workflow that is there can be released"
                if not held.ended:
                    await self._engine.terminate(held.ref)
                await self._engine.release(held.ref)
            case Kind.RECORD_LOST:
                assert held is not None, "it is what was found"
                return await self._rebuild(task_id, held)
        return True

    async def _rebuild(self, task_id: str, held: Holding) -> bool:
        outcome = await self._recovery.from_workflow(held)
        if outcome == "not ours" and held.ref.uid not in self._strangers:
            self._strangers.add(held.ref.uid)
            _log.warning(
                "left a Workflow without a record alone: agent-server does not say that it knows the task",
                taskId=task_id,
                workflow=held.ref.name,
            )
        if outcome == "rebuilt":
            self._flows.follow(task_id)
            self._flows.deliver(task_id)
        return outcome == "rebuilt"
