"""The service: the flows together, from start to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

import structlog

from translator.agent_server.protocol import Answer, TaskItem
from translator.errors import PermanentError, TemporaryError
from translator.observe.observation import WorkflowRef
from translator.observe.state import TaskState
from translator.service.accept import Acceptance
from translator.service.changes import Changes
from translator.service.deliver import Deliverer
from translator.service.deliver import Sender as Delivery
from translator.service.desk import Tasks
from translator.service.discrepancy import Busy
from translator.service.doubt import Doubt
from translator.service.engine import Engine
from translator.service.follow import Follower
from translator.service.housekeeping import Housekeeping
from translator.service.metrics import Metrics
from translator.service.reconcile import SETTLE_S, Flows, Reconciler
from translator.service.recovery import Recovery, Witness
from translator.service.replica import Owner, Replica
from translator.service.submit import Submitter
from translator.service.sweep import Sweep, Wakers
from translator.service.translation import Translation
from translator.service.workers import Workers
from translator.store.notices import SHARDS
from translator.store.record import Open
from translator.store.store import Store

_log = structlog.get_logger()


class Sender(Delivery, Witness, Protocol):
    """Agent-server, over HTTP or over the link."""


class Service:
    """Takes tasks in, runs them, brings back what happens; satisfies `translator.agent_server.api.Intake`.

    In one process each step wakes the next, and messages wake the replica that holds a task's shard; the
    sweep finds what no one woke.

    Args:
        store: where everything lies.
        engine: what runs Workflows.
        sender: what brings events to agent-server.
        translation: how tasks become Workflows.
        url_of: where people watch a Workflow; empty: that is not known.
        row_limit: log lines in one event and one request.
        parallel_submissions: at once.
        parallel_deliveries: at once.
        linger_seconds: how long an event may wait for others to share a request with.
        all_log_bytes: log events kept of all tasks together.
        sweep_seconds: pause between two looks at all open tasks.
        flush_seconds: time for the last deliveries in `stop`, where no other replica can make them.
        reconcile_seconds: pause between two comparisons of all that is known.
        settle_seconds: pause between the two looks of a comparison.
        installation: whose Workflows this service's are.
        grace_seconds: what `stop` may take in all.
        on_drain: called when no more tasks are wanted.
        replica: this process among others; None: there are none, and every shard is this one's.
        metrics: what is told to Prometheus.
        on_emptied: as `Deliverer` has it.

    Attributes:
        desk: the tasks, for the API.
        reconciler: compares what is known, and mends.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        sender: Sender,
        translation: Translation,
        *,
        url_of: Callable[[WorkflowRef], str] = lambda _: "",
        row_limit: int = 1000,
        parallel_submissions: int = 8,
        parallel_deliveries: int = 16,
        linger_seconds: float = 0.0,
        all_log_bytes: int = 1024 * 1024 * 1024,
        sweep_seconds: float = 10.0,
        flush_seconds: float = 5.0,
        reconcile_seconds: float = 300.0,
        settle_seconds: float = SETTLE_S,
        installation: str = "translator",
        grace_seconds: float = 20.0,
        on_drain: Callable[[], None] = lambda: None,
        replica: Replica | None = None,
        metrics: Metrics | None = None,
        on_emptied: Callable[[str, int, int], None] = lambda *_: None,
    ) -> None:
        self.store = self._store = store
        self._engine = engine
        self._sender = sender
        self._flush_seconds = flush_seconds
        self._grace_seconds = grace_seconds
        self._on_drain = on_drain
        self._replica = replica
        self._metrics = metrics = metrics or Metrics()
        self._changes = Changes()
        if replica is not None:
            notices = replica.notices
            self._changes = Changes(on_first=notices.watch, on_last=notices.unwatch)
            notices.on_changed = self._changes.tell
            notices.on_message = self._told
        catalogue = store.catalogue()
        housekeeping = Housekeeping(store, catalogue, all_bytes=all_log_bytes, metrics=metrics)
        self._deliverer = Deliverer(
            store,
            sender,
            row_limit=row_limit,
            parallel=parallel_deliveries,
            linger_s=linger_seconds,
            metrics=metrics,
            on_emptied=on_emptied,
            doubted=lambda task_id: task_id in self._doubt,
            on_ahead=self._recheck,
        )
        recovery = Recovery(store, engine, sender, installation, url_of)
        self._doubt = Doubt(recovery, on_certain=self._deliverer.wake, on_mended=self._set_back)
        self._recovery = recovery
        self._rechecks = Workers("recheck", self._check, mine=store.holds)
        self._follower = Follower(
            store,
            engine,
            row_limit=row_limit,
            on_events=self._grown,
            on_unknown=self._unknown,
            on_set_back=self._check,
            mask_of=translation.mask,
        )
        self._submitter = Submitter(
            store,
            engine,
            translation,
            url_of=url_of,
            parallel=parallel_submissions,
            on_events=self._grown,
            on_submitted=self._follower.wake,
            on_unknown=self._unknown,
            installation=installation,
            metrics=metrics,
        )
        self.reconciler = Reconciler(
            store,
            store.indexes(),
            engine,
            recovery,
            Flows(self._busy, self._submitter.wake, self._follower.wake, self._deliverer.wake),
            metrics,
            interval_s=reconcile_seconds,
            settle_s=settle_seconds,
        )
        self._acceptance = Acceptance(
            store,
            translation,
            on_accepted=self._accepted,
            on_revoked=self._follower.revoke,
            metrics=metrics,
        )
        self.desk = Tasks(
            store,
            catalogue,
            translation,
            changes=self._changes,
            on_accepted=self._accepted,
            on_revoked=self._follower.revoke,
            on_replayed=self._deliverer.wake,
            figures=self._figures,
        )
        self._sweep = Sweep(
            store,
            Wakers(
                self._submitter.wake,
                self._follower.wake,
                self._follower.revoke,
                self._deliverer.wake,
                self._doubt.cast,
                housekeeping.tidy,
                self.reconciler.wake,
            ),
            metrics,
            interval_s=sweep_seconds,
        )
        if replica is not None:
            replica.notices.on_connected = self._sweep.look_at_all
        self._stopping = False

    async def start(self) -> None:
        """Make the engine ready and take up what an earlier process left.

        Raises:
            TemporaryError: the engine or Redis cannot be reached.
            PermanentError: the engine cannot be used.
        """
        await self._engine.start()
        if self._replica is None:
            self._sweep.gained(self._store.held())
        else:
            owner = Owner(self._sweep.gained, self._lost, self._engine.hold, self._engine.pinned)
            await self._replica.start(owner)
        self._sweep.start()
        self.reconciler.start()

    async def drain(self) -> None:
        """Take nothing more in, and cut work off between two transactions; what is left is to be sent."""
        if self._stopping:
            return
        self._stopping = True
        self._on_drain()
        await self._sweep.stop()
        await self.reconciler.stop()
        if self._replica is not None:
            await self._replica.retire()
        await self._submitter.stop()
        await self._follower.stop()

    async def stop(self) -> None:
        """Drain, send what is left for a while (unless another replica can), and let the shards go."""
        try:
            async with asyncio.timeout(self._grace_seconds):
                await self.drain()
                if self._replica is None or self._replica.alone:
                    await self._flush()
                await self._doubt.stop()
                await self._rechecks.stop()
                await self._deliverer.stop()
                # before the shards go: what the engine itself runs has ended when another says that it has
                await self._engine.close()
        except TimeoutError:
            _log.error("stopping took too long and was cut off", graceSeconds=self._grace_seconds)
        if self._replica is not None:
            await self._replica.leave()

    async def _flush(self) -> None:
        try:
            async with asyncio.timeout(self._flush_seconds):
                await self._deliverer.idle()
        except TimeoutError:
            _log.warning("stopped with events undelivered; the next start sends them")

    async def submit(self, items: Sequence[TaskItem]) -> list[Answer]:
        """Take tasks and revocations; see `translator.service.accept.Acceptance.submit`."""
        if self._stopping:
            raise TemporaryError("the service is stopping")
        return await self._acceptance.submit(items)

    async def unheld(self) -> dict[tuple[str, int], int]:
        """Every attempt here with events that agent-server is not known to hold, and its highest seq.

        Raises:
            TemporaryError: Redis cannot be reached.
        """
        tasks = await self._store.open_tasks(self._store.held())
        return {(task.task_id, attempt): seq for task in tasks for attempt, seq in task.unheld.items()}

    async def ready(self) -> dict[str, str]:
        """Whether tasks can be taken.

        Returns:
            What is wrong although they can: ``agentServer``, where it denies us the connection.

        Raises:
            TemporaryError: not now.
        """
        if self._stopping:
            raise TemporaryError("the service is stopping")
        await self._store.ping()
        return {"agentServer": self._sender.denied} if self._sender.denied else {}

    async def _lost(self, shards: Collection[int]) -> None:
        self._sweep.lost(shards)
        gone = frozenset(shards)
        self._doubt.drop([each for each in self._doubt.task_ids if self._store.shard(each) in gone])
        flows = (self._submitter, self._follower, self._deliverer, self._rechecks)
        await asyncio.gather(*(flow.shed() for flow in flows))

    def _told(self, kind: str, task_id: str) -> None:
        """Another replica has something for whoever holds the task's shard."""
        if kind == SHARDS:
            if self._replica is not None:
                self._replica.nudge()
        elif kind == "accepted":
            self._accepted(task_id)
        elif kind == "revoked":
            self._follower.revoke(task_id)
        elif kind == "replayed":
            self._deliverer.wake(task_id)

    def _accepted(self, task_id: str) -> None:
        if self.reconciler.unsettled:
            # one that Redis may have lost a moment ago, and agent-server may hold events of
            self._doubt.cast([Open(task_id, waits=True, runs=False, backlog=1, parked="", seq=0)])
        self._submitter.wake(task_id)
        self._deliverer.wake(task_id)
        self._changes.tell(task_id)

    def _grown(self, task_id: str, state: TaskState) -> None:
        self._deliverer.wake(task_id)
        self._changes.tell(task_id)
        if state.final:
            self._metrics.ended(str(state.phase))

    def _busy(self, task_id: str) -> Busy:
        return Busy(
            submitting=self._submitter.busy(task_id),
            following=self._follower.busy(task_id),
            delivering=self._deliverer.busy(task_id) or task_id in self._doubt,
        )

    def _unknown(self, task_id: str) -> None:
        """Redis has lost a task that was being worked at."""
        del task_id  # others will be missing too
        self.reconciler.wake()

    def _recheck(self, task_id: str) -> None:
        """Agent-server holds more of a task than was sent: by an earlier process, or Redis is older."""
        self._rechecks.wake(task_id)

    async def _check(self, task_id: str) -> None:
        try:
            if await self._recovery.set_back(task_id):
                self._set_back(task_id)
        except PermanentError as error:
            _log.error("agent-server cannot say what it holds", error=error.message, remedy=error.remedy)

    def _set_back(self, task_id: str) -> None:
        """A record was older than what agent-server holds, and is replaced."""
        self.reconciler.mended(task_id, "record-set-back")
        self._submitter.wake(task_id)
        self._follower.wake(task_id)
        self._deliverer.wake(task_id)
        self._changes.tell(task_id)

    def _figures(self) -> bytes:
        return self._metrics.text(
            outbox_age_s=self._deliverer.oldest_s(),
            followed=self._follower.count,
            denied=bool(self._sender.denied),
        )
