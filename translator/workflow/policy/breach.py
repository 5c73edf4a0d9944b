"""What a level of the Pod Security Standards forbids in a PodSpec, and where its controls look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from translator.task.look import sub
from translator.task.path import Path
from translator.workflow.policy.model import Level

_LISTS = ("initContainers", "containers", "ephemeralContainers")

Spec = Mapping[str, Any]
"""A PodSpec as plain data, or what is known of one."""


@dataclass(frozen=True, slots=True)
class Breach:
    """What a level forbids.

    Attributes:
        path: in the PodSpec.
        code: names the control.
        message: one sentence without a full stop.
        level: the strictest one that allows it.
    """

    path: Path
    code: str
    message: str
    level: Level


def contexts(spec: Spec) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The pod's securityContext and those of its containers, each with its path."""
    yield ("securityContext",), sub(spec, "securityContext")
    for path, container in containers(spec):
        yield (*path, "securityContext"), sub(container, "securityContext")


def containers(spec: Spec) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """All containers, each with its path."""
    for key in _LISTS:
        for index, container in enumerate(spec.get(key) or ()):
            yield (key, index), container
