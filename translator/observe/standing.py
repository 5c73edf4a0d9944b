"""Where every step of an attempt stands, after all that is known of it: step by step, in the task's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from translator.observe.cause import started
from translator.observe.event import StepPhase
from translator.observe.outcome import Outcome, closing, progress, settled
from translator.observe.sight import PodSight
from translator.observe.state import StepState, TaskState

_RANK: Final = {phase: rank for rank, phase in enumerate(StepPhase)}


def advanced(state: TaskState) -> TaskState:
    """Return the state with every step decided anew, except those that have ended."""
    steps: list[StepState] = []
    for step in state.steps:
        steps.append(step if step.phase.final else _decided(step, state, steps))
    return replace(state, steps=tuple(steps))


def in_turn(seen: PodSight, earlier: Sequence[StepState]) -> PodSight:
    """Return a sight with the time at which the step's own process started.

    In a shared pod all containers start at once, and each waits there until the one before it has ended.
    """
    if not seen.shared or not earlier or not seen.started_at:
        return seen
    return replace(seen, started_at=max(seen.started_at, earlier[-1].finished_at))


def _decided(step: StepState, state: TaskState, earlier: Sequence[StepState]) -> StepState:
    before = earlier[-1].phase if earlier and _shares_pod(step) else StepPhase.SUCCEEDED
    if step.seen_pod is not None:
        step = replace(step, seen_pod=in_turn(step.seen_pod, earlier))
    if before is StepPhase.SUCCEEDED:
        step = replace(step, ran=started(step))
    outcome = progress(step, state.verdict, before)
    if state.ending is not None and not outcome.phase.final and not _may_still_tell(step, state):
        outcome = closing(step, state.ending, before)
    return settled(step, outcome) if outcome.phase.final else _going_on(step, outcome)


def _shares_pod(step: StepState) -> bool:
    if step.seen_pod is not None:
        return step.seen_pod.shared
    return step.node is not None and step.node.kind == "Container"


def _may_still_tell(step: StepState, state: TaskState) -> bool:
    """Whether its pod is worth waiting for, although the Workflow has ended."""
    pod_ended = step.seen_pod is not None and step.seen_pod.final
    told_later = step.ran or step.pod_open
    return told_later and not step.log_ended and not state.overruled and not pod_ended


def _going_on(step: StepState, outcome: Outcome) -> StepState:
    pod, node = step.seen_pod, step.node
    started_at = (pod is not None and pod.started_at) or (node is not None and node.started_at) or ""
    running = outcome.phase is StepPhase.RUNNING
    return replace(
        step,
        phase=max(step.phase, outcome.phase, key=_RANK.__getitem__),
        reason=outcome.reason,
        message=outcome.message,
        started_at=started_at if running else "",
        pod=pod.name if pod is not None else "",
    )
