"""What changed in a state → the events that tell it.

Facts that are not known are left out of an event, never null:

- ``status``: phase, reason, message, remedy, workflow ``{namespace, name, uid, url}``; the final one also
  steps, each as in a ``step`` event;
- ``step``: name, phase, exitCode, reason, message, remedy, startedAt, finishedAt, pod;
- ``log``: step, lines;
- ``gap``: step, why, missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from translator.observe.event import Event, Kind, StepPhase
from translator.observe.observation import LogGap, LogLines
from translator.observe.reasons import CLUSTER_UNREACHABLE, SUSPENDED, remedy
from translator.observe.state import Ending, StepState, TaskState

UNREAD: Final = "the task was lost before the step's log was read to its end: lines may be missing"
"""Why there is a gap in the log of a step that ran, or may have, where nobody can read on."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event without its place in the sequence.

    Attributes:
        kind: the event's kind.
        body: its fields.
        time: its own time, or empty for the time of the observation.
    """

    kind: Kind
    body: dict[str, Any]
    time: str = ""


def numbered(state: TaskState, told: Sequence[Told], now: str) -> tuple[TaskState, list[Event]]:
    """Give events the next sequence numbers, and the state the last of them."""
    events = [
        Event(state.task_id, state.agent_id, state.attempt, seq, one.time or now, one.kind, one.body)
        for seq, one in enumerate(told, start=state.seq + 1)
    ]
    return replace(state, seq=state.seq + len(events)), events


def changes(before: TaskState, after: TaskState) -> list[Told]:
    """Tell what changed, but for the end of the task."""
    found = bool(after.workflow) and not before.workflow
    changed = found or after.phase is not before.phase or waits_for(after)[0] != waits_for(before)[0]
    told = [status(after)] if changed else []
    for old, new in zip(before.steps, after.steps, strict=True):
        if new.phase is not old.phase or (new.phase is StepPhase.PENDING and new.reason != old.reason):
            told.append(Told(Kind.STEP, step(new)))
    return told


def status(state: TaskState) -> Told:
    """Tell a phase that is not final, and what the task as a whole waits for."""
    reason, message = waits_for(state)
    return Told(
        Kind.STATUS,
        _known(
            phase=str(state.phase),
            reason=reason,
            message=message,
            remedy=remedy(reason),
            workflow=dict(state.workflow),
        ),
    )


def waits_for(state: TaskState) -> tuple[str, str]:
    """Return reason and message of what keeps the whole task from going on, or two empty texts."""
    if state.ending is not None:
        return "", ""
    if state.waiting_reason:
        return state.waiting_reason, state.waiting_message
    if state.unseen:
        return CLUSTER_UNREACHABLE, state.unseen
    if state.suspended:
        return SUSPENDED, "the Workflow is suspended: no further step begins until somebody resumes it"
    return "", ""


def final(state: TaskState, ending: Ending) -> Told:
    """Tell how the attempt ended, and every step with it."""
    body = _known(
        phase=str(ending.phase),
        reason=ending.reason,
        message=ending.message,
        remedy=remedy(ending.reason),
        workflow=dict(state.workflow),
    )
    return Told(Kind.STATUS, {**body, "steps": [step(one) for one in state.steps]})


def step(state: StepState) -> dict[str, Any]:
    """Return a step as events have it."""
    return _known(
        name=state.name,
        phase=str(state.phase),
        exitCode=state.exit_code,
        reason=state.reason,
        message=state.message,
        remedy=remedy(state.reason),
        startedAt=state.started_at,
        finishedAt=state.finished_at,
        pod=state.pod,
    )


def log(seen: LogLines | LogGap) -> list[Told]:
    """Tell lines, or that some are missing."""
    if isinstance(seen, LogGap):
        return [Told(Kind.GAP, _known(step=seen.step, why=seen.why, missing=seen.missing))]
    if not seen.lines:
        return []
    return [Told(Kind.LOG, {"step": seen.step, "lines": list(seen.lines)}, seen.time)]


def unread(state: TaskState) -> list[Told]:
    """Tell a gap for each step whose log may have more lines than were told.

    A step that was not seen to start may have started since, while nobody could tell it, unless something
    keeps it, or one before it, from starting. An attempt that was never submitted has no steps that ran.
    """
    told: list[Told] = []
    for step in state.steps if state.workflow else ():
        if step.reason and not step.ran:
            break
        if step.phase is not StepPhase.SKIPPED and not step.log_ended:
            told += log(LogGap(step.name, UNREAD, None, {}))
    return told


def _known(**facts: Any) -> dict[str, Any]:
    return {name: fact for name, fact in facts.items() if fact not in ("", None, {})}
