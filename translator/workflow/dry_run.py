"""The pods that a task's steps would get, for the API server to judge, and where its words belong.

Argo's own containers are left out: what its controller adds to them is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from translator.task.model import Manifest, Step, Task
from translator.task.path import Path, format_path, parse_path
from translator.workflow.refusal import Fault
from translator.workflow.shared import declared
from translator.workflow.template import merged, read_patch

CODE = "api-server"

_FROM_WORKFLOW = (
    "affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "hostAliases", "hostNetwork",
    "imagePullSecrets", "nodeSelector", "schedulerName", "securityContext", "serviceAccountName",
    "tolerations", "volumes",
)  # fmt: skip
_RENAMED = {"podPriorityClassName": "priorityClassName"}
_ARGO_ONLY = ("dependencies", "source")
"""What a template's container has, and a pod's has not."""

_POD_TEMPLATE = frozenset(
    (
        *_FROM_WORKFLOW,
        "enableServiceLinks",
        "priorityClassName",
        "runtimeClassName",
        "topologySpreadConstraints",
    )
)
_OF_STEPS = frozenset(("args", "command", "image", "imagePullPolicy", "securityContext", "workingDir"))

_TOLD_BY_WORDS = (
    ("no PriorityClass with name", "priorityClassName"),
    ("RuntimeClass", "runtimeClassName"),
    ("service account", "serviceAccountName"),
)
"""What an admission plugin's words are about: it names no field."""

_CRUMB = re.compile(r"\.?([A-Za-z0-9_-]+)|\[([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod.

    Attributes:
        manifest: as it is posted.
        steps: the numbers of the steps whose containers it has, in their order.
    """

    manifest: Mapping[str, Any]
    steps: Sequence[int]


@dataclass(frozen=True, slots=True)
class Cause:
    """What the API server has against a pod.

    Attributes:
        field: its place in the pod, such as ``spec.containers[0].resources.limits[cpu]``; empty: all of it.
        message: its own words.
    """

    field: str
    message: str


def pods(task: Task, workflow: Mapping[str, Any], template: Mapping[str, Any]) -> Iterator[Pod]:
    """The pods of the steps.

    Args:
        task: the task.
        workflow: what it became.
        template: what every Workflow starts from; pods of its own templates are not the task's.
    """
    spec = workflow["spec"]
    given = {entry.get("name") for entry in (template.get("spec") or {}).get("templates") or ()}
    number = 0
    for each in spec.get("templates") or ():
        whole = merged(spec.get("templateDefaults") or {}, each)
        containers = list((whole.get("containerSet") or {}).get("containers") or ())
        containers += [{**whole[kind], "name": "main"} for kind in ("container", "script") if whole.get(kind)]
        if not containers or each.get("name") in given:
            continue
        steps = range(number, number + len(containers))
        number += len(containers)
        yield Pod(_manifest(task.namespace, spec, whole, containers), steps)


def faults(task: Task, pod: Pod, causes: Sequence[Cause]) -> list[Fault]:
    """What the API server said of a pod, at the nearest places of the taskYaml."""
    found = []
    for cause in causes:
        about = next((key for words, key in _TOLD_BY_WORDS if words in cause.message), "")
        field = cause.field or (f"spec.{about}" if about else "")
        found.append(Fault(format_path(_place(task, pod, _crumbs(field))), _told(cause), "", CODE))
    return found


def _manifest(
    namespace: str, spec: Mapping[str, Any], whole: Mapping[str, Any], containers: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    pod: dict[str, Any] = {"restartPolicy": "Never"}
    pod |= {key: spec[key] for key in _FROM_WORKFLOW if key in spec}
    pod |= {name: spec[key] for key, name in _RENAMED.items() if spec.get(key)}
    pod |= {key: whole[key] for key in ("securityContext", "serviceAccountName") if whole.get(key)}
    pod["volumes"] = [*(spec.get("volumes") or ()), *(whole.get("volumes") or ())]
    pod["containers"] = [
        {key: value for key, value in each.items() if key not in _ARGO_ONLY} for each in containers
    ]
    for patch in (spec.get("podSpecPatch"), whole.get("podSpecPatch")):
        pod = merged(pod, _without_argo_s(read_patch(patch or "")))
    # what Argo or a claim of the Workflow provides
    known = {volume["name"] for volume in pod["volumes"]}
    mounted = {mount["name"]: None for each in pod["containers"] for mount in each.get("volumeMounts") or ()}
    pod["volumes"] += [{"name": name, "emptyDir": {}} for name in mounted if name not in known]
    metadata = {"generateName": "validate-", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}


def _without_argo_s(patch: Mapping[str, Any]) -> Mapping[str, Any]:
    kept = {key: value for key, value in patch.items() if key != "initContainers"}
    if "containers" in kept:
        kept["containers"] = [each for each in kept["containers"] if each.get("name") != "wait"]
    return kept


def _crumbs(field: str) -> list[str | int]:
    """The path of a field below ``spec``; what stands for several keys (``{key, effect}``) ends it."""
    found: list[str | int] = []
    position = 0
    while match := _CRUMB.match(field, position):
        key, index = match.groups()
        found.append(key if key is not None else int(index) if index.isdecimal() else index)
        position = match.end()
    return found[1:] if found[:1] == ["spec"] else found


def _place(task: Task, pod: Pod, crumbs: Sequence[str | int]) -> Path:
    """The nearest place in the taskYaml."""
    first: Path = ("taskSpec", "steps", pod.steps[0])
    match crumbs:
        case ["containers", int(index), *rest] if index < len(pod.steps):
            number = pod.steps[index]
            container = pod.manifest["spec"]["containers"][index]
            return _in_step(task, number, container, rest)
        case ["volumes", int(index), *rest]:
            listed = pod.manifest["spec"]["volumes"]
            name = listed[index]["name"] if index < len(listed) else None
            for path, volume in declared(task):
                if volume["name"] == name:
                    return (*parse_path(path), *rest)
        case [str(key), *rest] if key in _POD_TEMPLATE:
            return ("podTemplate", key, *rest)
    return first


def _in_step(task: Task, number: int, container: Mapping[str, Any], rest: Sequence[str | int]) -> Path:
    at: Path = ("taskSpec", "steps", number)
    step = task.steps[number]
    match rest:
        case ["env", int(index), *inner]:
            name = container["env"][index]["name"]
            found = [(*at, "env", own) for own in _at(step.env, "name", name)]
            found += [("podTemplate", "env", own) for own in _at(task.pod.env, "name", name)]
            return (*found[0], *inner) if found else at
        case ["volumeMounts", int(index), *inner]:
            path = container["volumeMounts"][index].get("mountPath")
            found = [(*at, "volumeMounts", own) for own in _at(step.volume_mounts, "mountPath", path)]
            return (*found[0], *inner) if found else at
        case ["resources", str(kind), *inner]:
            holder = at if _asks(step, kind, inner) else ()
            return (*holder, "computeResources", kind, *inner)
        case [str(key), *_] if key in _OF_STEPS:
            return (*at, *rest)
    return at


def _at(entries: Sequence[Manifest], key: str, value: Any) -> list[int]:
    return [index for index, entry in enumerate(entries) if entry.get(key) == value]


def _asks(step: Step, kind: str, inner: Sequence[str | int]) -> bool:
    amounts = getattr(step.compute_resources, kind, {})
    return not inner or inner[0] in amounts


def _told(cause: Cause) -> str:
    where = f" ({cause.field})" if cause.field else ""
    return f"the API server refuses the step's pod: {cause.message}{where}"
