"""The PodSpecs that a task, or the Workflow that it became, stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from translator.task.model import Task
from translator.task.path import Path, format_path
from translator.workflow.shared import declared
from translator.workflow.template import merged, read_patch

ARGO_CONTAINERS = (("initContainers", "init"), ("containers", "wait"))
"""The containers that Argo adds to every pod."""

_FROM_WORKFLOW = (
    "automountServiceAccountToken",
    "hostNetwork",
    "securityContext",
    "serviceAccountName",
    "volumes",
)
_FROM_TEMPLATE = ("automountServiceAccountToken", "securityContext", "serviceAccountName")


def pod_of_task(task: Task) -> dict[str, Any]:
    """What the task says of its pods; `place_in_task` finds a path of it in the taskYaml."""
    return {
        "hostNetwork": task.pod.host_network,
        "securityContext": task.pod.security_context,
        "volumes": [volume for _, volume in declared(task)],
        "containers": [
            {"name": step.name, "image": step.image, "securityContext": step.security_context}
            for step in task.steps
        ],
    }


def place_in_task(task: Task, path: Path) -> str:
    """Where in the taskYaml a path of `pod_of_task` lies."""
    first, *rest = path
    if first == "containers":
        return format_path(("taskSpec", "steps", *rest))
    if first == "volumes" and rest:
        holder = next(where for at, (where, _) in enumerate(declared(task)) if at == rest[0])
        inside = format_path(tuple(rest[1:]))
        return f"{holder}.{inside}" if inside else holder
    return format_path(("podTemplate", *path))


def pods_of_workflow(workflow: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The PodSpec that Argo would make of each template, with the template's name.

    Argo's own containers are there as far as ``podSpecPatch`` knows them. A patch of the operator's that
    cannot be read before Argo fills it in is left out.
    """
    spec = workflow["spec"]
    defaults = spec.get("templateDefaults") or {}
    for template in spec.get("templates") or ():
        whole = merged(defaults, template)
        containers = list((whole.get("containerSet") or {}).get("containers") or ())
        containers += [{"name": "main"} | whole[kind] for kind in ("container", "script") if whole.get(kind)]
        if not containers:
            continue
        pod: dict[str, Any] = {key: spec[key] for key in _FROM_WORKFLOW if key in spec}
        pod |= {key: whole[key] for key in _FROM_TEMPLATE if whole.get(key)}
        pod["volumes"] = [*(pod.get("volumes") or ()), *(whole.get("volumes") or ())]
        pod["initContainers"] = [{"name": "init"}, *(whole.get("initContainers") or ())]
        pod["containers"] = [{"name": "wait"}, *containers, *(whole.get("sidecars") or ())]
        for patch in (spec.get("podSpecPatch"), whole.get("podSpecPatch")):
            pod = merged(pod, _readable(patch or ""))
        yield str(template.get("name", "")), pod


def _readable(patch: str) -> dict[str, Any]:
    try:
        return read_patch(patch)
    except ValueError:
        return {}
