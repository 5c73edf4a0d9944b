"""Workflows and pods by hand, in Argo's shape."""

from __future__ import annotations

from typing import Any

from translator.observe.observation import PodGone, PodSeen, WorkflowSeen

T = "2026-11-23T22:00:{:02d}Z"


def node(
    step: str, phase: str = "Running", message: str = "", code: int | None = None, **more: Any
) -> dict[str, Any]:
    """A step's node."""
    found = {
        "id": f"wf-{step}",
        "name": f"wf.{step}",
        "displayName": step,
        "type": "Pod",
        "phase": phase,
        "boundaryID": "wf",
        "templateName": step,
        "startedAt": T.format(1),
        "finishedAt": None if phase in ("Pending", "Running") else T.format(9),
        **more,
    }
    if message:
        found["message"] = message
    if code is not None:
        found["outputs"] = {"exitCode": str(code)}
    return found


def workflow(*nodes: dict[str, Any], phase: str = "Running", message: str = "", **spec: Any) -> WorkflowSeen:
    """A Workflow with these nodes below its root."""
    ended = None if phase in ("", "Running") else T.format(10)
    root = {"id": "wf", "name": "wf", "displayName": "wf", "type": "DAG", "phase": phase, "finishedAt": ended}
    status = {
        "phase": phase,
        "startedAt": T.format(0),
        "finishedAt": ended,
        "nodes": {one["id"]: one for one in (root, *nodes)},
    }
    if message:
        status["message"] = message
    return WorkflowSeen(
        {
            "kind": "Workflow",
            "metadata": {"name": "wf", "namespace": "jobs", "uid": "u-1"},
            "spec": spec,
            "status": status,
        }
    )


def pod_object(step: str, phase: str = "Running", *, deleting: bool = False, **main: Any) -> dict[str, Any]:
    """A step's pod; `main` is its container's state, such as ``running={"startedAt": …}``, or pod fields."""
    status: dict[str, Any] = {"phase": phase}
    for field in ("reason", "message", "conditions", "initContainerStatuses"):
        if field in main:
            status[field] = main.pop(field)
    if main:
        status["containerStatuses"] = [{"name": "main", "state": main}]
    metadata: dict[str, Any] = {
        "name": f"wf-{step}-1",
        "labels": {"workflows.argoproj.io/workflow": "wf", "codo.dev/step": step},
        "annotations": {"codo.dev/step-timeout": "90s"},
    }
    if deleting:
        metadata["deletionTimestamp"] = T.format(30)
    return {
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [{"name": "wait"}, {"name": "main"}]},
        "status": status,
    }


def pod(step: str, phase: str = "Running", **more: Any) -> PodSeen:
    """A step's pod, as it is."""
    return PodSeen(pod_object(step, phase, **more))


def gone(step: str, phase: str = "Running", **more: Any) -> PodGone:
    """A step's pod, as it was."""
    return PodGone(pod_object(step, phase, **more))


RUNNING: dict[str, Any] = {"startedAt": T.format(3)}


def ended(code: int, reason: str = "", **more: Any) -> dict[str, Any]:
    """A container's terminated state."""
    return {"exitCode": code, "reason": reason, "startedAt": T.format(3), "finishedAt": T.format(8), **more}
