"""Engine to outbox: what can be seen of every running attempt becomes its state and its events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable

import structlog

from translator.errors import PermanentError, TemporaryError
from translator.observe.masking import Mask
from translator.observe.observation import WorkflowRef
from translator.observe.reasons import UNOBSERVED
from translator.observe.state import TaskState
from translator.service.attempt import UNSEEN_S, Attempt
from translator.service.engine import Engine
from translator.service.request import RequestLimit
from translator.service.workers import Workers
from translator.store.record import Record
from translator.store.refusal import SetBackError, UnknownTaskError
from translator.store.store import Store
from translator.task.params import read_params
from translator.workflow.names import secrets_name

_log = structlog.get_logger()


class Follower:
    """Follows every attempt with a Workflow until its last event is durable, then lets the engine forget it.

    Args:
        store: where state, cursors and events go, in one transaction.
        engine: what runs Workflows.
        row_limit: log lines in one event.
        limit: how large a request to agent-server, and so an event, may be.
        on_events: called with the taskId and its state when its outbox has grown.
        on_unknown: called with the taskId where Redis has lost the task.
        on_set_back: compares a record that is older than what was stored with what agent-server holds, and
            mends it; awaited before the attempt is followed on.
        mask_of: what hides the values of the secret ones of some parameters, told which were secret before.
        unseen_s: as `translator.service.attempt.Attempt` has it.
        unsettled_s: seconds in which a former holder of a task's shard may still run it itself.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        *,
        row_limit: int,
        limit: RequestLimit,
        on_events: Callable[[str, TaskState], None],
        on_unknown: Callable[[str], None],
        on_set_back: Callable[[str], Awaitable[object]],
        mask_of: Callable[[Iterable[tuple[str, str]], Iterable[str]], Mask],
        unseen_s: float = UNSEEN_S,
        unsettled_s: Callable[[str], float] = lambda _: 0.0,
    ) -> None:
        self._unseen_s = unseen_s
        self._unsettled_s = unsettled_s
        self._on_set_back = on_set_back
        self._set_back: set[str] = set()
        self._store = store
        self._engine = engine
        self._row_limit = row_limit
        self._limit = limit
        self._on_events = on_events
        self._mask_of = mask_of
        self._revoked: dict[str, asyncio.Event] = {}
        self._workers = Workers("follow", self._follow, mine=store.holds, on_unknown=on_unknown)
        self.busy = self._workers.busy
        self.wake = self._workers.wake
        self.stop = self._workers.stop
        self.shed = self._workers.shed

    def revoke(self, task_id: str) -> None:
        """Say that the store now holds the wish to cancel a task."""
        if task_id in self._revoked:
            self._revoked[task_id].set()

    @property
    def count(self) -> int:
        """How many attempts are being followed."""
        return len(self._revoked)

    async def _follow(self, task_id: str) -> None:
        if task_id in self._set_back:
            await self._on_set_back(task_id)
            self._set_back.discard(task_id)
        # The event is there before the record is read, so that no revocation falls between.
        revoked = self._revoked[task_id] = asyncio.Event()
        try:
            record = await self._store.load(task_id)
            if record is None:
                raise UnknownTaskError(f"task {task_id} is not in the store")
            if record.workflow is None or record.released:
                return
            if record.revoked:
                revoked.set()
            state: TaskState | None = record.state
            if not record.state.final:
                await self._until_settled(task_id, record.workflow)
                state = await self._until_final(record, record.workflow, revoked)
            if state is not None:
                await self._release(task_id, record.workflow, state)
        finally:
            del self._revoked[task_id]

    async def _until_settled(self, task_id: str, ref: WorkflowRef) -> None:
        """Wait while the Workflow may run at a former holder of the shard, which may come back for it.

        Nothing is concluded from not seeing it before that; where the former holder gets the shard back, this
        is cut off.
        """
        while (left := self._unsettled_s(task_id)) > 0 and await self._engine.look_up(ref) is None:
            _log.warning("the task may still run at another replica", workflow=ref.name, seconds=round(left))
            await asyncio.sleep(left)

    async def _until_final(
        self, record: Record, ref: WorkflowRef, revoked: asyncio.Event
    ) -> TaskState | None:
        """Follow an attempt to its final event; None: it is to be followed anew."""
        attempt = Attempt(
            self._store,
            self._engine,
            record,
            ref,
            row_limit=self._row_limit,
            limit=self._limit,
            on_events=self._on_events,
            mask=await self._mask(record, ref),
            unseen_s=self._unseen_s,
        )
        try:
            return await attempt.run(revoked)
        except SetBackError as e:
            _log.warning("Redis was set back", error=e.message)
            self._set_back.add(record.task_id)
            self.wake(record.task_id)
        except TemporaryError as e:
            if not attempt.progressed:
                raise
            # It went well for a while, so the next failure is again the first of its row.
            _log.warning("following anew", error=e.message)
            self.wake(record.task_id)
        return None

    async def _mask(self, record: Record, ref: WorkflowRef) -> Mask:
        if record.args is not None:
            params, _ = read_params(record.args.get("scriptParams"))
            return self._mask_of(params, record.secret_params)
        # Redis has lost the submission, and whether there are secrets is known to the Workflow alone
        workflow = await self._engine.look_up(ref)
        if workflow is not None and secrets_name(ref.name) not in json.dumps(workflow.get("spec")):
            return self._mask_of((), ())
        _log.warning("the secret parameters are lost, so every line is masked", workflow=ref.name)
        return Mask.of_everything()

    async def _release(self, task_id: str, ref: WorkflowRef, state: TaskState) -> None:
        try:
            if state.ending is not None and state.ending.reason == UNOBSERVED:
                # it may run on, unseen: the order to end it waits here until the cluster is back
                await self._engine.terminate(ref)
            await self._engine.release(ref)
        except PermanentError as e:
            _log.error("cannot release", workflow=ref.name, error=e.message, remedy=e.remedy)
        await self._store.release(task_id)
        _log.info("finished", workflow=ref.name)
