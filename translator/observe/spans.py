"""The trace of one attempt, from its submission to agent-server's acknowledgement, made of what is stored.

It is made when the last event is acknowledged, of the attempt's state and first events: so it needs no memory
of the process that began it, and is the same whoever makes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from translator.observe.event import Phase, StepPhase
from translator.observe.state import StepState, TaskState


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time.

    Attributes:
        name: what happened in it.
        start: RFC 3339.
        end: RFC 3339.
        failed: why it did not go well; empty: it did.
        attributes: facts, by OpenTelemetry's way of naming.
    """

    name: str
    start: str
    end: str
    failed: str = ""
    attributes: Mapping[str, str | int] = field(default_factory=dict)


def spans(
    state: TaskState, first: Sequence[Mapping[str, Any]], last: Mapping[str, Any], acknowledged: str
) -> list[Span]:
    """The spans of an attempt that has ended: the whole of it first, then what was in it.

    Args:
        state: its last one.
        first: its first events, as JSON data, up to the one that tells of the Workflow if there is one.
        last: its last event, as JSON data.
        acknowledged: when agent-server held that.
    """
    began = first[0]["time"]
    facts: dict[str, str | int] = {
        "codo.task.id": state.task_id,
        "codo.agent.id": state.agent_id,
        "codo.attempt": state.attempt,
        "codo.phase": str(state.phase),
    }
    workflow = {
        f"argo.workflow.{name}": value
        for name, value in state.workflow.items()
        if name in ("namespace", "name")
    }
    failed = "" if state.phase is Phase.SUCCEEDED else last.get("reason") or str(state.phase)
    found = [Span(f"task {state.phase}", began, acknowledged, failed, facts | workflow)]
    submitted = next((event["time"] for event in first if event.get("workflow")), "")
    if submitted:
        found.append(Span("submit", began, submitted, attributes=workflow))
    found += [_step(step) for step in state.steps if step.started_at and step.finished_at]
    found.append(Span("deliver", last["time"], acknowledged))
    return found


def _step(step: StepState) -> Span:
    facts: dict[str, str | int] = {"codo.step": step.name, "codo.phase": str(step.phase)}
    if step.exit_code is not None:
        facts["codo.exit_code"] = step.exit_code
    if step.pod:
        facts["k8s.pod.name"] = step.pod
    failed = step.reason or str(step.phase) if step.phase is StepPhase.FAILED else ""
    return Span(f"step {step.name}", step.started_at, step.finished_at, failed, facts)
