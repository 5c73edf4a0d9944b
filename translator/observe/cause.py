"""Why a step cannot start, or failed: of all that is seen of it, the first thing that explains it."""

from __future__ import annotations

import signal
from typing import Final

from translator.observe import nodes, problems, reasons
from translator.observe.event import Phase
from translator.observe.sight import NodeSight, PodSight
from translator.observe.state import Ending, StepState

_NO_NODE: Final = NodeSight()
_NO_POD: Final = PodSight()

_MISSING: Final = "failed to find name in PATH"
_EMISSARY_FAILED: Final = 64

KILLED: Final = frozenset({128 + signal.SIGKILL, 128 + signal.SIGTERM})
"""Exit codes of a process that somebody killed."""


def started(step: StepState) -> bool:
    """Whether the user's process of this step has started: then it may have written lines."""
    node, pod = sights(step)
    if step.ran or pod.ran or node.ran:
        return True
    if pod.problem or (pod.final and pod.container) or problems.pending(node.message)[0]:
        # Argo has an exit code for those that never started, too
        return False
    return node.phase == "Succeeded" or (node.final and node.exit_code is not None)


def sights(step: StepState) -> tuple[NodeSight, PodSight]:
    """Return what was seen of a step; blank where nothing was."""
    return step.node or _NO_NODE, step.seen_pod or _NO_POD


def why_pending(step: StepState) -> tuple[str, str]:
    """Return reason and words of what keeps a step from starting, or two empty texts.

    Its pod tells, or its node where no pod is known.
    """
    node, pod = sights(step)
    if step.seen_pod is not None:
        return pod.problem, pod.problem_message
    return problems.pending(node.message)


def never_reached(step: StepState, cause: Ending | None) -> bool:
    """Whether the task ended, by something else, before this step's process started.

    Such a step is Skipped, though Argo calls its node Failed: an order, the deadline or the Workflow's
    deletion ended the task while the step waited. A step is Failed that could not start in its own time, or
    whose own pod was lost, for that is what ended the task.

    Args:
        step: with what was last seen of it.
        cause: what ended the task, or will; None: nothing but its steps.
    """
    node, pod = sights(step)
    if started(step):
        return False
    if nodes.shut_down(node.message) or _task_overdue(node):
        return True
    if cause is None or _start_overdue(node, pod):
        return False
    if _step_overdue(node, pod) and cause.phase is not Phase.TIMED_OUT:
        return False
    # a deleted pod: whoever ended the task deletes those that are left
    return not node.final or nodes.POD_DELETED in node.message


def why_failed(step: StepState, verdict: Ending | None) -> tuple[str, str]:  # noqa: PLR0911  # one ordered decision
    """Return reason and message of a step that failed: the first that applies.

    Args:
        step: with what was last seen of it.
        verdict: how the attempt ends, if that was decided: it explains what nothing else does.
    """
    node, pod = sights(step)
    if not started(step):
        return _why_not_started(step)
    if nodes.shut_down(node.message) and not step.in_time:
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
    if verdict is not None and (code is None or code in KILLED):
        return verdict.reason, verdict.message
    if _pod_deleted(node, pod, code):
        return reasons.POD_DELETED, "the pod was deleted while the step ran"
    if code:
        return reasons.STEP_FAILED, _exit(code)
    words = node.message or pod.message or "the step failed, and nothing says why"
    return problems.refused(words) or reasons.ENGINE_ERROR, words


def _why_not_started(step: StepState) -> tuple[str, str]:
    """Return why a step failed whose process never started: the first that applies."""
    node, pod = sights(step)
    problem = why_pending(step)
    if problem[0]:
        return problem[0], f"could not start: {problem[1]}"
    if step.reason:
        return step.reason, step.message
    if _step_overdue(node, pod) or _start_overdue(node, pod):
        return reasons.START_TIMEOUT, nodes.START_OVERDUE
    if pod.reason == reasons.POD_EVICTED:
        return reasons.POD_EVICTED, pod.message
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
    return reasons.TASK_DEADLINE_EXCEEDED, "the task ran longer than its timeout"


def _task_overdue(node: NodeSight) -> bool:
    return node.message == nodes.WORKFLOW_DEADLINE or node.overdue


def _step_overdue(node: NodeSight, pod: PodSight) -> bool:
    return (
        node.message in (nodes.POD_DEADLINE, nodes.TEMPLATE_TIMEOUT)
        or pod.reason == reasons.DEADLINE_EXCEEDED
    )


def _start_overdue(node: NodeSight, pod: PodSight) -> bool:
    return node.message == nodes.START_OVERDUE or pod.reason == reasons.START_TIMEOUT


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
