"""What a task may not call or touch, under any policy: it is Argo's or ours, or belongs to another task."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from translator.task.model import Task
from translator.workflow import names
from translator.workflow.literals import BRACE
from translator.workflow.references import claims, config_maps, secrets
from translator.workflow.refusal import Fault
from translator.workflow.shared import declared

FILES = "codo-files"
"""The volume of the ConfigMap ``<workflow>-files``."""

CONTEXT_VOLUME = "codo-context"
"""The volume of what ``codo`` keeps."""

CODO_PATH = "/usr/local/bin/codo"
"""Where the command is in a step."""

OWN_DIRECTORY = "/codo"
"""What this project mounts in a step lies below it, but for the command ``codo``."""

OWN_PREFIX = BRACE.partition("_")[0] + "_"
"""Env variables of this project begin so."""

_VOLUMES = frozenset(
    (
        CONTEXT_VOLUME,
        FILES,
        "argo-env-config",
        "argo-staging",
        "argoexec-bin",
        "docker-sock",
        "exec-sa-token",
        "input-artifacts",
        "kubeconfig",
        "tmp-dir-argo",
        "var-run-argo",
    )
)
"""Ours, and Argo's of 3.6 to 4.1 (workflowpod.go, common.go)."""

_DIRECTORIES = (OWN_DIRECTORY, CODO_PATH, "/argo", "/argo-bin", "/var/run/argo", "/run/argo")

_EXECUTORS = frozenset(
    "ARGO_" + name
    for name in [
        "AGENT_PATCH_RATE",
        "AGENT_TASK_WORKERS",
        "ARTIFACT_PLUGIN_NAMES",
        "ARTIFACT_POD_NAME",
        "CONTAINER_ARGS_FILE",
        "CONTAINER_NAME",
        "DEADLINE",
        "DEBUG_PAUSE_AFTER",
        "DEBUG_PAUSE_BEFORE",
        "INCLUDE_SCRIPT_OUTPUT",
        "INITLESS_POD",
        "INPUT_ARTIFACT_PLUGIN_NAMES",
        "INSTANCE_ID",
        "NODE_ID",
        "PLUGIN_ADDRESSES",
        "PLUGIN_NAMES",
        "POD_NAME",
        "POD_UID",
        "PROGRESS_FILE",
        "PROGRESS_FILE_TICK_DURATION",
        "PROGRESS_PATCH_TICK_DURATION",
        "TEMPLATE",
        "TERMINATION_GRACE_PERIOD_SECONDS",
        "TRACE",
        "WAIT_FOR_READY",
        "WORKFLOW_NAME",
        "WORKFLOW_UID",
    ]
)
"""What Argo's executor, which starts the step's process in its container, reads (common.go, argoexec).
``ARGO_SERVER``, ``ARGO_TOKEN`` and the like are the ``argo`` command's: a step may set them."""

_LABEL_DOMAINS = (names.PREFIX, "workflows.argoproj.io/")


def reserved_faults(task: Task, template: Mapping[str, Any]) -> Iterator[Fault]:
    """Each use of what is not the task's.

    Args:
        task: the task.
        template: what every Workflow starts from.
    """
    spec = template.get("spec") or {}
    return chain(
        _volumes(task, _names(spec.get("volumes"))),
        _mounts(task),
        _variables(task),
        _objects(task),
        _labels(task),
    )


def step_faults(task: Task, template: Mapping[str, Any]) -> Iterator[Fault]:
    """Each step whose template would merge with one that every Workflow starts from.

    Args:
        task: the task, with the names that its steps have in the Workflow.
        template: what every Workflow starts from.
    """
    taken = _names((template.get("spec") or {}).get("templates"))
    for index, step in enumerate(task.steps):
        if step.name in taken:
            message = f"every Workflow here has a template '{step.name}' of its own"
            yield _fault(f"taskSpec.steps[{index}].name", message, "rename the step")


def _volumes(task: Task, taken: frozenset[str]) -> Iterator[Fault]:
    for path, volume in declared(task):
        name = volume["name"]
        if name in _VOLUMES or name in taken or name.startswith("kube-api-access-"):
            yield _fault(f"{path}.name", f"the name '{name}' is reserved", "rename the volume")


def _mounts(task: Task) -> Iterator[Fault]:
    for index, step in enumerate(task.steps):
        for at, mount in enumerate(step.volume_mounts):
            written = str(mount.get("mountPath", ""))
            where = posixpath.normpath("/" + written.lstrip("/"))
            if any(where == taken or where.startswith(taken + "/") for taken in _DIRECTORIES):
                path = f"taskSpec.steps[{index}].volumeMounts[{at}].mountPath"
                yield _fault(path, f"'{written}' is reserved", "mount it elsewhere")


def _variables(task: Task) -> Iterator[Fault]:
    layers = [("podTemplate.env", task.pod.env)]
    layers += [(f"taskSpec.steps[{index}].env", step.env) for index, step in enumerate(task.steps)]
    for path, entries in layers:
        for position, entry in enumerate(entries):
            name = entry["name"]
            if name.startswith(OWN_PREFIX):
                hint = f"names that begin with {OWN_PREFIX} are ours"
                yield _fault(f"{path}[{position}].name", f"'{name}' is reserved", hint)
            elif name in _EXECUTORS:
                hint = "Argo's executor reads it: choose another name"
                yield _fault(f"{path}[{position}].name", f"'{name}' is reserved", hint)


def _objects(task: Task) -> Iterator[Fault]:
    for path, name in chain(secrets(task), config_maps(task), claims(task)):
        if names.is_of_an_attempt(name):
            yield _fault(path, f"{name} belongs to a task", "a task may not name another one's objects")


def _labels(task: Task) -> Iterator[Fault]:
    """The metadata of the claims of ephemeral volumes is the only metadata that a task may write."""
    for path, volume in declared(task):
        claim = (volume.get("ephemeral") or {}).get("volumeClaimTemplate") or {}
        for kind, entries in (claim.get("metadata") or {}).items():
            for key in entries:
                if key.startswith(_LABEL_DOMAINS):
                    where = f'{path}.ephemeral.volumeClaimTemplate.metadata.{kind}["{key}"]'
                    yield _fault(where, f"{key} is reserved", "choose another key")


def _names(entries: Any) -> frozenset[str]:
    return frozenset(entry.get("name", "") for entry in entries or ())


def _fault(path: str, message: str, hint: str) -> Fault:
    return Fault(path, message, hint, "reserved-name")
