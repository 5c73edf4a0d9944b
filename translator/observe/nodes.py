"""A Workflow → how it stands, and how each step's node in it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from translator.observe import decompress
from translator.observe.pods import TIMEOUT_ANNOTATION
from translator.observe.sight import LONGEST_MESSAGE, NodeSight
from translator.task.names import persons_names

_FINAL: Final = frozenset({"Succeeded", "Failed", "Error"})
_STEPS: Final = frozenset({"Pod", "Container", "Skipped"})

# Argo 4.1 puts the container's name before its words ("main: Error (exit code 3)"), 3.6 does not
_CONTAINER: Final = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?: (?=\w+ \(exit code \d+\))")
_EXIT_CODE: Final = re.compile(r"\(exit code (\d+)\)")

_SHUTDOWN: Final = ("workflow shutdown with strategy", "Stopped with strategy")
"""How Argo begins what it says of a node that it ended for ``spec.shutdown``, with a pod and without."""

POD_DEADLINE: Final = "Pod was active on the node longer than the specified deadline"
WORKFLOW_DEADLINE: Final = "Step exceeded its deadline"
TEMPLATE_TIMEOUT: Final = "timeout"
POD_DELETED: Final = "pod deleted"
START_OVERDUE: Final = "the step's process did not start in time"
"""What the Argo engine says of a pod that it ended for that."""
DEPENDENCY: Final = "exited with non-zero code"


@dataclass(frozen=True, slots=True)
class WorkflowSight:
    """A Workflow, as it is now.

    Attributes:
        phase: Argo's, or the root node's where that and any exit handler have ended, and the Workflow has
            not: Argo 3.6 leaves a Workflow Running for ever whose ``wait`` container was killed.
        message: Argo's words about the whole.
        shutdown: ``Terminate`` or ``Stop`` where somebody ordered it.
        suspended: somebody suspended it, or one of its nodes: it waits until it is resumed.
        overdue: the Workflow's own ``activeDeadlineSeconds`` had passed when it ended.
        steps: by step; None where Argo keeps the nodes elsewhere, or they cannot be read: pods alone tell.
        continues: by step, whether the task goes on after it failed, where the Workflow tells.
        names: by a step's name in the Workflow, its name in the task, where the two differ.
        left_badly: the entrypoint succeeded and the Workflow did not: an exit handler failed, or was ended.
        stopped_pod: Argo ended the one pod of the layout pod for ``shutdown``.
    """

    namespace: str
    name: str
    uid: str
    phase: str
    message: str
    shutdown: str
    suspended: bool
    overdue: bool
    steps: Mapping[str, NodeSight] | None
    continues: Mapping[str, bool]
    names: Mapping[str, str]
    left_badly: bool
    stopped_pod: bool

    @property
    def final(self) -> bool:
        """Whether it has ended."""
        return self.phase in _FINAL


def shut_down(message: str) -> bool:
    """Whether Argo ended what it says this of for ``spec.shutdown``."""
    return message.startswith(_SHUTDOWN)


def read(workflow: Mapping[str, Any]) -> WorkflowSight:
    """Return how a Workflow stands.

    Steps are the nodes within the root's boundary, by ``displayName``: pod nodes below a DAG, or container
    nodes of a containerSet's pod.
    """
    metadata, spec, status = workflow["metadata"], workflow.get("spec", {}), workflow.get("status") or {}
    nodes = all_nodes(status)
    root = nodes.get(metadata["name"], {}) if nodes is not None else {}
    phase, message = status.get("phase") or "", status.get("message") or ""
    if nodes and phase not in _FINAL and root.get("phase") in _FINAL:
        phase, message = _by_nodes(root, nodes, spec) or (phase, message)
    return WorkflowSight(
        namespace=metadata.get("namespace") or "",
        name=metadata["name"],
        uid=metadata.get("uid") or "",
        phase=phase,
        message=message[:LONGEST_MESSAGE],
        shutdown=spec.get("shutdown") or "",
        suspended=phase not in _FINAL and (bool(spec.get("suspend")) or _waits_for_resume(nodes)),
        overdue=_overdue(spec, status, status.get("finishedAt") or root.get("finishedAt")),
        steps=None if nodes is None else _steps(workflow, nodes),
        continues=_continues(spec),
        names=persons_names(metadata.get("annotations") or {}),
        left_badly=phase in ("Failed", "Error") and root.get("phase") == "Succeeded",
        stopped_pod=shut_down(root.get("message") or ""),
    )


def exit_code(message: str) -> int | None:
    """Return the exit code that a node's message tells."""
    found = _EXIT_CODE.search(message)
    return int(found[1]) if found else None


def all_nodes(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a Workflow's nodes by id; None where Argo keeps them elsewhere, or they cannot be read."""
    if status.get("nodes"):
        nodes: Mapping[str, Any] = status["nodes"]
        return nodes
    if status.get("offloadNodeStatusVersion"):
        return None
    if not status.get("compressedNodes"):
        return {}
    try:
        return decompress.nodes(status["compressedNodes"])
    except decompress.UnreadableError:
        # pods tell the same, if later; a Workflow must not stop being followed for it
        return None


def _waits_for_resume(nodes: Mapping[str, Any] | None) -> bool:
    """Whether a suspend template of an operator's own waits to be resumed."""
    every = (nodes or {}).values()
    return any(node.get("type") == "Suspend" and node.get("phase") == "Running" for node in every)


def _steps(workflow: Mapping[str, Any], nodes: Mapping[str, Any]) -> dict[str, NodeSight]:
    root = workflow["metadata"]["name"]
    whole = (nodes.get(root) or {}).get("message") or ""
    return {
        node["displayName"]: _sight(workflow, node, whole)
        for node in nodes.values()
        if node.get("boundaryID") == root and node.get("type") in _STEPS
    }


def _by_nodes(
    root: Mapping[str, Any], nodes: Mapping[str, Any], spec: Mapping[str, Any]
) -> tuple[str, str] | None:
    """Phase and message of a Workflow whose entrypoint has ended; None while its exit handler has not."""
    name = f"{root.get('name')}.onExit"
    handler = next((node for node in nodes.values() if node.get("name") == name), None)
    if handler is None:
        # Argo starts none once the Workflow is stopped
        awaited = (spec.get("onExit") or (spec.get("hooks") or {}).get("exit")) and not spec.get("shutdown")
        return None if awaited else (root["phase"], root.get("message") or "")
    if handler.get("phase") not in _FINAL:
        return None
    last = handler if root["phase"] == "Succeeded" else root
    return last["phase"], last.get("message") or ""


def _continues(spec: Mapping[str, Any]) -> dict[str, bool]:
    """Which steps may fail, as the entrypoint says: no container of the layout pod may."""
    for template in spec.get("templates") or ():
        if template.get("name") == spec.get("entrypoint"):
            tasks = (template.get("dag") or {}).get("tasks") or ()
            containers = (template.get("containerSet") or {}).get("containers") or ()
            return {
                **{task["name"]: any((task.get("continueOn") or {}).values()) for task in tasks},
                **{container["name"]: False for container in containers},
            }
    return {}


def _sight(workflow: Mapping[str, Any], node: Mapping[str, Any], whole: str) -> NodeSight:
    """How one node stands; `whole` is what Argo says of the node above it."""
    message = _CONTAINER.sub("", node.get("message") or "")[:LONGEST_MESSAGE]
    told = (node.get("outputs") or {}).get("exitCode")
    code = exit_code(message) if told is None else int(told)
    if node["type"] == "Container" and node.get("phase") in ("Failed", "Error") and shut_down(whole):
        # Argo ended their pod, and first says so of its containers, too; then it goes by their exit codes
        message = whole
    phase = node.get("phase") or ""
    late = message in (POD_DEADLINE, TEMPLATE_TIMEOUT)
    spec, status = workflow.get("spec", {}), workflow.get("status", {})
    return NodeSight(
        kind=node["type"],
        phase=phase,
        message=message,
        exit_code=code,
        started_at=node.get("startedAt") or "",
        finished_at=node.get("finishedAt") or "",
        timeout=_timeout(spec, node) if late else "",
        overdue=late and _overdue(spec, status, node.get("finishedAt")),
        ran=phase == "Running",
    )


def _timeout(spec: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    for template in spec.get("templates", ()):
        if template.get("name") == node.get("templateName"):
            annotations = (template.get("metadata") or {}).get("annotations") or {}
            return str(annotations.get(TIMEOUT_ANNOTATION, ""))
    return ""


def _overdue(spec: Mapping[str, Any], status: Mapping[str, Any], ended: str | None) -> bool:
    """Whether the Workflow's own deadline had passed at a time."""
    seconds, began = spec.get("activeDeadlineSeconds"), status.get("startedAt")
    if seconds is None or not began or not ended:
        return False
    lasted = datetime.fromisoformat(ended) - datetime.fromisoformat(began)
    return lasted.total_seconds() >= float(seconds)
