"""What follows from what: each thing that happens to a task or a shard, and who goes on with it.

In one process each step wakes the next, and messages wake the replica that holds a task's shard; the sweep
finds what no one woke.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog

from translator.errors import PermanentError
from translator.observe.state import TaskState
from translator.service.changes import Changes
from translator.service.deliver import Deliverer
from translator.service.doubt import Doubt
from translator.service.follow import Follower
from translator.service.metrics import Metrics
from translator.service.reconcile import Reconciler
from translator.service.recovery import Recovery
from translator.service.submit import Submitter
from translator.service.sweep import Sweep
from translator.service.workers import Workers
from translator.store.notices import SHARDS
from translator.store.reader import Reader
from translator.store.record import Open

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What is at work in one process.

    Attributes:
        submitter: inbox to engine.
        follower: engine to outbox.
        deliverer: outbox to agent-server.
        rechecks: compare records with what agent-server holds more of.
        doubt: whether Redis knows all that agent-server does.
        reconciler: compares what is known, and mends.
        sweep: finds what no one woke.
    """

    submitter: Submitter
    follower: Follower
    deliverer: Deliverer
    rechecks: Workers
    doubt: Doubt
    reconciler: Reconciler
    sweep: Sweep


class Reactions:
    """Called by the parts of a service, and wakes others of them.

    Args:
        store: says which shard a task belongs to.
        recovery: replaces records that are out of date.
        changes: told when a task changes.
        metrics: told of every attempt that has ended.
        on_shards: called when another replica says that the leases have changed.

    Attributes:
        parts: set once all are made; before that nothing can happen.
    """

    parts: Parts

    def __init__(
        self,
        store: Reader,
        recovery: Recovery,
        changes: Changes,
        metrics: Metrics,
        on_shards: Callable[[], None],
    ) -> None:
        self._store = store
        self._recovery = recovery
        self._changes = changes
        self._metrics = metrics
        self._on_shards = on_shards

    def told(self, kind: str, task_id: str) -> None:
        """Another replica has something for whoever holds the task's shard."""
        if kind == SHARDS:
            self._on_shards()
        elif kind == "accepted":
            self.accepted(task_id)
        elif kind == "revoked":
            self.parts.follower.revoke(task_id)
        elif kind == "replayed":
            self.parts.deliverer.wake(task_id)

    def accepted(self, task_id: str) -> None:
        """A new attempt is in the inbox."""
        if self.parts.reconciler.unsettled or self._store.lost:
            # one that Redis may have lost, and agent-server may hold events of
            self.parts.doubt.cast([Open(task_id, waits=True, runs=False, backlog=1, parked="", seq=0)])
        self.parts.submitter.wake(task_id)
        self.parts.deliverer.wake(task_id)
        self._changes.tell(task_id)

    def grown(self, task_id: str, state: TaskState) -> None:
        """A task has new events, the last of which led to this state."""
        self.parts.deliverer.wake(task_id)
        self._changes.tell(task_id)
        if state.final:
            self._metrics.ended(str(state.phase), argo=state.overruled_phase)

    def certain(self, task_id: str) -> None:
        """Redis knows all of a task that agent-server does."""
        self.parts.deliverer.wake(task_id)

    def unknown(self, task_id: str) -> None:
        """Redis has lost a task that was being worked at."""
        del task_id  # others will be missing too
        self.parts.reconciler.wake()

    async def ahead(self, task_id: str) -> None:
        """Agent-server holds more of a task than was sent: by an earlier process, or Redis is older."""
        try:
            if await self._recovery.set_back(task_id):
                self.set_back(task_id)
        except PermanentError as error:
            _log.error("agent-server cannot say what it holds", error=error.message, remedy=error.remedy)

    def set_back(self, task_id: str) -> None:
        """A record was older than what agent-server holds, and is replaced."""
        self.parts.reconciler.mended(task_id, "record-set-back")
        self.parts.submitter.wake(task_id)
        self.parts.follower.wake(task_id)
        self.parts.deliverer.wake(task_id)
        self._changes.tell(task_id)

    async def lost(self, shards: Collection[int]) -> None:
        """Shards are not this replica's any more; returns when no work on them goes on."""
        parts, gone = self.parts, frozenset(shards)
        parts.sweep.lost(shards)
        parts.doubt.drop([each for each in parts.doubt.task_ids if self._store.shard(each) in gone])
        flows = (parts.submitter, parts.follower, parts.deliverer, parts.rechecks)
        await asyncio.gather(*(flow.shed() for flow in flows))
