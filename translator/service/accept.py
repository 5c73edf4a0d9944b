"""Submissions to inbox: checked as a whole, durable before they are answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from hashlib import sha256

import structlog

from translator.agent_server.protocol import Answer, TaskItem
from translator.errors import TemporaryError, TranslatorError
from translator.observe.reducer import begin
from translator.service import clock
from translator.service.desk import fault, revoke
from translator.service.metrics import Metrics
from translator.service.translation import Translation
from translator.store.record import NewTask, dump
from translator.store.store import Store
from translator.task.problem import Problem
from translator.task.submission import parse_submission
from translator.workflow.refusal import Untranslatable, placed

_CONFLICT = "another task with other content was accepted under this taskId"

_TURN_S = 0.002
"""Seconds that a batch is checked before everything else gets its turn."""

_ASKED_S = 5.0
"""Seconds in which agent-server says what it holds of tasks that it waits to be accepted."""

_log = structlog.get_logger()


class Acceptance:
    """Takes tasks and revocations in; satisfies `translator.agent_server.api.Intake`.

    Args:
        store: where tasks are kept.
        translation: how tasks become Workflows.
        on_accepted: called with the taskId of a new task.
        on_revoked: called with the taskId of a task that is to be cancelled.
        used: says of which of these tasks agent-server holds events.
        on_loss: called when Redis has just been found to have lost everything.
        unsettled: whether what runs is still being looked for after that.
        metrics: told every answer.
    """

    def __init__(
        self,
        store: Store,
        translation: Translation,
        *,
        on_accepted: Callable[[str], None],
        on_revoked: Callable[[str], None],
        used: Callable[[Sequence[str]], Awaitable[Collection[str]]],
        on_loss: Callable[[], None],
        unsettled: Callable[[], bool],
        metrics: Metrics,
    ) -> None:
        self._used = used
        self._on_loss = on_loss
        self._unsettled = unsettled
        self._metrics = metrics
        self._store = store
        self._translation = translation
        self._on_accepted = on_accepted
        self._on_revoked = on_revoked

    async def submit(self, items: Sequence[TaskItem]) -> list[Answer]:
        """Answer each item; its tasks first, then what is asked of tasks.

        Raises:
            NoRoomError: Redis is nearly full, and there are new tasks among them.
            TemporaryError: Redis cannot keep them now, or has lost everything a moment ago. Sending the same
                batch again is right: what was kept already is then a duplicate.
        """
        tasks = [item.task_id for item in items if item.task_type == "CloudTask"]
        if tasks:
            await self._store.room.check()
        answers, new = await self._check_all(items, await self._first_attempts(tasks))
        kept = await self._keep(new)
        try:
            for index, item in enumerate(items):
                if item.task_type == "RevokeTask":
                    answers[index] = await self._revoke(item)
                elif item.task_type == "GetRunningTask":
                    answers[index] = await self._running(item)
        finally:
            # Not before: a task that is revoked in its own batch never begins.
            for answer in kept.values():
                if answer.outcome == "accepted":
                    self._on_accepted(answer.task_id)
        answers |= kept
        for answer in answers.values():
            self._metrics.answered(answer.outcome)
        return [answers[index] for index in range(len(items))]

    async def _first_attempts(self, task_ids: Sequence[str]) -> Mapping[str, int]:
        """The number of the first attempt of those tasks where it is not 1, by taskId.

        After a loss of Redis a task may be new to Redis alone: agent-server may hold events of attempts whose
        numbers nobody remembers. It is asked; where it holds some, or does not say, the number is the time in
        seconds. Tasks that still run are known again before anything is accepted.

        Raises:
            TemporaryError: they are being looked for.
        """
        if await self._store.watch_for_loss():
            self._on_loss()
        if not self._store.lost:
            return {}
        if self._unsettled():
            message = "Redis has lost all that it held, and the tasks that run are being looked for"
            raise TemporaryError(message, retry_after=5)
        try:
            async with asyncio.timeout(_ASKED_S):
                used = await self._used(task_ids)
        except (TranslatorError, TimeoutError) as error:
            _log.warning("agent-server does not say which attempts there were", error=str(error))
            used = task_ids
        return dict.fromkeys(used, int(clock.unix()))

    async def _check_all(
        self, items: Sequence[TaskItem], attempts: Mapping[str, int]
    ) -> tuple[dict[int, Answer], dict[int, tuple[NewTask, tuple[Problem, ...]]]]:
        """What is wrong with each task, and what is to be kept of the others, by their places."""
        answers: dict[int, Answer] = {}
        new: dict[int, tuple[NewTask, tuple[Problem, ...]]] = {}
        turn = time.monotonic()
        for index, item in enumerate(items):
            if item.task_type == "CloudTask":
                checked = self._check(item, attempts.get(item.task_id, 1))
                if isinstance(checked, Answer):
                    answers[index] = checked
                else:
                    new[index] = checked
                if time.monotonic() - turn > _TURN_S:
                    await asyncio.sleep(0)
                    turn = time.monotonic()
        return answers, new

    def _check(self, item: TaskItem, attempt: int) -> Answer | tuple[NewTask, tuple[Problem, ...]]:
        parsed = parse_submission(item.task_id, item.agent_id, item.args)
        task = parsed.task
        if task is None:
            return Answer(item.task_id, "rejected", parsed.problems)
        try:
            self._translation.check(task)
        except Untranslatable as e:
            return Answer(item.task_id, "rejected", placed(parsed, e.faults))
        names = [step.name for step in task.steps]
        state, events = begin(item.task_id, item.agent_id, attempt, names, clock.rfc3339())
        assert isinstance(item.args, Mapping), "parse_submission refuses other args"
        content = dump({"agentId": item.agent_id, "args": item.args})
        spec_hash = sha256(content.encode()).hexdigest()
        new = NewTask(item.task_id, item.agent_id, item.args, spec_hash, state, tuple(events))
        return new, parsed.problems

    async def _keep(self, new: Mapping[int, tuple[NewTask, tuple[Problem, ...]]]) -> dict[int, Answer]:
        if not new:
            return {}
        outcomes = await self._store.accept([task for task, _ in new.values()], int(clock.unix() * 1000))
        answers = {}
        for (index, (task, problems)), (outcome, phase) in zip(new.items(), outcomes, strict=True):
            if outcome == "conflict":
                problem = fault("taskId", _CONFLICT, "task-id-conflict")
                answers[index] = Answer(task.task_id, outcome, (problem,), phase)
                continue
            answers[index] = Answer(task.task_id, outcome, problems, phase)
            if outcome == "accepted":
                _log.info("accepted", taskId=task.task_id, agentId=task.agent_id)
        return answers

    async def _revoke(self, item: TaskItem) -> Answer:
        target = item.args.get("taskId") if isinstance(item.args, Mapping) else None
        if not isinstance(target, str) or not target:
            problem = fault("args.taskId", "the task to revoke is missing", "missing-key")
            return Answer(item.task_id, "rejected", (problem,))
        why = f"revoked by the request {item.task_id}"
        return await revoke(self._store, item.task_id, target, self._on_revoked, why)

    async def _running(self, item: TaskItem) -> Answer:
        """The tasks of the item's agent that have not ended."""
        tasks = tuple(
            {"taskId": task.task_id, "agentId": task.agent_id, "attempt": task.attempt, "phase": task.phase}
            for task in await self._store.open_tasks()
            if not task.ended and item.agent_id in {"", task.agent_id}
        )
        return Answer(item.task_id, "accepted", tasks=tasks)
