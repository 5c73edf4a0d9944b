"""The service from start to stop, and what it answers meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

import structlog

from translator.agent_server.protocol import Answer, TaskItem
from translator.errors import TemporaryError
from translator.service.accept import Acceptance
from translator.service.custody import Owner
from translator.service.deliver import Sender
from translator.service.desk import Tasks
from translator.service.engine import Engine
from translator.service.reactions import Parts
from translator.service.replica import Replica
from translator.store.reader import Reader

PROBED_S = 1.0
"""How long the answer of a write to Redis holds for all who ask whether tasks can be taken."""

END_S = 2.0
"""Of the grace of `Service.stop`, or half of it where that is less: for ending what is still at work."""

_log = structlog.get_logger()


class Service:
    """Takes tasks in, runs them, brings back what happens; satisfies `translator.agent_server.api.Intake`.

    `translator.service.assembly.assemble` makes one.

    Args:
        store: where everything lies.
        engine: what runs Workflows.
        sender: what brings events to agent-server.
        parts: what is at work, from `start` to `stop`.
        acceptance: takes tasks in.
        desk: the tasks, for the API.
        on_lost: called with shards that another replica has; returns when no work on them goes on.
        flush_seconds: time for the last deliveries in `stop`, where no other replica can make them.
        grace_seconds: what `stop` may take in all.
        on_drain: called when no more tasks are wanted.
        replica: this process among others; None: there are none, and every shard is this one's.

    Attributes:
        store: as given.
        desk: as given.
        reconciler: of the parts.
    """

    def __init__(
        self,
        store: Reader,
        engine: Engine,
        sender: Sender,
        parts: Parts,
        acceptance: Acceptance,
        desk: Tasks,
        *,
        on_lost: Callable[[Collection[int]], Awaitable[None]],
        flush_seconds: float,
        grace_seconds: float,
        on_drain: Callable[[], None],
        replica: Replica | None,
    ) -> None:
        self.store = store
        self._engine = engine
        self._sender = sender
        self._parts = parts
        self._acceptance = acceptance
        self.desk = desk
        self.reconciler = parts.reconciler
        self._on_lost = on_lost
        self._flush_seconds = flush_seconds
        self._grace_seconds = grace_seconds
        self._on_drain = on_drain
        self._replica = replica
        self._stopping = False
        self._probing: asyncio.Task[None] | None = None
        self._probed = 0.0

    async def start(self) -> None:
        """Make the engine ready and take up what an earlier process left.

        Raises:
            TemporaryError: the engine or Redis cannot be reached.
            PermanentError: the engine cannot be used.
        """
        await self._engine.start()
        if self._replica is None:
            self._parts.sweep.gained(self.store.held())
        else:
            engine = self._engine
            owner = Owner(self._parts.sweep.gained, self._on_lost, engine.hold, engine.pinned, engine.end)
            await self._replica.start(owner)
        self._parts.sweep.start()
        self._parts.reconciler.start()

    async def drain(self) -> None:
        """Take nothing more in, and cut work off between two transactions; what is left is to be sent."""
        if self._stopping:
            return
        self._stopping = True
        self._on_drain()
        await self._parts.sweep.stop()
        await self._parts.reconciler.stop()
        if self._replica is not None:
            await self._replica.retire()
        await self._parts.submitter.stop()
        await self._parts.follower.stop()

    async def stop(self) -> None:
        """Drain, send what is left for a while (unless another replica can), and let the shards go.

        What takes too long is cut off, early enough for everything to end within the grace.
        """
        end = asyncio.get_running_loop().time() + self._grace_seconds
        try:
            async with asyncio.timeout_at(end - min(END_S, self._grace_seconds / 2)):
                await self.drain()
                if self._replica is None or self._replica.alone:
                    await self._flush()
        except TimeoutError:
            _log.error("stopping took too long and was cut off", graceSeconds=self._grace_seconds)
        try:
            async with asyncio.timeout_at(end):
                # before the shards go: what the engine itself runs has ended when another says that it has
                await self._end()
        except TimeoutError:
            _log.error("not all work has ended within the grace", graceSeconds=self._grace_seconds)
        if self._replica is not None:
            await self._replica.leave()

    async def _end(self) -> None:
        """End everything that is at work, at the same time: what hangs keeps nothing else from ending."""
        parts = self._parts
        work = (
            parts.sweep, parts.reconciler, parts.submitter, parts.follower, parts.doubt, parts.rechecks,
            parts.deliverer,
        )  # fmt: skip
        await asyncio.gather(*(each.stop() for each in work), self._engine.close())

    async def _flush(self) -> None:
        try:
            async with asyncio.timeout(self._flush_seconds):
                await self._parts.deliverer.idle()
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
        tasks = await self.store.open_tasks(self.store.held())
        return {(task.task_id, attempt): seq for task in tasks for attempt, seq in task.unheld.items()}

    async def _probe(self) -> None:
        """Have the store try a write: one a second for all who ask, as nobody needs a token for that."""
        now = asyncio.get_running_loop().time()
        if self._probing is None or (self._probing.done() and now - self._probed > PROBED_S):
            self._probing, self._probed = asyncio.create_task(self.store.probe(), name="probe"), now
        await asyncio.shield(self._probing)

    async def ready(self) -> dict[str, str]:
        """Whether tasks can be taken.

        Returns:
            What is wrong although they can: ``agentServer``, where it denies us the connection; and
            ``namespaces``, those that cannot be read, with why.

        Raises:
            TemporaryError: not now.
        """
        if self._stopping:
            raise TemporaryError("the service is stopping")
        await self._probe()
        unreadable = [f"{name}: {why}" for name, why in sorted(self.reconciler.unreadable.items())]
        notes = {"agentServer": self._sender.denied, "namespaces": "; ".join(unreadable)}
        return {name: text for name, text in notes.items() if text}
