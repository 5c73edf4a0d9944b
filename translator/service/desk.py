"""What the API shows of tasks and can do to them; satisfies `translator.agent_server.desk.Desk`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import structlog

from translator.agent_server.desk import Change, Place, Told
from translator.agent_server.protocol import Answer
from translator.errors import TemporaryError
from translator.observe.observation import WorkflowRef
from translator.observe.reducer import begin
from translator.observe.telling import step
from translator.service import clock
from translator.service.changes import Changes
from translator.service.submit import stored_task
from translator.service.translation import Translation
from translator.store.catalogue import Catalogue
from translator.store.record import Listed, Record
from translator.store.store import Store
from translator.task.problem import InvalidInput, Problem, Severity

_TOLD = ("phase", "reason", "message", "remedy")

_log = structlog.get_logger()


class Tasks:
    """The tasks of a store, as the API sees them.

    Args:
        store: where they are.
        catalogue: of that store.
        translation: how tasks become Workflows.
        changes: told when a task changes.
        on_accepted: called with the taskId of a new attempt.
        on_revoked: called with the taskId of a task that is to be cancelled.
        on_replayed: called with the taskId of a task whose events may be sent again.
        figures: the metrics as text.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        translation: Translation,
        *,
        changes: Changes,
        on_accepted: Callable[[str], None],
        on_revoked: Callable[[str], None],
        on_replayed: Callable[[str], None],
        figures: Callable[[], bytes],
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._translation = translation
        self._changes = changes
        self._on_accepted = on_accepted
        self._on_revoked = on_revoked
        self._on_replayed = on_replayed
        self._figures = figures

    async def tasks(
        self, before: float | None, limit: int, phase: str
    ) -> tuple[list[dict[str, Any]], float | None]:
        """See `Desk.tasks`."""
        listed, following = await self._catalogue.page(before, limit, phase)
        return [_in_short(each) for each in listed], following

    async def task(self, task_id: str) -> dict[str, Any] | None:
        """See `Desk.task`."""
        record = await self._store.load(task_id)
        if record is None:
            return None
        state = record.state
        shown = _in_short(_listed(record))
        shown["workflow"] = dict(state.workflow) or shown.get("workflow")
        if state.final and (last := await self._store.events(task_id, (state.attempt, state.seq - 1), 1)):
            final = json.loads(last[0].text)
            shown |= {name: final[name] for name in _TOLD if name in final}
        if record.revoked and not state.final:
            shown["revoked"] = record.revoked
        if record.deadline is not None:
            shown["deadline"] = _rfc3339(record.deadline)
        shown["lastEvent"] = {"attempt": state.attempt, "seq": state.seq}
        shown["heldByAgentServer"] = dict(zip(("attempt", "seq"), record.acked, strict=True))
        shown["steps"] = [step(each) for each in state.steps]
        return {name: value for name, value in shown.items() if value is not None}

    async def events(self, task_id: str, after: Place, limit: int) -> list[Told]:
        """See `Desk.events`."""
        kept = await self._store.events(task_id, after, limit)
        return [Told(json.loads(each.text), each.place, each.is_gap) for each in kept]

    def watch(self, task_id: str) -> AbstractContextManager[Change]:
        """See `Desk.watch`."""
        return self._changes.watch(task_id)

    async def manifest(self, task_id: str) -> list[Mapping[str, Any]] | None:
        """See `Desk.manifest`."""
        record = await self._store.load(task_id)
        if record is None:
            return None
        rendered = self._translation.render(stored_task(record), record.state.attempt, record.secret_params)
        return list(rendered.objects())

    async def terminate(self, task_id: str) -> Answer:
        """See `Desk.terminate`."""
        return await revoke(self._store, task_id, task_id, self._on_revoked, "cancelled over the API")

    async def retry(self, task_id: str) -> Answer:
        """See `Desk.retry`.

        Raises:
            NoRoomError: Redis is nearly full.
            TemporaryError: the attempt has ended, but the engine has not let go of it.
        """
        request = uuid.uuid4().hex
        await self._store.room.check()
        while True:
            record = await self._store.load(task_id)
            if record is None:
                return Answer(task_id, "rejected", (unknown_task("taskId", task_id),))
            try:
                task = stored_task(record)
            except InvalidInput as error:
                return Answer(task_id, "rejected", error.problems)
            names = [each.name for each in task.steps]
            attempt = record.state.attempt + 1
            state, events = begin(task_id, record.agent_id, attempt, names, clock.rfc3339())
            outcome = await self._store.retry(record, state, events, int(clock.unix() * 1000), request)
            if outcome == "retried":
                _log.info("retried", taskId=task_id, attempt=attempt)
                self._on_accepted(task_id)
                return Answer(task_id, "accepted", (), str(state.phase), f"attempt {attempt} begins")
            if outcome == "running":
                problem = fault("taskId", f"task {task_id!r} has not ended", "not-ended")
                return Answer(task_id, "conflict", (problem,), str(record.state.phase))
            if outcome == "busy":
                message = f"task {task_id!r} has ended, but its Workflow is not let go of yet"
                raise TemporaryError(message, retry_after=1)

    async def dead_letters(self) -> list[dict[str, Any]]:
        """See `Desk.dead_letters`."""
        return [
            {
                "taskId": task.task_id, "agentId": task.agent_id, "phase": task.phase, "events": task.backlog,
                "reason": task.parked,
            }
            for task in await self._store.open_tasks()
            if task.parked
        ]  # fmt: skip

    async def replay(self, task_id: str) -> bool:
        """See `Desk.replay`."""
        if not await self._store.unpark(task_id):
            return False
        _log.info("replayed", taskId=task_id)
        self._on_replayed(task_id)
        return True

    async def metrics(self) -> bytes:
        """See `Desk.metrics`."""
        return self._figures()


async def revoke(
    store: Store, answered: str, task_id: str, on_revoked: Callable[[str], None], why: str
) -> Answer:
    """Note the wish to cancel a task.

    Args:
        store: where it is.
        answered: the id of the request, in the answer.
        task_id: of the task.
        on_revoked: called with it where the wish is new.
        why: whose wish it is.
    """
    outcome, phase = await store.revoke(task_id, why)
    if outcome == "unknown":
        return Answer(answered, "rejected", (unknown_task("args.taskId", task_id),))
    if outcome == "ended":
        return Answer(answered, "duplicate", (), phase, f"task {task_id!r} has ended already")
    if outcome == "repeated":
        return Answer(answered, "duplicate", (), phase, f"task {task_id!r} is being cancelled already")
    _log.info("revoked", taskId=task_id)
    on_revoked(task_id)
    return Answer(answered, "accepted", (), phase, f"task {task_id!r} is being cancelled")


def unknown_task(path: str, task_id: str) -> Problem:
    """There is no such task."""
    return fault(path, f"there is no task {task_id!r}", "unknown-task")


def fault(path: str, message: str, code: str) -> Problem:
    """A problem that has no place in a taskYaml."""
    return Problem(Severity.ERROR, path, 1, 1, message, "", code)


def _listed(record: Record) -> Listed:
    state = record.state
    return Listed(
        record.task_id, record.agent_id, state.attempt, str(state.phase), record.accepted_ms, record.workflow,
        record.parked,
    )  # fmt: skip


def _in_short(task: Listed) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "taskId": task.task_id, "agentId": task.agent_id, "attempt": task.attempt, "phase": task.phase,
        "acceptedAt": _rfc3339(task.accepted_ms / 1000),
    }  # fmt: skip
    if task.workflow is not None:
        shown["workflow"] = _workflow(task.workflow)
    if task.parked:
        shown["refusedByAgentServer"] = task.parked
    return shown


def _workflow(ref: WorkflowRef) -> dict[str, str]:
    return {"namespace": ref.namespace, "name": ref.name, "uid": ref.uid}


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
