"""How an attempt ends. The verdict follows from the steps; a Workflow's own phase is never taken for it.

The first that applies:

1. An order that was acted on (a cancel, the deadline, a Terminate that somebody gave to Argo) → Cancelled or
   TimedOut. One that came after every step had ended by itself was not acted on, whatever Argo calls it.
2. A step without ``onError: continue`` failed by itself → Failed, with its reason.
3. Every step succeeded, or failed and may, and Argo says Succeeded → Succeeded.
4. Else → Error: Argo says that the Workflow failed although no step made it fail (an exit handler did, for
   one), the Workflow was deleted, or the engine lost it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from translator.observe import nodes, problems, reasons
from translator.observe.event import Phase, StepPhase
from translator.observe.nodes import WorkflowSight
from translator.observe.sight import NodeSight
from translator.observe.state import Ending, StepState, TaskState

_DELETED = Ending(Phase.ERROR, reasons.WORKFLOW_DELETED, "the Workflow was deleted before it had ended")
_OVERDUE = Ending(Phase.TIMED_OUT, reasons.TASK_DEADLINE_EXCEEDED, "the task ran longer than its timeout")
_STOPPED = Ending(Phase.CANCELLED, reasons.TERMINATED, "the Workflow was stopped in Argo")


def of_workflow(seen: WorkflowSight, state: TaskState) -> Ending:
    """Return what ended an attempt whose Workflow has ended.

    After Terminate or Stop the Workflow is Failed, also where every node had succeeded before; in some
    versions of Argo it is Succeeded, also where a node had not (argoproj/argo-workflows#11163).

    Args:
        seen: the Workflow.
        state: what is known of the attempt, its order to end among it.
    """
    if (seen.shutdown or (seen.overdue and seen.phase != "Succeeded")) and not _too_late(seen, state):
        order = _STOPPED if seen.shutdown else _OVERDUE
        if state.verdict is not None and state.verdict.ordered:
            order = state.verdict
        return replace(order, argo=seen.phase)
    if seen.phase == "Succeeded":
        return Ending(Phase.SUCCEEDED, argo=seen.phase)
    if (seen.shutdown or seen.overdue) and not seen.left_badly:
        # that is all that Argo means by it: the order came too late
        return Ending(Phase.SUCCEEDED, argo=seen.phase)
    phase = Phase.FAILED if seen.phase == "Failed" else Phase.ERROR
    return Ending(phase, "", seen.message, argo=seen.phase)


def of_deletion(state: TaskState) -> Ending:
    """Return what ended an attempt whose Workflow is gone."""
    decided = any(step.phase is StepPhase.FAILED and step.continues is False for step in state.steps)
    return _DELETED if decided or state.verdict is None else state.verdict


def told(state: TaskState) -> Ending:
    """Return how an attempt is told to have ended, once its Workflow and every step have."""
    ending, steps = state.ending, state.steps
    assert ending is not None, "that is asked once it has ended"
    if ending.ordered:
        return _placed(ending, state)
    forgiven: list[str] = []
    for at, step in enumerate(steps):
        if step.phase is StepPhase.SUCCEEDED:
            continue
        if step.phase is StepPhase.SKIPPED or (ending.reason and step.reason == ending.reason):
            argo = ending.argo or "Failed"
            return _error(ending, f"the Workflow ended as {argo} before step {step.name} ran")
        if not _continued(step, steps[at + 1 :], ending):
            return Ending(Phase.FAILED, step.reason, f"step {step.name}: {step.message}")
        forgiven.append(step.name)
    if ending.phase is not Phase.SUCCEEDED:
        argo = f"no step failed the task, but Argo ended the Workflow as {ending.argo}"
        return _error(replace(ending, message=f"{argo}: {ending.message}" if ending.message else ""), argo)
    names = ", ".join(forgiven)
    return Ending(Phase.SUCCEEDED, "", f"failed, and may (onError: continue): {names}" if names else "")


def _too_late(seen: WorkflowSight, state: TaskState) -> bool:
    """Whether every step had ended by itself when the order to end the Workflow was acted on.

    Where the nodes cannot be read, a step that ended before the order was given has ended by itself; of the
    others nobody can tell.
    """
    if seen.stopped_pod or (seen.left_badly and nodes.shut_down(seen.message)):
        return False
    if seen.steps is None and seen.phase == "Succeeded":
        return True
    for step in state.steps:
        succeeded = _by_itself(step, None if seen.steps is None else seen.steps.get(step.name, NodeSight()))
        if succeeded is None:
            return False
        if not succeeded and step.continues is False:
            return True
    return True


def _by_itself(step: StepState, node: NodeSight | None) -> bool | None:
    """Whether a step succeeded; None where it had not ended by itself, as far as can be told.

    Args:
        step: as it was known before the end.
        node: as the Workflow has it at its end; None: the Workflow tells nothing of its nodes.
    """
    if step.in_time:
        code = step.exit_code if step.seen_pod is None else step.seen_pod.exit_code
        return step.phase is StepPhase.SUCCEEDED or (not step.phase.final and code == 0)
    if node is None:
        return None if step.phase is not StepPhase.SUCCEEDED else True
    if not node.final or node.phase in ("Omitted", "Skipped"):
        return None
    if nodes.shut_down(node.message) or node.overdue or node.message == nodes.WORKFLOW_DEADLINE:
        return None
    return node.phase == "Succeeded"


def _continued(step: StepState, later: Sequence[StepState], ending: Ending) -> bool:
    """Whether the task went on after a step that failed, or would have."""
    if step.continues is not None:
        return step.continues
    # an earlier version stored the step, and its Workflow was not seen since
    return ending.phase is Phase.SUCCEEDED or any(one.phase is not StepPhase.SKIPPED for one in later)


def _error(ending: Ending, otherwise: str) -> Ending:
    """Return the Error of an attempt that no step and no order has ended.

    Args:
        ending: what ended it, with Argo's words where there are any.
        otherwise: what to say where there are none.
    """
    if ending.reason:
        return ending
    reason = problems.refused(ending.message) or reasons.ENGINE_ERROR
    return Ending(Phase.ERROR, reason, ending.message or f"{otherwise}, and nothing says why")


def _placed(ending: Ending, state: TaskState) -> Ending:
    """Return an ending that says, if the task's time is up, how much that was and where the task stood."""
    if ending.phase is not Phase.TIMED_OUT:
        return ending
    limit = f" of {state.timeout}" if state.timeout else ""
    # in what 0.1.0 stored, both are there
    words = ending.message.partition("; step ")[0].removesuffix(limit)
    return replace(ending, message=f"{words}{limit}{_place(ending, state.steps)}")


def _place(ending: Ending, steps: Sequence[StepState]) -> str:
    """Return at which step the task was ended."""
    for step in steps:
        if step.phase is StepPhase.FAILED and step.reason == ending.reason:
            return f"; step {step.name} was running"
        if step.phase is StepPhase.SKIPPED:
            waiting = f" was waiting: {step.message}" if step.reason else " had not started"
            return f"; step {step.name}{waiting}"
    return ""
