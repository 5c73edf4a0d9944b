"""Makes again what Redis has lost of a task: of its Workflow, and of what agent-server holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Protocol

import structlog

from translator.agent_server.protocol import Known
from translator.errors import TemporaryError
from translator.observe.observation import Holding, WorkflowRef
from translator.observe.recovery import Found, resumed
from translator.service import clock
from translator.service.engine import Engine
from translator.store.record import Open, Rebuilt, Record
from translator.store.store import Store
from translator.task.duration import format_duration
from translator.workflow.carried import Carried, carried

Outcome = Literal["rebuilt", "superfluous", "not ours"]
"""What became of a Workflow without a record: it has one now; it needs none (any more); or agent-server does
not know its task, so that it is another installation's."""

_TRIES = 20

MOST_ASKED = 1000
"""Attempts in one question (docs/protocol.md)."""

_log = structlog.get_logger()


class Witness(Protocol):
    """Who can say what agent-server holds: over HTTP or over the link."""

    async def known(self, attempts: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Known]:
        """What is known, by (taskId, attempt); attempts of tasks that are not known are missing."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """Rebuilds records.

    Attributes:
        store: where they go.
        engine: where the Workflows are.
        witness: says what agent-server holds.
        installation: whose Workflows are ours.
        url_of: where people watch a Workflow; empty: that is not known.
    """

    store: Store
    engine: Engine
    witness: Witness
    installation: str
    url_of: Callable[[WorkflowRef], str]

    async def from_workflow(self, held: Holding) -> Outcome:
        """Make the record of a Workflow that has none, or only one of an earlier attempt.

        Raises:
            TemporaryError: not now.
            PermanentError: agent-server cannot say what it holds.
        """
        workflow = await self.engine.look_up(held.ref)
        lost = carried(workflow) if workflow is not None else None
        if workflow is None or lost is None or lost.installation != self.installation:
            return "superfluous"
        record = await self.store.load(lost.task_id)
        if record is not None and record.state.attempt >= lost.attempt:
            return "superfluous"
        known = await self._known(lost.task_id, lost.attempt)
        if known is None:
            return "not ours"
        rebuilt = self._of_workflow(lost, known, workflow, held.ref)
        if record is not None:
            rebuilt = replace(
                rebuilt, version=record.version, args=record.args, accepted_ms=record.accepted_ms
            )
        return "rebuilt" if await self._keep(lost.task_id, rebuilt) else "superfluous"

    async def set_back(self, task_id: str, seq: int | None = None) -> bool:
        """Replace a record that is older than what agent-server holds.

        Args:
            task_id: of the task.
            seq: of the last event that the record had before anything followed it; None: as it has now.

        Returns:
            Whether it was older.

        Raises:
            TemporaryError: not now.
            PermanentError: agent-server cannot say what it holds.
        """
        for _ in range(_TRIES):
            record = await self.store.load(task_id)
            if record is None:
                return False
            state = record.state
            known = await self._known(task_id, state.attempt)
            if known is None or not is_behind(known, state.seq if seq is None else seq, ended=state.final):
                return False
            if await self._keep(task_id, await self._after(record, known)):
                return True
            # its follower was faster, and what that wrote is out of date too
            seq = state.seq if seq is None else seq
        raise TemporaryError(f"task {task_id} kept changing while its record was to be replaced")

    async def _after(self, record: Record, known: Known) -> Rebuilt:
        """The record from which the attempt goes on after what agent-server holds."""
        task_id, state, deadline = record.task_id, record.state, record.deadline
        ref = record.workflow or await self._found(task_id, state.attempt)
        workflow = await self.engine.look_up(ref) if ref is not None else None
        steps = [step.name for step in state.steps]
        found = Found(task_id, record.agent_id, state.attempt, steps, known.seq, known.phase)
        if deadline is None and workflow is not None and (lost := carried(workflow)) is not None:
            deadline = _deadline(lost)
        rebuilt = self._resumed(
            found,
            workflow,
            ref,
            deadline,
            args=record.args,
            spec_hash=record.spec_hash,
            accepted_ms=record.accepted_ms,
        )
        return replace(rebuilt, version=record.version, revoked=record.revoked)

    async def behind(self, tasks: Sequence[Open]) -> list[Open]:
        """Which of these tasks agent-server holds more of than Redis.

        Raises:
            TemporaryError: not now.
            PermanentError: agent-server cannot say what it holds.
        """
        known = await self.witness.known([(task.task_id, task.attempt) for task in tasks])
        return [
            task
            for task in tasks
            if (told := known.get((task.task_id, task.attempt))) is not None
            and is_behind(told, task.seq, ended=task.ended)
        ]

    async def told_of(self, task_ids: Sequence[str]) -> list[str]:
        """Of which of these tasks agent-server holds events: the first attempt has the first ones.

        Raises:
            TemporaryError: not now.
            PermanentError: agent-server cannot say what it holds.
        """
        found = []
        for start in range(0, len(task_ids), MOST_ASKED):
            part = task_ids[start : start + MOST_ASKED]
            known = await self.witness.known([(task_id, 1) for task_id in part])
            found += [task_id for (task_id, _), told in known.items() if told.seq or told.phase]
        return found

    async def _found(self, task_id: str, attempt: int) -> WorkflowRef | None:
        unreadable: dict[str, str] = {}
        async for held in self.engine.holdings(unreadable):
            if (held.task_id, held.attempt, held.installation) == (task_id, attempt, self.installation):
                return held.ref
        if unreadable:
            names = ", ".join(sorted(unreadable))
            raise TemporaryError(f"the Workflow may lie where nobody can look now: {names}")
        return None

    def _of_workflow(
        self, lost: Carried, known: Known, workflow: Mapping[str, Any], ref: WorkflowRef
    ) -> Rebuilt:
        found = Found(lost.task_id, lost.agent_id, lost.attempt, lost.steps, known.seq, known.phase)
        return self._resumed(
            found,
            workflow,
            ref,
            _deadline(lost),
            args=lost.args,
            spec_hash=lost.content_hash,
            accepted_ms=int(_unix(lost.created) * 1000),
        )

    def _resumed(
        self,
        found: Found,
        workflow: Mapping[str, Any] | None,
        ref: WorkflowRef | None,
        deadline: float | None,
        *,
        args: Mapping[str, Any] | None,
        spec_hash: str,
        accepted_ms: int,
    ) -> Rebuilt:
        """The record from which an attempt goes on after what was found of it."""
        state, events = resumed(
            found,
            clock.rfc3339(),
            workflow=workflow,
            ref=ref,
            url=self.url_of(ref) if ref is not None else "",
            timeout=_timeout(workflow),
            overdue=_overdue(workflow, deadline),
        )
        return Rebuilt(
            agent_id=found.agent_id,
            args=args,
            spec_hash=spec_hash,
            held=found.held,
            state=state,
            events=tuple(events),
            workflow=ref if deadline is not None else None,
            deadline=deadline,
            accepted_ms=accepted_ms,
        )

    async def _known(self, task_id: str, attempt: int) -> Known | None:
        return (await self.witness.known([(task_id, attempt)])).get((task_id, attempt))

    async def _keep(self, task_id: str, rebuilt: Rebuilt) -> bool:
        kept = await self.store.rebuild(task_id, rebuilt, int(clock.unix() * 1000))
        if kept:
            _log.warning(
                "made a record again",
                taskId=task_id,
                attempt=rebuilt.state.attempt,
                heldByAgentServer=rebuilt.held,
                phase=str(rebuilt.state.phase),
                submissionKnown=rebuilt.args is not None,
            )
        return kept


def is_behind(known: Known, seq: int, *, ended: bool) -> bool:
    """Whether a record is older than what agent-server holds.

    Args:
        known: what agent-server holds of the attempt.
        seq: of the record's last event.
        ended: that is the final status.
    """
    return known.seq > seq or (bool(known.phase) and not (ended and known.seq == seq))


def _deadline(lost: Carried) -> float:
    """When the time of a Workflow's task is up, in seconds since 1970."""
    return _unix(lost.created) + (lost.timeout_s or 0)


def _timeout(workflow: Mapping[str, Any] | None) -> str:
    """How long a Workflow's task may take, as a Go duration; empty: it does not tell."""
    lost = carried(workflow) if workflow is not None else None
    return format_duration(lost.timeout_s * 10**9) if lost is not None and lost.timeout_s else ""


def _overdue(workflow: Mapping[str, Any] | None, deadline: float | None) -> bool:
    """Whether the time was up before the Workflow ended."""
    if workflow is None or deadline is None:
        return False
    finished = (workflow.get("status") or {}).get("finishedAt")
    return (_unix(finished) if finished else clock.unix()) >= deadline


def _unix(text: str) -> float:
    """Seconds since 1970; now where nothing is told."""
    return datetime.fromisoformat(text).timestamp() if text else clock.unix()
