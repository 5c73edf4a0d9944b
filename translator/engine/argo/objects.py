"""Where Kubernetes keeps the objects of a Workflow, and how much of them is worth keeping in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from translator.observe.nodes import all_nodes
from translator.observe.pods import NODE_NAME, WORKFLOW_LABEL, step_of, workflow_of
from translator.workflow.names import LOG_FINALIZER, STEP, STEP_TIMEOUT, SUBMISSION

ARGO = "/apis/argoproj.io/v1alpha1"
CORE = "/api/v1"

_NOT_STEPS = frozenset({"wait"})
"""Argo's own container beside the user's; ``init`` is among the init containers."""


class Key(NamedTuple):
    """What a Workflow and its pods have in common."""

    namespace: str
    workflow: str


def collection(base: str, resource: str, namespace: str = "") -> str:
    """The path of a collection, of one namespace or of all."""
    return f"{base}/namespaces/{namespace}/{resource}" if namespace else f"{base}/{resource}"


def workflow_path(namespace: str, name: str) -> str:
    """The path of a Workflow."""
    return f"{collection(ARGO, 'workflows', namespace)}/{name}"


def pod_path(namespace: str, name: str) -> str:
    """The path of a pod."""
    return f"{collection(CORE, 'pods', namespace)}/{name}"


def workflow_key(workflow: Mapping[str, Any]) -> Key:
    """The key of a Workflow."""
    metadata = workflow["metadata"]
    return Key(metadata.get("namespace", ""), metadata["name"])


def pod_key(pod: Mapping[str, Any]) -> Key:
    """The key of a pod's Workflow; its name is empty where the pod is not Argo's."""
    return Key(pod["metadata"].get("namespace", ""), workflow_of(pod))


def uid(thing: Mapping[str, Any]) -> str:
    """The object's uid."""
    found: str = thing["metadata"].get("uid", "")
    return found


def slim_workflow(workflow: Mapping[str, Any]) -> dict[str, Any]:
    """A Workflow as far as `translator.observe.nodes` reads it: no scripts, no values between steps."""
    spec, status = workflow.get("spec") or {}, workflow.get("status") or {}
    slim_spec = _only(spec, _SPEC)
    slim_spec["templates"] = [_slim_template(template) for template in spec.get("templates") or ()]
    slim_status = _only(status, _STATUS)
    if status.get("nodes"):
        slim_status["nodes"] = {name: _slim_node(node) for name, node in status["nodes"].items()}
    return {**workflow, "metadata": _slim_metadata(workflow), "spec": slim_spec, "status": slim_status}


def slim_pod(pod: Mapping[str, Any]) -> dict[str, Any]:
    """A pod without its environment, mounts and volumes: a script may be in them, several times over."""
    spec = pod.get("spec") or {}
    slim_spec = {k: spec[k] for k in ("activeDeadlineSeconds", "nodeName", "restartPolicy") if k in spec}
    for kind in ("initContainers", "containers"):
        slim_spec[kind] = [{"name": c["name"], "image": c.get("image", "")} for c in spec.get(kind) or ()]
    return {**pod, "metadata": _slim_metadata(pod), "spec": slim_spec}


def step_containers(pod: Mapping[str, Any]) -> dict[str, str]:
    """The user's containers of a pod: container name → step name.

    A pod of one step has it in ``main``; in a containerSet's pod the containers are named like the steps.
    """
    step = step_of(pod)
    if step:
        return {"main": step}
    names = [c["name"] for c in pod["spec"].get("containers") or ()]
    return {name: name for name in names if name not in _NOT_STEPS}


def labels_of(thing: Mapping[str, Any]) -> Mapping[str, str]:
    """The labels that an object has now."""
    labels: Mapping[str, str] = thing["metadata"].get("labels") or {}
    return labels


def pod_labels(pod: Mapping[str, Any], workflow: str, labels: Mapping[str, str]) -> dict[str, str]:
    """The labels that a pod should have: by them it is watched, listed, and taken for its step's.

    None of one that runs no step: Argo has agents and cleaners of its own, which belong to the Workflow, too.

    Args:
        pod: as it is now.
        workflow: the Workflow's name.
        labels: the Workflow's.
    """
    annotations = pod["metadata"].get("annotations") or {}
    if NODE_NAME not in annotations:
        return {}
    step = {STEP: step_of(pod)} if STEP_TIMEOUT in annotations else {}
    return {**labels, WORKFLOW_LABEL: workflow, **step}


def pod_names(workflow: Mapping[str, Any], steps: Collection[str]) -> set[str]:
    """What Argo calls these steps' pods, as far as the Workflow's nodes tell (its ``GeneratePodName``)."""
    name, nodes = workflow["metadata"]["name"], all_nodes(workflow.get("status") or {}) or {}
    found = set()
    for node in nodes.values():
        if node.get("boundaryID") != name or node.get("displayName") not in steps:
            continue
        if node.get("type") == "Pod":
            found.add(f"{name}-{node.get('templateName', '')}-{node['id'].rpartition('-')[2]}")
        elif node.get("type") == "Container":
            found.add(name)
    return found


def is_of(pod: Mapping[str, Any], workflow_uid: str) -> bool:
    """Whether the pod belongs to that very Workflow."""
    return any(owner.get("uid") == workflow_uid for owner in pod["metadata"].get("ownerReferences") or ())


def container_states(pod: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The status of each container, by its name."""
    return {status["name"]: status for status in (pod.get("status") or {}).get("containerStatuses") or ()}


_STATUS = (
    "phase", "message", "startedAt", "finishedAt", "nodes", "compressedNodes", "offloadNodeStatusVersion",
)  # fmt: skip
_SPEC = ("shutdown", "suspend", "activeDeadlineSeconds", "entrypoint", "onExit", "hooks")
_TEMPLATE = ("name", "metadata")
_NODE = (
    "id", "name", "displayName", "type", "phase", "message", "boundaryID", "templateName", "startedAt",
    "finishedAt",
)  # fmt: skip


def _slim_template(template: Mapping[str, Any]) -> dict[str, Any]:
    """Its names, and of an entrypoint which steps may fail."""
    slim = _only(template, _TEMPLATE)
    if "dag" in template:
        tasks = template["dag"].get("tasks") or ()
        slim["dag"] = {"tasks": [_only(task, ("name", "continueOn")) for task in tasks]}
    if "containerSet" in template:
        containers = template["containerSet"].get("containers") or ()
        slim["containerSet"] = {"containers": [_only(container, ("name",)) for container in containers]}
    return slim


def _slim_node(node: Mapping[str, Any]) -> dict[str, Any]:
    slim = _only(node, _NODE)
    if "outputs" in node:
        slim["outputs"] = _only(node["outputs"], ("exitCode",))
    return slim


def _only(thing: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: thing[name] for name in names if name in thing}


def _slim_metadata(thing: Mapping[str, Any]) -> dict[str, Any]:
    slim = {k: v for k, v in thing["metadata"].items() if k != "managedFields"}
    if SUBMISSION in (slim.get("annotations") or {}):
        slim["annotations"] = {k: v for k, v in slim["annotations"].items() if k != SUBMISSION}
    return slim


def is_kept(workflow: Mapping[str, Any]) -> bool:
    """Whether our finalizer is on the Workflow: its logs may still be unread."""
    return LOG_FINALIZER in (workflow["metadata"].get("finalizers") or ())


def says_the_same(thing: Mapping[str, Any], before: Mapping[str, Any] | None) -> bool:
    """Whether an object, made slim, differs from an earlier form in nothing but its version."""
    if before is None or thing["spec"] != before["spec"] or thing.get("status") != before.get("status"):
        return False
    return _without_version(thing) == _without_version(before)


def _without_version(thing: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in thing["metadata"].items() if k != "resourceVersion"}


def has_started(state: Mapping[str, Any]) -> bool:
    """Whether a container has started, by its status: then it may have written lines."""
    states = state.get("state") or {}
    return "running" in states or bool((states.get("terminated") or {}).get("startedAt"))


def has_terminated(state: Mapping[str, Any]) -> bool:
    """Whether a container has ended, by its status."""
    return "terminated" in (state.get("state") or {})


def has_ended(pod: Mapping[str, Any]) -> bool:
    """Whether no container of the pod runs, or ever will."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def has_finished(workflow: Mapping[str, Any]) -> bool:
    """Whether the Workflow has ended."""
    return (workflow.get("status") or {}).get("phase") in ("Succeeded", "Failed", "Error")


def was_deleted_early(workflow: Mapping[str, Any]) -> bool:
    """Whether somebody deleted the Workflow before it had ended (a finalizer may keep it for a while)."""
    deleted: str | None = workflow["metadata"].get("deletionTimestamp")
    if not deleted:
        return False
    finished = (workflow.get("status") or {}).get("finishedAt")
    # times are whole seconds: what was ordered to end may have ended within the one in which it was deleted
    ordered = bool((workflow.get("spec") or {}).get("shutdown"))
    early = bool(finished and (deleted < finished or (ordered and deleted == finished)))
    return not has_finished(workflow) or early
