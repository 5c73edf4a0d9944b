"""How one step stands: small predicates on what was seen of it, then one ordered decision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from translator.observe import nodes, reasons
from translator.observe.cause import KILLED, never_reached, sights, started, why_failed, why_pending
from translator.observe.event import Phase, StepPhase
from translator.observe.sight import NodeSight, PodSight
from translator.observe.state import Ending, StepState

_LOST: Final = frozenset({reasons.POD_DELETED, reasons.WORKFLOW_DELETED})


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a step stands, and why if that is not as it should be."""

    phase: StepPhase
    reason: str = ""
    message: str = ""


def progress(step: StepState, verdict: Ending | None, before: StepPhase) -> Outcome:
    """Decide where a step stands while its Workflow goes on.

    Args:
        step: with what was last seen of it.
        verdict: the service's decision, if there is one.
        before: how the step before it in the same pod stands: its container starts with the pod, but waits
            for that one to succeed. Succeeded where each step has its own pod.
    """
    if _passed_over(step) or before in (StepPhase.FAILED, StepPhase.SKIPPED):
        return Outcome(StepPhase.SKIPPED)
    if before is not StepPhase.SUCCEEDED:
        return Outcome(StepPhase.PENDING)
    # once the end is ordered, Argo alone knows whether a process ended by itself: it may end well on SIGTERM
    by_itself = step.in_time or verdict is None or not verdict.ordered
    if _succeeded(step, by_itself=by_itself):
        return Outcome(StepPhase.SUCCEEDED)
    if _node_failed(step) or (by_itself and _pod_failed_by_itself(step)):
        return _failed(step, verdict)
    if started(step):
        return Outcome(StepPhase.RUNNING)
    return Outcome(StepPhase.PENDING, *why_pending(step))


def _failed(step: StepState, verdict: Ending | None) -> Outcome:
    if not never_reached(step, verdict):
        return Outcome(StepPhase.FAILED, *why_failed(step, verdict))
    # a pod that is behind its Workflow may still start
    return Outcome(StepPhase.PENDING if step.pod_open else StepPhase.SKIPPED, *why_pending(step))


def closing(step: StepState, ending: Ending, before: StepPhase) -> Outcome:
    """Decide how a step that has not ended by itself ends with its attempt.

    Whatever ended the task, a step that had not started is Skipped (`never_reached`).

    Args:
        step: with what was last seen of it.
        ending: how the attempt ends.
        before: as in `progress`.
    """
    _, pod = sights(step)
    cause = ending if ending.reason else None
    if not _reached(step) or before is not StepPhase.SUCCEEDED:
        return Outcome(StepPhase.SKIPPED)
    if never_reached(step, cause):
        return Outcome(StepPhase.SKIPPED, *why_pending(step))
    if pod.exit_code == 0 or (ending.phase is Phase.SUCCEEDED and not _failed_unseen(step)):
        return Outcome(StepPhase.SUCCEEDED)
    return Outcome(StepPhase.FAILED, *why_failed(step, cause))


def settled(step: StepState, outcome: Outcome) -> StepState:
    """Return a step that has ended: what was seen of it is taken over as far as it tells, and forgotten."""
    if outcome.phase is StepPhase.SKIPPED:
        return StepState(
            step.name,
            StepPhase.SKIPPED,
            outcome.reason,
            outcome.message,
            continues=step.continues,
            called=step.called,
        )
    ended = replace(step, phase=outcome.phase, reason=outcome.reason, message=outcome.message)
    for sight in (step.node, step.seen_pod):
        if sight is not None:
            ended = refined(ended, sight)
    return replace(ended, node=None, seen_pod=None)


def refined(step: StepState, sight: NodeSight | PodSight) -> StepState:
    """Return a step that has ended, with what a later sight adds: it never changes how the step ended.

    The container's own times are better than the node's, which count the scheduling and Argo's delays.
    """
    if step.phase is StepPhase.SKIPPED:
        return step
    if isinstance(sight, PodSight) and sight.ran:
        step = replace(step, ran=True)
    code = step.exit_code if sight.exit_code is None or _not_its_own(step) else sight.exit_code
    if isinstance(sight, PodSight):
        return replace(
            step,
            exit_code=code,
            pod=sight.name,
            started_at=sight.started_at or step.started_at,
            finished_at=(sight.ran and sight.finished_at) or step.finished_at,
        )
    return replace(
        step,
        exit_code=code,
        started_at=step.started_at or (sight.started_at if step.ran else ""),
        finished_at=step.finished_at or sight.finished_at,
    )


def _not_its_own(step: StepState) -> bool:
    """Whether an exit code would say how the process was removed, not what it did."""
    return not step.ran or step.reason in _LOST


def _failed_unseen(step: StepState) -> bool:
    """Whether the step failed although its Workflow went on to succeed, as its pod alone tells."""
    pod = step.seen_pod
    return pod is not None and (bool(pod.exit_code) or ((pod.final or pod.gone) and not started(step)))


def _reached(step: StepState) -> bool:
    return step.node is not None or step.seen_pod is not None or step.ran


def _passed_over(step: StepState) -> bool:
    """Whether Argo left the step out."""
    node, _ = sights(step)
    return node.phase in ("Omitted", "Skipped")


def _succeeded(step: StepState, *, by_itself: bool) -> bool:
    node, pod = sights(step)
    if node.final and step.in_time and nodes.shut_down(node.message):
        return pod.exit_code == 0
    if node.final:
        return node.phase == "Succeeded"
    return by_itself and pod.exit_code == 0 and (pod.shared or pod.phase == "Succeeded")


def _node_failed(step: StepState) -> bool:
    node, _ = sights(step)
    return node.phase in ("Failed", "Error")


def _pod_failed_by_itself(step: StepState) -> bool:
    """Whether the pod alone leaves no doubt why the step failed: Argo tells the same seconds later.

    A killed process does leave doubt: a deadline, a Terminate or a deletion may be behind it.
    """
    _, pod = sights(step)
    if not pod.final or pod.reason or pod.deleted or not pod.exit_code:
        return False
    return pod.exit_code not in KILLED or pod.why == reasons.OOM_KILLED
