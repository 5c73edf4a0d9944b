"""How one step stands: small predicates on what was seen of it, then one ordered decision."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from typing import Final

from translator.observe import nodes, problems, reasons
from translator.observe.event import Phase, StepPhase
from translator.observe.sight import NodeSight, PodSight
from translator.observe.state import Ending, StepState

_NO_NODE: Final = NodeSight()
_NO_POD: Final = PodSight()

_MISSING: Final = "failed to find name in PATH"
_EMISSARY_FAILED: Final = 64
_KILLED: Final = frozenset({128 + signal.SIGKILL, 128 + signal.SIGTERM})

_LOST: Final = frozenset({reasons.POD_DELETED, reasons.WORKFLOW_DELETED})


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a step stands, and why if that is not as it should be."""

    phase: StepPhase
    reason: str = ""
    message: str = ""


def started(step: StepState) -> bool:
    """Whether the user's process of this step has started: then it may have written lines."""
    node, pod = _sights(step)
    if step.ran or pod.ran or node.ran:
        return True
    if pod.problem or (pod.final and pod.container) or problems.pending(node.message)[0]:
        # Argo has an exit code for those that never started, too
        return False
    return node.phase == "Succeeded" or (node.final and node.exit_code is not None)


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
    if _succeeded(step):
        return Outcome(StepPhase.SUCCEEDED)
    if _node_failed(step) or _pod_failed_by_itself(step):
        return Outcome(StepPhase.FAILED, *_cause(step, verdict))
    if started(step):
        return Outcome(StepPhase.RUNNING)
    return Outcome(StepPhase.PENDING, *_problem(step))


def closing(step: StepState, ending: Ending, before: StepPhase) -> Outcome:
    """Decide how a step that has not ended by itself ends with its attempt.

    Args:
        step: with what was last seen of it.
        ending: how the attempt ends.
        before: as in `progress`.
    """
    _, pod = _sights(step)
    if not _reached(step) or before is not StepPhase.SUCCEEDED:
        return Outcome(StepPhase.SKIPPED)
    if pod.exit_code == 0 or (ending.phase is Phase.SUCCEEDED and not _failed_unseen(step)):
        return Outcome(StepPhase.SUCCEEDED)
    return Outcome(StepPhase.FAILED, *_cause(step, ending if ending.reason else None))


def settled(step: StepState, outcome: Outcome) -> StepState:
    """Return a step that has ended: what was seen of it is taken over as far as it tells, and forgotten."""
    if outcome.phase is StepPhase.SKIPPED:
        return StepState(step.name, StepPhase.SKIPPED)
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


def _sights(step: StepState) -> tuple[NodeSight, PodSight]:
    return step.node or _NO_NODE, step.seen_pod or _NO_POD


def _passed_over(step: StepState) -> bool:
    """Whether Argo left the step out.

    After Terminate, Argo 3.6 calls a step Failed that it never came to: it then begins and ends at once.
    """
    node, pod = _sights(step)
    if node.phase in ("Omitted", "Skipped"):
        return True
    at_once = node.started_at == node.finished_at
    return node.final and nodes.SHUTDOWN in node.message and at_once and not pod.name and not node.ran


def _succeeded(step: StepState) -> bool:
    node, pod = _sights(step)
    if node.final:
        return node.phase == "Succeeded"
    return pod.exit_code == 0 and (pod.shared or pod.phase == "Succeeded")


def _node_failed(step: StepState) -> bool:
    node, _ = _sights(step)
    return node.phase in ("Failed", "Error")


def _pod_failed_by_itself(step: StepState) -> bool:
    """Whether the pod alone leaves no doubt why the step failed: Argo tells the same seconds later.

    A killed process does leave doubt: a deadline, a Terminate or a deletion may be behind it.
    """
    _, pod = _sights(step)
    if not pod.final or pod.reason or pod.deleted or not pod.exit_code:
        return False
    return pod.exit_code not in _KILLED or pod.why == reasons.OOM_KILLED


def _problem(step: StepState) -> tuple[str, str]:
    """Return why a step cannot start, of its pod, or of its node where no pod is known."""
    node, pod = _sights(step)
    if step.seen_pod is not None:
        return pod.problem, pod.problem_message
    return problems.pending(node.message)


def _cause(step: StepState, verdict: Ending | None) -> tuple[str, str]:  # noqa: PLR0911  # one ordered decision
    """Return why a step failed: the first that applies."""
    node, pod = _sights(step)
    if not started(step):
        return _why_not_started(step, verdict)
    if nodes.SHUTDOWN in node.message:
        return _stopped(verdict)
    if _task_overdue(node):
        return _overdue(verdict)
    if _step_overdue(node, pod):
        return reasons.DEADLINE_EXCEEDED, _too_long(node, pod)
    if reasons.OOM_KILLED in (pod.why, node.message.split(" ")[0]):
        return reasons.OOM_KILLED, "the step used more memory than its limit and was killed"
    if pod.reason == reasons.POD_EVICTED:
        return reasons.POD_EVICTED, pod.message
    code = _code(node, pod)
    if code == _EMISSARY_FAILED and _MISSING in node.message + pod.told:
        return reasons.INTERPRETER_MISSING, (node.message + pod.told).split(_MISSING + ": ")[-1]
    if verdict is not None and (code is None or code in _KILLED):
        return verdict.reason, verdict.message
    if _pod_deleted(node, pod, code):
        return reasons.POD_DELETED, "the pod was deleted while the step ran"
    if code:
        return reasons.STEP_FAILED, _exit(code)
    return reasons.ENGINE_ERROR, node.message or pod.message or "the step failed, and nothing says why"


def _why_not_started(step: StepState, verdict: Ending | None) -> tuple[str, str]:  # noqa: PLR0911  # again
    """Return why a step failed whose process never started: the first that applies."""
    node, pod = _sights(step)
    problem = _problem(step)
    if problem[0]:
        return problem[0], f"could not start: {problem[1]}"
    if step.reason:
        return step.reason, step.message
    if nodes.SHUTDOWN in node.message:
        return _stopped(verdict)
    if _task_overdue(node):
        return _overdue(verdict)
    if _step_overdue(node, pod):
        return reasons.START_TIMEOUT, "the step's process did not start in time"
    if pod.reason == reasons.POD_EVICTED:
        return reasons.POD_EVICTED, pod.message
    if verdict is not None:
        return verdict.reason, verdict.message
    if pod.deleted or nodes.POD_DELETED in node.message:
        return reasons.POD_DELETED, "the pod was deleted before the step's process started"
    words = node.message or pod.message or "the step never started, and nothing says why"
    return problems.refused(words) or reasons.ENGINE_ERROR, words


def _code(node: NodeSight, pod: PodSight) -> int | None:
    """Return the process's exit code; Argo repeats one that Kubernetes made up for a container it lost."""
    return pod.exit_code if pod.container == "terminated" else node.exit_code


def _stopped(verdict: Ending | None) -> tuple[str, str]:
    if verdict is not None:
        return verdict.reason, verdict.message
    return reasons.TERMINATED, "the Workflow was stopped in Argo"


def _overdue(verdict: Ending | None) -> tuple[str, str]:
    if verdict is not None:
        return verdict.reason, verdict.message
    return reasons.TASK_DEADLINE_EXCEEDED, "the task ran longer than its deadline"


def _task_overdue(node: NodeSight) -> bool:
    return node.message == nodes.WORKFLOW_DEADLINE or node.overdue


def _step_overdue(node: NodeSight, pod: PodSight) -> bool:
    return (
        node.message in (nodes.POD_DEADLINE, nodes.TEMPLATE_TIMEOUT)
        or pod.reason == reasons.DEADLINE_EXCEEDED
    )


def _pod_deleted(node: NodeSight, pod: PodSight, code: int | None) -> bool:
    """Whether the pod's deletion ended the process; Argo also says so of a pod that had ended before."""
    return pod.deleted or (code is None and nodes.POD_DELETED in node.message)


def _too_long(node: NodeSight, pod: PodSight) -> str:
    timeout = node.timeout or pod.timeout
    return "the step ran longer than its timeout" + (f" of {timeout}" if timeout else "")


def _exit(code: int) -> str:
    words = f"the process ended with exit code {code}"
    try:
        return f"{words} ({signal.Signals(code - 128).name})"
    except ValueError:
        return words
