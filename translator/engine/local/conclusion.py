"""How a Workflow ends, by how its nodes ended: as Argo judges a DAG and a containerSet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from translator.engine.local.plan import Pod
from translator.engine.local.status import SHUTDOWN, STOPPED, Outcome


def conclude(
    ends: Mapping[str, Outcome], pods: Mapping[str, Pod], targets: Sequence[str], stopped: str
) -> tuple[str, str]:
    """The Workflow's phase and message.

    Args:
        ends: by step, how those ended that were reached.
        pods: by step, the pod that each step is in, or would have been.
        targets: the steps by which Argo judges the whole: a DAG's ``target``, or else its last steps.
        stopped: the message that the engine stopped the whole Workflow with; empty: it did not.
    """
    cut_short = bool(stopped) and (
        len(ends) < len(pods) or any(end.message == stopped for end in ends.values())
    )
    if cut_short:
        return "Failed", STOPPED if stopped == SHUTDOWN else ""
    for step in targets:
        end = _branch(step, ends, pods)
        if spoils(end, pods[step]):
            return end.phase, ""
    return "Succeeded", ""


def spoils(end: Outcome, pod: Pod) -> bool:
    """Whether a node's end keeps those after it from running."""
    forgiven = (end.phase == "Failed" and pod.continue_failed) or (
        end.phase == "Error" and pod.continue_error
    )
    return end.phase != "Succeeded" and not forgiven


def _branch(step: str, ends: Mapping[str, Outcome], pods: Mapping[str, Pod]) -> Outcome:
    """How a step ended; one that was omitted inherits from those it depends on (Argo's assessDAGPhase)."""
    if step in ends:
        return ends[step]
    before = [_branch(name, ends, pods) for name in pods[step].dependencies]
    return next((end for end in before if end.phase != "Succeeded"), Outcome("Succeeded"))
