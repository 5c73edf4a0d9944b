"""How a Workflow ends, by how its nodes ended: as Argo judges a DAG and a containerSet."""

from __future__ import annotations

from collections.abc import Mapping

from translator.engine.local.plan import Pod
from translator.engine.local.status import SHUTDOWN, STOPPED, Outcome


def conclude(ends: Mapping[str, Outcome], pods: Mapping[str, Pod], stopped: str) -> tuple[str, str]:
    """The Workflow's phase and message.

    Args:
        ends: by step, how those ended that were reached.
        pods: by step, the pod that each step is in, or would have been.
        stopped: the message that the engine stopped the whole Workflow with; empty: it did not.
    """
    spoiled = [end.phase for step, end in ends.items() if spoils(end, pods[step])]
    cut_short = bool(stopped) and (
        len(ends) < len(pods) or any(end.message == stopped for end in ends.values())
    )
    phase = "Succeeded"
    if "Failed" in spoiled or cut_short:
        phase = "Failed"
    elif spoiled:
        phase = "Error"
    return phase, STOPPED if cut_short and stopped == SHUTDOWN else ""


def spoils(end: Outcome, pod: Pod) -> bool:
    """Whether a node's end keeps those after it from running."""
    forgiven = (end.phase == "Failed" and pod.continue_failed) or (
        end.phase == "Error" and pod.continue_error
    )
    return end.phase != "Succeeded" and not forgiven
