"""Reads one container or script of a template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from translator.engine.local.plan import Container, File, Variable, Volume, VolumeMount
from translator.engine.local.refusal import refused
from translator.engine.local.templating import check_inputs
from translator.engine.local.volumes import is_below_its_root, read_volumes
from translator.task.duration import parse_duration
from translator.workflow.names import STEP_TIMEOUT

SCRIPT_TARGET = "/argo/staging/script"
"""Where Argo puts a script template's source."""

_KNOWN = frozenset(
    [
        "name",
        "image",
        "imagePullPolicy",
        "command",
        "args",
        "env",
        "workingDir",
        "volumeMounts",
        "source",
        "dependencies",
    ]
)
_QUIET = frozenset(["terminationMessagePath", "terminationMessagePolicy"])
_IGNORED = frozenset(["resources", "securityContext"])


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a container may refer to: volumes by name, securityContext, the Workflow's own objects."""

    volumes: Mapping[str, Volume | str]
    files: Mapping[str, Any] | None
    security: Mapping[str, Any]
    secrets: Mapping[str, Any] | None = None


def read_container(
    body: Mapping[str, Any], template: Mapping[str, Any], around: Surroundings, *, step: str, name: str
) -> tuple[Container, list[tuple[str, str]]]:
    """Read a container, and what of it has no effect here as (step, field).

    Args:
        body: the script, the container, or one of a containerSet.
        template: the template around it.
        around: what it may refer to.
        step: the step's name.
        name: the container's name as messages show it.

    Raises:
        PermanentError: it cannot be run here as Kubernetes would run it.
    """
    for field, value in body.items():
        if value not in (None, {}, [], "") and field not in _KNOWN | _QUIET | _IGNORED:
            raise refused(step, f"the local engine does not know a container's field {field}")
    declared = {str(one["name"]): "" for one in (template.get("inputs") or {}).get("parameters") or ()}
    files = [_artifact(one, step, declared) for one in (template.get("inputs") or {}).get("artifacts") or ()]
    args = tuple(str(arg) for arg in body.get("args") or ())
    if "source" in body:
        check_inputs(str(body["source"]), f"{step}: script", declared)
        files.append(File(SCRIPT_TARGET, str(body["source"]), 0o755))
        args = (SCRIPT_TARGET, *args)
    command = tuple(str(word) for word in body.get("command") or ())
    for word in (*command, *args):
        check_inputs(word, f"{step}: command", declared)
    volumes = {**around.volumes, **read_volumes(template, around.files)}
    security = {
        **around.security,
        **(template.get("securityContext") or {}),
        **(body.get("securityContext") or {}),
    }
    container = Container(
        step=step,
        name=name,
        image=str(body.get("image", "")),
        pull_policy=str(body.get("imagePullPolicy") or ""),
        command=command,
        args=args,
        env=tuple(
            variable for one in body.get("env") or () if (variable := _variable(one, around, step, declared))
        ),
        working_dir=str(body.get("workingDir") or ""),
        files=tuple(files),
        mounts=tuple(_mount(one, volumes, step) for one in body.get("volumeMounts") or ()),
        timeout=_timeout(template, step) if name == "main" else None,
        script="source" in body,
        user=(security.get("runAsUser"), security.get("runAsGroup")),
        dependencies=tuple(str(one) for one in body.get("dependencies") or ()),
    )
    return container, [(step, field) for field in sorted(_IGNORED) if body.get(field)]


def _artifact(artifact: Mapping[str, Any], step: str, declared: Mapping[str, str]) -> File:
    raw = artifact.get("raw")
    path = str(artifact.get("path", ""))
    if raw is None or set(artifact) - {"name", "path", "mode", "raw"} or not path.startswith("/"):
        raise refused(step, f"the input artifact {artifact.get('name')} is not raw text at an absolute path")
    check_inputs(str(raw["data"]), f"{step}: artifact {artifact.get('name')}", declared)
    return File(path, str(raw["data"]), int(artifact.get("mode", 0o644)))


def _variable(
    entry: Mapping[str, Any], around: Surroundings, step: str, declared: Mapping[str, str]
) -> Variable | None:
    name = str(entry["name"])
    source = entry.get("valueFrom")
    if not source:
        value = entry.get("value")
        text = "" if value is None else str(value)
        check_inputs(text, f"{step}: env {name}", declared)
        return Variable(name, text)
    reference = source.get("configMapKeyRef") or source.get("secretKeyRef")
    if reference is None:
        raise refused(step, f"the variable {name} asks for {', '.join(source)}, which only a cluster has")
    holder, field = (around.files, "data") if "configMapKeyRef" in source else (around.secrets, "stringData")
    ours = holder is not None and reference.get("name") == holder["metadata"]["name"]
    data = (holder.get(field) or {}) if holder is not None and ours else {}
    if reference.get("key") in data:
        return Variable(name, str(data[reference["key"]]), expands=False)
    if reference.get("optional"):
        return None
    kind = "ConfigMap" if "configMapKeyRef" in source else "Secret"
    raise refused(
        step, f"the variable {name} comes from the {kind} {reference.get('name')!r}, which only a cluster has"
    )


def _mount(mount: Mapping[str, Any], volumes: Mapping[str, Volume | str], step: str) -> VolumeMount:
    name, target = str(mount.get("name")), str(mount.get("mountPath"))
    volume = volumes.get(name, f"the volume {name!r} does not exist")
    if isinstance(volume, str):
        raise refused(
            step,
            f"mounts a volume at {target}: {volume}",
            remedy="run it on a cluster, or use an emptyDir",
        )
    sub_path = str(mount.get("subPath") or "")
    if mount.get("subPathExpr") or not target.startswith("/") or not is_below_its_root(sub_path):
        raise refused(step, f"the mount at {target!r} uses a path that the local engine does not know")
    return VolumeMount(volume, target.rstrip("/") or "/", sub_path, bool(mount.get("readOnly")))


def _timeout(template: Mapping[str, Any], step: str) -> float | None:
    """The step's own timeout in seconds, else the pod's deadline (which would count the pod's start too)."""
    stated = ((template.get("metadata") or {}).get("annotations") or {}).get(STEP_TIMEOUT)
    if stated is not None:
        try:
            return parse_duration(stated) / 1e9
        except ValueError as error:
            raise refused(
                step, f"the annotation {STEP_TIMEOUT} {stated!r} is no duration: {error}"
            ) from error
    deadline = template.get("activeDeadlineSeconds")
    return None if deadline is None else float(deadline)
