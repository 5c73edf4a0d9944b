"""What each kind of observation adds to what is known of an attempt; what follows from it is `standing`'s."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from translator.observe import ending, nodes, pods
from translator.observe.cause import KILLED
from translator.observe.event import Phase, StepPhase
from translator.observe.observation import (
    LogEnd,
    LogGap,
    LogLines,
    Observation,
    PodGone,
    PodSeen,
    Submitted,
    Verdict,
    Visibility,
    Waiting,
    WorkflowGone,
    WorkflowSeen,
)
from translator.observe.outcome import refined
from translator.observe.reasons import UNOBSERVED
from translator.observe.sight import NodeSight, PodSight
from translator.observe.standing import in_turn
from translator.observe.state import Ending, StepState, TaskState


def repeats(state: TaskState, seen: Observation) -> bool:
    """Whether these lines, or this gap, have been told already.

    Lines move an engine's cursor. A gap does not: it lies where the cursor is, after the lines that led
    there, so that it is known by its words.
    """
    if not isinstance(seen, LogLines | LogGap) or not seen.cursor:
        return False
    if state.cursors.get(seen.step) != seen.cursor:
        return False
    step = state.step(seen.step)
    return isinstance(seen, LogLines) or (step is not None and step.gap == seen.why)


def by_name(state: TaskState, seen: Observation) -> Observation:
    """The observation with the step's name in the task: an engine knows only the one in the Workflow."""
    if isinstance(seen, LogLines | LogGap | LogEnd) and (name := state.name_of(seen.step)) != seen.step:
        return replace(seen, step=name)
    return seen


def taken_in(state: TaskState, seen: Observation) -> TaskState:
    """Return the state with what an observation tells, before anything is concluded from it."""
    match seen:
        case Submitted():
            ref = seen.ref
            known = replace(
                state,
                workflow=_ref(ref.namespace, ref.name, ref.uid, seen.url),
                timeout=seen.timeout,
                waiting_reason="",
                waiting_message="",
            )
        case Waiting():
            known = state
            if not state.workflow:
                known = replace(state, waiting_reason=seen.reason, waiting_message=seen.message)
        case WorkflowSeen():
            known = _workflow(state, nodes.read(seen.object))
        case WorkflowGone():
            known = replace(state, ending=state.ending or ending.of_deletion(state))
        case Visibility():
            known = replace(state, unseen=seen.why_not)
        case PodSeen():
            known = _pod(state, pods.read(seen.object))
        case PodGone():
            known = _pod(state, pods.read(seen.object, gone=True))
        case LogLines() | LogGap():
            known = _written(state, seen)
        case LogEnd():
            known = _changed(state, seen.step, lambda step: replace(step, log_ended=True))
        case Verdict():
            known = _verdict(state, seen)
    return known


def _ref(namespace: str, name: str, uid: str, url: str) -> dict[str, str]:
    told = {"namespace": namespace, "name": name, "uid": uid, "url": url}
    return {key: value for key, value in told.items() if value}


def _workflow(state: TaskState, seen: nodes.WorkflowSight) -> TaskState:
    uid = state.workflow.get("uid")
    if uid and seen.uid and uid != seen.uid:
        return state  # one of the same name that somebody else made
    called = {name: own for own, name in seen.names.items()}
    steps = tuple(_with_rule(_with_name(step, called), seen.continues) for step in state.steps)
    state = replace(state, steps=steps)
    if state.ending is not None:
        return state  # one that has ended, reset by `argo retry`
    sights = seen.steps or {}
    return replace(
        state,
        workflow=state.workflow or _ref(seen.namespace, seen.name, seen.uid, ""),
        suspended=seen.suspended,
        unseen="",
        ending=ending.of_workflow(seen, state) if seen.final else None,
        steps=tuple(_with_node(step, sights.get(step.in_workflow)) for step in state.steps),
    )


def _with_name(step: StepState, called: Mapping[str, str]) -> StepState:
    told = called.get(step.name, step.called)
    return step if told == step.called else replace(step, called=told)


def _with_rule(step: StepState, continues: Mapping[str, bool]) -> StepState:
    told = continues.get(step.in_workflow, step.continues)
    return step if told == step.continues else replace(step, continues=told)


def _with_node(step: StepState, seen: NodeSight | None) -> StepState:
    if seen is None:
        return step
    if step.phase.final:
        return refined(step, seen)
    node = seen.after(step.node)
    return step if node == step.node else replace(step, node=node)


def _pod(state: TaskState, sights: Mapping[str, PodSight]) -> TaskState:
    steps: list[StepState] = []
    for step in state.steps:
        steps.append(_with_pod(step, sights.get(step.in_workflow), steps))
    return replace(state, steps=tuple(steps))


def _with_pod(step: StepState, seen: PodSight | None, earlier: Sequence[StepState]) -> StepState:
    if seen is None:
        return step
    step = replace(step, pod_open=step.phase is not StepPhase.SKIPPED and seen.may_start)
    if step.phase.final:
        return refined(step, in_turn(seen, earlier))
    return replace(step, seen_pod=seen.after(step.seen_pod))


def _written(state: TaskState, seen: LogLines | LogGap) -> TaskState:
    if state.step(seen.step) is None:
        return state
    gap = seen.why if isinstance(seen, LogGap) else ""
    # of a gap without a cursor nobody knows whether there was anything to read
    ran = isinstance(seen, LogLines) or bool(seen.cursor)
    known = _changed(state, seen.step, lambda step: replace(step, ran=step.ran or ran, gap=gap))
    return replace(known, cursors={**state.cursors, seen.step: seen.cursor})


def _verdict(state: TaskState, seen: Verdict) -> TaskState:
    decided = state.verdict or Ending(Phase(seen.phase), seen.reason, seen.message)
    if seen.reason == UNOBSERVED:
        # it stands over what was ordered: nobody saw that carried out
        decided = Ending(Phase(seen.phase), seen.reason, seen.message)
    if not seen.ended:
        if state.ending is not None or state.verdict is not None:
            return state  # it has ended meanwhile, or its end is ordered already
        return replace(state, verdict=decided, steps=tuple(map(_in_time, state.steps)))
    return replace(state, verdict=decided, overruled=True, ending=state.ending or decided)


def _in_time(step: StepState) -> StepState:
    """Note of a step that has ended by itself that it had before the end was ordered.

    Argo acts on the order as long as the pod runs, and so for a moment after the user's process has ended.
    """
    pod = step.seen_pod
    ended = pod is not None and pod.exit_code is not None and pod.exit_code not in KILLED and not pod.deleted
    return replace(step, in_time=ended or step.phase in (StepPhase.SUCCEEDED, StepPhase.FAILED))


def _changed(state: TaskState, name: str, change: Callable[[StepState], StepState]) -> TaskState:
    steps = tuple(change(step) if step.name == name else step for step in state.steps)
    return replace(state, steps=steps)
