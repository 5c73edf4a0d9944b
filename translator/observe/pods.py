"""A pod → what it tells of each step whose container it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from translator.observe import problems, reasons
from translator.observe.sight import LONGEST_MESSAGE, PodSight

STEP_LABEL: Final = "codo.dev/step"
TIMEOUT_ANNOTATION: Final = "codo.dev/step-timeout"
MISSING_ANNOTATION: Final = "codo.dev/missing"
"""Of a pod that was ended since it could not start: which object its volumes lack. The kubelet says so in an
Event only, which goes after an hour and which nobody may read."""

WORKFLOW_LABEL: Final = "workflows.argoproj.io/workflow"
"""Argo puts the Workflow's name on each of its pods."""

NODE_NAME: Final = "workflows.argoproj.io/node-name"
"""Annotation that Argo puts on each pod that runs a node."""

_EXECUTORS: Final = frozenset({"init", "wait"})
_MAIN: Final = "main"

# the kubelet's words for a container of which it knows nothing any more: exit code 137 is then made up
_UNKNOWN: Final = "ContainerStatusUnknown"


def read(pod: Mapping[str, Any], *, gone: bool = False) -> dict[str, PodSight]:
    """Return what a pod tells, by step.

    In the layout dag a pod has one step, in the container ``main``; in the layout pod each container but
    Argo's own is the step of its name.

    Args:
        pod: the pod as JSON data.
        gone: it no longer exists, and this is its last known form.
    """
    step = step_of(pod)
    if step:
        return {step: _sight(pod, _MAIN, shared=False, gone=gone)}
    containers = pod.get("spec", {}).get("containers", ())
    names = [container["name"] for container in containers if container["name"] not in _EXECUTORS]
    return {name: _sight(pod, name, shared=True, gone=gone) for name in names}


def step_of(pod: Mapping[str, Any]) -> str:
    """Return the one step that a pod runs, or an empty text where it runs all of them.

    The name that Argo gave its node goes first: labels are easily edited.
    """
    metadata = pod.get("metadata", {})
    workflow = workflow_of(pod)
    node = str((metadata.get("annotations") or {}).get(NODE_NAME, ""))
    if workflow and node.startswith(f"{workflow}."):
        return node.removeprefix(f"{workflow}.")
    return str((metadata.get("labels") or {}).get(STEP_LABEL, ""))


def workflow_of(pod: Mapping[str, Any]) -> str:
    """Return the name of a pod's Workflow, by its owner or else by Argo's label; empty: it is not Argo's."""
    metadata = pod.get("metadata", {})
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("kind") == "Workflow" and owner.get("name"):
            return str(owner["name"])
    return str((metadata.get("labels") or {}).get(WORKFLOW_LABEL, ""))


def _sight(pod: Mapping[str, Any], container: str, *, shared: bool, gone: bool) -> PodSight:
    metadata, status = pod["metadata"], pod.get("status") or {}
    state, detail = _state(status, container)
    started = _started(detail)
    unknown = detail.get("reason") == _UNKNOWN
    problem, words = _problem(status, container)
    annotations = metadata.get("annotations") or {}
    if not problem and not started and (missing := annotations.get(MISSING_ANNOTATION)):
        problem, words = reasons.OBJECT_MISSING, str(missing)
    reason, message = _fate(status)
    leaving = gone or bool(metadata.get("deletionTimestamp"))
    return PodSight(
        name=metadata["name"],
        phase=status.get("phase") or "",
        reason=reason,
        message=message[:LONGEST_MESSAGE],
        shared=shared,
        container=state,
        exit_code=None if unknown or not started else detail.get("exitCode"),
        why="" if unknown else detail.get("reason") or "",
        told=(detail.get("message") or "")[:LONGEST_MESSAGE],
        started_at=started,
        finished_at=detail.get("finishedAt") or "",
        problem=problem,
        problem_message=words[:LONGEST_MESSAGE],
        timeout=annotations.get(TIMEOUT_ANNOTATION, ""),
        deleted=leaving and state != "terminated",
        gone=gone,
    )


def _started(detail: Mapping[str, Any]) -> str:
    """Return when a container started; what could not be started carries the epoch, or nothing."""
    time = str(detail.get("startedAt") or "")
    return "" if time.startswith("1970-") else time


def _state(status: Mapping[str, Any], container: str) -> tuple[str, Mapping[str, Any]]:
    """Return a container's state and its details."""
    for known in status.get("containerStatuses") or ():
        if known["name"] == container:
            for state in ("terminated", "running", "waiting"):
                if (detail := known.get("state", {}).get(state)) is not None:
                    return state, detail
    return "", {}


def _problem(status: Mapping[str, Any], container: str) -> tuple[str, str]:
    """Return why the step cannot start and Kubernetes' words to it, or two empty texts."""
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            words = condition.get("message") or ""
            if reason := problems.waiting(condition.get("reason") or "", words):
                return reason, words
    # an init container, or wait, that cannot start holds the step up just the same
    names = _EXECUTORS | {container}
    everyone = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    for known in everyone:
        state = known.get("state", {})
        detail = state.get("waiting") or state.get("terminated") or {}
        words = detail.get("message") or ""
        reason = problems.waiting(detail.get("reason") or "", words)
        if reason and known["name"] in names:
            return reason, words or detail["reason"]
    return "", ""


def _fate(status: Mapping[str, Any]) -> tuple[str, str]:
    """Return why the pod as a whole ended, in Kubernetes' words."""
    if status.get("reason"):
        return status["reason"], status.get("message") or ""
    for condition in status.get("conditions") or ():
        # preemption, drain and taints: kubernetes.io/docs/concepts/workloads/pods/disruptions
        if condition["type"] == "DisruptionTarget" and condition["status"] == "True":
            words = [condition.get(word) for word in ("reason", "message")]
            return "Evicted", ": ".join(word for word in words if word)
    return "", ""
