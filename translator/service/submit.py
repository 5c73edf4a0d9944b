"""Inbox to engine: each accepted task becomes a Workflow, once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from translator.errors import PermanentError, TemporaryError
from translator.observe import reasons
from translator.observe.observation import Observation, Submitted, Verdict, Waiting, WorkflowRef
from translator.observe.reducer import observe
from translator.observe.state import TaskState
from translator.service import clock
from translator.service.engine import Engine
from translator.service.metrics import Metrics
from translator.service.translation import Translation
from translator.service.workers import Workers
from translator.store.record import Record
from translator.store.refusal import UnknownTaskError
from translator.store.store import Store
from translator.task.duration import format_duration
from translator.task.model import Task
from translator.task.problem import InvalidInput, Problem, Severity
from translator.task.submission import parse_submission
from translator.workflow.carried import carry

_REVOKED = Verdict("Cancelled", reasons.REVOKED, "the task was revoked before it was submitted", ended=True)

_log = structlog.get_logger()


class Submitter:
    """Submits what waits in the inbox.

    A crash anywhere leaves the task in the inbox; it is then rendered to the same bytes under the same name,
    and the engine adopts what it already has.

    Args:
        store: where the inbox is.
        engine: what runs Workflows.
        translation: how tasks become Workflows.
        url_of: where people watch a Workflow; empty: that is not known.
        parallel: submissions at once.
        on_events: called with the taskId and its state when its outbox has grown.
        on_submitted: called with the taskId when there is a Workflow to follow.
        on_unknown: called with the taskId where Redis has lost the task.
        installation: whose the Workflows are.
        metrics: told every submission.
        unsettled_s: seconds in which a former holder of a task's shard may still run tasks of it itself.
        settle: called with a taskId of whose shard a former holder runs nothing.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        translation: Translation,
        *,
        url_of: Callable[[WorkflowRef], str],
        parallel: int,
        on_events: Callable[[str, TaskState], None],
        on_submitted: Callable[[str], None],
        on_unknown: Callable[[str], None],
        installation: str,
        metrics: Metrics,
        unsettled_s: Callable[[str], float] = lambda _: 0.0,
        settle: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._unsettled_s = unsettled_s
        self._settle = settle
        self._held_back: dict[str, asyncio.TimerHandle] = {}
        self._installation = installation
        self._metrics = metrics
        self._store = store
        self._engine = engine
        self._translation = translation
        self._url_of = url_of
        self._on_events = on_events
        self._on_submitted = on_submitted
        self._workers = Workers(
            "submit", self._submit, slots=parallel, mine=store.holds, on_unknown=on_unknown
        )
        self.wake = self._workers.wake
        self.shed = self._workers.shed

    def busy(self, task_id: str) -> bool:
        """Whether the task is being submitted, or is held back for now."""
        return self._workers.busy(task_id) or task_id in self._held_back

    async def stop(self) -> None:
        """Cut all work off and start none."""
        for timer in self._held_back.values():
            timer.cancel()
        self._held_back.clear()
        await self._workers.stop()

    async def _submit(self, task_id: str) -> None:
        record = await self._store.load(task_id)
        if record is None:
            raise UnknownTaskError(f"task {task_id} is not in the store")
        if record.workflow is not None or record.state.final:
            return
        if await self._is_held_back(task_id):
            return
        if not await self._store.begin(task_id):
            await self._end(record, _REVOKED)
            return
        try:
            task = stored_task(record)
            # read together with the rendering, without a pause: a reload must not come between
            secret = self._translation.secret_names(task.params)
            rendered = self._translation.render(task, record.state.attempt)
            assert record.args is not None, "stored_task would have refused it"
            rendered = carry(rendered, self._installation, record.spec_hash, record.args)
            ref = await self._engine.submit(rendered)
        except PermanentError as e:
            self._metrics.submitted("refused")
            _log.warning("task refused", error=e.message, reason=e.reason)
            await self._end(record, Verdict("Error", e.reason, e.message, ended=True))
            return
        except TemporaryError as e:
            if not e.reason:
                raise
            if record.revoked:
                # begun, but the engine has just said that it has nothing of it
                await self._end(record, _REVOKED)
                return
            if record.state.waiting_reason != e.reason:
                await self._record(record, Waiting(e.reason, e.message))
            raise
        submitted = Submitted(ref, self._url_of(ref), format_duration(task.deadline_ns))
        await self._record(
            record,
            submitted,
            ref,
            deadline=clock.unix() + task.deadline_ns / 1e9,
            secret_params=secret,
        )
        self._metrics.submitted("taken")
        _log.info("submitted", workflow=ref.name, namespace=ref.namespace)
        self._on_submitted(task_id)

    async def _is_held_back(self, task_id: str) -> bool:
        """Whether the task must wait, as tasks of its shard may still run at a former holder.

        That one may come back for them; were anything of the shard begun here, neither could have all of it.
        Is there nothing to wait for, the shard is settled from now on.
        """
        left = self._unsettled_s(task_id)
        if left <= 0:
            return False
        here = {held.task_id async for held in self._engine.holdings()}
        waiting = [
            task.task_id
            for task in await self._store.open_tasks([self._store.shard(task_id)])
            if (task.runs or (task.begun and task.waits)) and not task.ended and task.task_id not in here
        ]
        if not waiting:
            self._settle(task_id)
            return False
        if task_id not in self._held_back:
            loop = asyncio.get_running_loop()
            self._held_back[task_id] = loop.call_later(left, self._let_on, task_id)
            _log.info("held back: other tasks of its shard may still run at another replica")
        return True

    def _let_on(self, task_id: str) -> None:
        del self._held_back[task_id]
        self.wake(task_id)

    async def _end(self, record: Record, verdict: Verdict) -> None:
        await self._record(record, verdict)
        _log.info("ended before it ran", phase=verdict.phase, reason=verdict.reason)

    async def _record(
        self,
        record: Record,
        seen: Observation,
        ref: WorkflowRef | None = None,
        *,
        deadline: float | None = None,
        secret_params: Sequence[str] = (),
    ) -> None:
        state, events = observe(record.state, seen, clock.rfc3339())
        await self._store.append(
            record,
            state,
            events,
            workflow=ref,
            deadline=deadline,
            elapsed=0.0 if ref is not None else None,
            secret_params=secret_params,
        )
        self._on_events(record.task_id, state)


def stored_task(record: Record) -> Task:
    """The task of a record.

    Raises:
        InvalidInput: this version does not take what an earlier one accepted, or nobody knows it any more.
    """
    if record.args is None:
        message = f"Redis lost the submission of {record.task_id!r}, and it was too large for its Workflow"
        hint = "submit it again, under another taskId"
        raise InvalidInput([Problem(Severity.ERROR, "taskId", 1, 1, message, hint, "submission-lost")])
    parsed = parse_submission(record.task_id, record.agent_id, record.args)
    if parsed.task is None:
        # It was valid when it was accepted: a newer version may be stricter.
        raise InvalidInput(parsed.problems)
    return parsed.task
