"""An attempt of which nothing is remembered goes on: after the last event that agent-server holds of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from translator.observe import nodes
from translator.observe.cause import started
from translator.observe.event import Event, Kind, Phase
from translator.observe.observation import LogGap, Observation, Submitted, Verdict, WorkflowRef, WorkflowSeen
from translator.observe.reasons import TASK_DEADLINE_EXCEEDED
from translator.observe.reducer import begin, observe
from translator.observe.state import StepState, TaskState

TAKEN_UP = "Redis had lost what was known of this attempt; it was taken up again from its Workflow"

GAP = (
    "Redis had lost how far this log was told: it is told again from as far back as it can be read, "
    "so lines may be missing or come a second time"
)


@dataclass(frozen=True, slots=True)
class Found:
    """What is left of an attempt.

    Attributes:
        steps: the steps' names, in order.
        held: seq of the last event that agent-server holds of it; 0: none.
        phase: of the final status, where agent-server holds that; empty: it does not.
    """

    task_id: str
    agent_id: str
    attempt: int
    steps: Sequence[str]
    held: int
    phase: str


def resumed(
    found: Found,
    now: str,
    *,
    workflow: Mapping[str, Any] | None = None,
    ref: WorkflowRef | None = None,
    url: str = "",
    timeout: str = "",
    overdue: bool = False,
) -> tuple[TaskState, list[Event]]:
    """Return the state from which the attempt goes on, and the events that say so.

    Where agent-server holds the final status, there are none: nothing may follow it.

    Args:
        found: what is left.
        now: RFC 3339 in UTC, with a ``Z``.
        workflow: the Workflow as it is now; None: there is none (any more).
        ref: of the Workflow; None: the attempt had none, as far as is known.
        url: where a person can watch it.
        timeout: how long the task may take, as a Go duration; empty: that is not known any more.
        overdue: the task's time was up before its Workflow ended.
    """
    steps = tuple(StepState(name) for name in found.steps)
    blank = TaskState(found.task_id, found.agent_id, found.attempt, found.held, Phase.PENDING, steps)
    submitted = Submitted(ref, url, timeout) if ref is not None else None
    seen = _observations(found, workflow, submitted, overdue=overdue)
    if found.phase:
        state, _ = _all(blank, seen, now)
        known = replace(state, phase=Phase(found.phase), seq=found.held)
        return known, []
    if not found.held:
        state, first = begin(found.task_id, found.agent_id, found.attempt, found.steps, now)
        state, more = _all(state, seen, now)
        return state, [*first, *more]
    if workflow is not None and _started(workflow, found.steps):
        blank = replace(blank, phase=Phase.RUNNING)
    state, events = _all(blank, seen, now)
    return state, _explained(events)


def _observations(
    found: Found, workflow: Mapping[str, Any] | None, submitted: Submitted | None, *, overdue: bool
) -> list[Observation]:
    seen: list[Observation] = [submitted] if submitted is not None else []
    if workflow is not None:
        if overdue and (workflow.get("spec") or {}).get("shutdown"):
            # the service orders that when the time is up, and what it had decided is lost too
            seen.append(Verdict("TimedOut", TASK_DEADLINE_EXCEEDED, "the task ran longer than its timeout"))
        # a gap alone would say that its step runs, which may have been told to have ended
        seen.append(WorkflowSeen(workflow))
        seen += [LogGap(step, GAP, None, {}) for step in _started(workflow, found.steps)]
    return seen


def _started(workflow: Mapping[str, Any], steps: Sequence[str]) -> list[str]:
    """The steps whose process has started, as the Workflow tells."""
    seen = nodes.read(workflow)
    sights = {seen.names.get(called, called): sight for called, sight in (seen.steps or {}).items()}
    return [name for name in steps if started(StepState(name, node=sights.get(name)))]


def _all(state: TaskState, seen: Sequence[Observation], now: str) -> tuple[TaskState, list[Event]]:
    events: list[Event] = []
    for each in seen:
        state, told = observe(state, each, now)
        events += told
    return state, events


def _explained(events: Sequence[Event]) -> list[Event]:
    """The first status says why it comes."""
    for index, event in enumerate(events):
        if event.kind is Kind.STATUS:
            told = replace(event, body={**event.body, "message": TAKEN_UP})
            return [*events[:index], told, *events[index + 1 :]]
    return list(events)
