"""The objects of its namespace that a task names: each as its path in the taskYaml, and the name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from translator.task.model import Manifest, Task
from translator.workflow.shared import declared


def secrets(task: Task) -> Iterator[tuple[str, str]]:
    """The Secrets."""
    for index, entry in enumerate(task.pod.image_pull_secrets):
        yield f"podTemplate.imagePullSecrets[{index}].name", str(entry.get("name", ""))
    keys = {
        "secretKeyRef": "name",
        "secretRef": "name",
        "nodePublishSecretRef": "name",
        "azureFile": "secretName",
    }
    for path, holder in _holders(task):
        yield from _found(path, holder, keys)
        # a projected source has name where a volume has secretName
        yield from _found(path, holder, {"secret": "secretName"})
        yield from _found(path, holder, {"secret": "name"})


def config_maps(task: Task) -> Iterator[tuple[str, str]]:
    """The ConfigMaps."""
    for path, holder in _holders(task):
        yield from _found(path, holder, {"configMap": "name", "configMapKeyRef": "name"})


def claims(task: Task) -> Iterator[tuple[str, str]]:
    """The PersistentVolumeClaims: those mounted, and those that new ones are copied from."""
    keys = {"persistentVolumeClaim": "claimName", "dataSource": "name", "dataSourceRef": "name"}
    for path, volume in declared(task):
        yield from _found(path, volume, keys)


def _holders(task: Task) -> Iterator[tuple[str, Manifest]]:
    yield from declared(task)
    for index, entry in enumerate(task.pod.env):
        yield f"podTemplate.env[{index}]", entry
    for number, step in enumerate(task.steps):
        for index, entry in enumerate(step.env):
            yield f"taskSpec.steps[{number}].env[{index}]", entry


def _found(path: str, value: Any, keys: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The texts under ``<key>.<its name's key>``, at any depth."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            wanted = keys.get(key)
            if wanted and isinstance(inner, Mapping) and inner.get(wanted):
                yield f"{path}.{key}.{wanted}", str(inner[wanted])
            yield from _found(f"{path}.{key}", inner, keys)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _found(f"{path}[{index}]", inner, keys)
