"""How an attempt ends: what its Workflow says, overruled by the service's verdict, told by its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from translator.observe import nodes, problems, reasons
from translator.observe.event import Phase, StepPhase
from translator.observe.nodes import WorkflowSight
from translator.observe.state import Ending, StepState, TaskState

DELETED = Ending(Phase.ERROR, reasons.WORKFLOW_DELETED, "the Workflow was deleted before it had ended")
OVERDUE = Ending(Phase.TIMED_OUT, reasons.TASK_DEADLINE_EXCEEDED, "the task ran longer than its timeout")
STOPPED = Ending(Phase.CANCELLED, reasons.TERMINATED, "the Workflow was stopped in Argo")


def of_workflow(seen: WorkflowSight) -> Ending:
    """Decide how an attempt without a verdict ends, of its Workflow that has ended.

    continueOn leaves a Workflow Succeeded although a step failed; after Terminate or Stop it is Failed, and
    in some versions Succeeded (argoproj/argo-workflows#11163).
    """
    if _stopped(seen):
        return STOPPED
    if seen.phase == "Succeeded":
        return Ending(Phase.SUCCEEDED)
    if seen.overdue:
        return OVERDUE
    return Ending(Phase.FAILED if seen.phase == "Failed" else Phase.ERROR, "", seen.message)


def placed(ending: Ending, state: TaskState) -> Ending:
    """Return an ending that says, if the task's time is up, how much that was and where the task stood.

    Args:
        ending: as it was decided.
        state: what was known of the attempt then.
    """
    if ending.phase is not Phase.TIMED_OUT:
        return ending
    limit = f" of {state.timeout}" if state.timeout else ""
    return replace(ending, message=f"{ending.message}{limit}{_place(state.steps)}")


def _place(steps: Sequence[StepState]) -> str:
    """Return which step the task was at."""
    step = next((step for step in steps if not step.phase.final), None)
    if step is None:
        return ""
    if step.phase is StepPhase.RUNNING:
        return f"; step {step.name} was running"
    waiting = f" was waiting: {step.message}" if step.reason else " had not started"
    return f"; step {step.name}{waiting}"


def told(ending: Ending, steps: Sequence[StepState]) -> Ending:
    """Return an ending as it is told, once every step has ended: with the reason of the step that decided it.

    Steps run one after the other, so that is the last one that failed: nothing came after it.
    """
    if ending.reason:
        return ending
    failed = [step for step in steps if step.phase is StepPhase.FAILED]
    if ending.phase is Phase.SUCCEEDED:
        names = ", ".join(step.name for step in failed)
        return Ending(Phase.SUCCEEDED, "", f"the task went on after a failed step: {names}" if names else "")
    if failed:
        return Ending(ending.phase, failed[-1].reason, f"step {failed[-1].name}: {failed[-1].message}")
    words = ending.message or "the Workflow failed, and nothing says why"
    return Ending(Phase.ERROR, problems.refused(words) or reasons.ENGINE_ERROR, words)


def _stopped(seen: WorkflowSight) -> bool:
    if not seen.shutdown:
        return False
    in_steps = seen.steps is not None and any(nodes.SHUTDOWN in node.message for node in seen.steps.values())
    return seen.phase != "Succeeded" or in_steps
