"""The operator's own object, ``kind: CodoCloudTask``, which may stand wherever a taskYaml may.

Its ``spec`` is the task, and ``metadata.namespace`` is where it runs where nothing else says so. What a
cluster adds to it (other ``metadata``, ``status``) is passed over: what ``kubectl get -o yaml`` prints can be
submitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from translator.task.finding import Finding
from translator.task.node import Node
from translator.task.path import Path
from translator.task.problem import Problem

KIND = "CodoCloudTask"
GROUP = "codo.dev/"

_KEYS = ("apiVersion", "kind", "metadata", "spec", "status")
_ORDERS = ("status", "statusMessage")
_CANCELLED = "TaskRunCancelled"


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """What an object holds.

    Attributes:
        spec: the task, with the places of the object's own text; None: there is none.
        namespace: ``metadata.namespace``; None: it names none.
        problems: faults in what lies around the task.
    """

    spec: Node | None
    namespace: str | None
    problems: tuple[Problem, ...]


def unwrap(root: Node) -> Unwrapped | None:
    """What an object holds; None for a document that is no such object."""
    data = root.data
    if data.get("kind") != KIND and not ("spec" in data and str(data.get("apiVersion")).startswith(GROUP)):
        return None
    problems = tuple(finding.problem(*_place(root, finding)) for finding in _findings(data))
    spec = root.entries["spec"][2] if root.entries is not None and "spec" in root.entries else None
    if spec is None or spec.entries is None:
        return Unwrapped(None, None, problems)
    spec = replace(
        spec,
        entries={key: entry for key, entry in spec.entries.items() if key not in _ORDERS},
        data={key: value for key, value in spec.data.items() if key not in _ORDERS},
    )
    metadata = data.get("metadata")
    namespace = metadata.get("namespace") if isinstance(metadata, Mapping) else None
    return Unwrapped(spec, namespace if isinstance(namespace, str) and namespace else None, problems)


def _findings(data: Mapping[str, Any]) -> Iterator[Finding]:
    if data.get("kind") != KIND:
        yield Finding(("kind",), f"the kind of such an object is {KIND}", f"kind: {KIND}", "not-allowed")
    if not str(data.get("apiVersion")).startswith(GROUP):
        yield Finding(
            ("apiVersion",), f"its API group is {GROUP[:-1]}", f"apiVersion: {GROUP}v1", "not-allowed"
        )
    for key in data:
        if key not in _KEYS:
            hint = "one of " + ", ".join(_KEYS)
            yield Finding((key,), f"unknown key {key[:64]} of a {KIND}", hint, "unknown-key", at_key=True)
    metadata, spec = data.get("metadata"), data.get("spec")
    if metadata is not None and not isinstance(metadata, Mapping):
        yield Finding(("metadata",), "metadata must be a mapping", "", "wrong-type")
    elif isinstance(metadata, Mapping) and not isinstance(metadata.get("namespace"), str | None):
        yield Finding(
            ("metadata", "namespace"), "the namespace must be text", "put it in quotes", "wrong-type"
        )
    if not isinstance(spec, Mapping):
        yield Finding(("spec",), "spec is required: it is the task", "", "required")
    elif spec.get("status") == _CANCELLED:
        message = "the object says that its task is cancelled"
        yield Finding(("spec", "status"), message, "take status out to run it", "cancelled")


def _place(root: Node, finding: Finding) -> tuple[int, int]:
    path: Path = finding.path
    return root.place(path, at_key=finding.at_key)
