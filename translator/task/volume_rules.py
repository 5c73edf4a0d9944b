"""The rules that tie volumes to their sources and to the steps that mount them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from translator.task.blanks import is_null
from translator.task.finding import Finding
from translator.task.look import mappings, sub
from translator.task.path import Path, format_path
from translator.task.schema.volumes import SOURCES

_MOST_HINTS = 20
_MOST_NAMES = 100
"""Looking for the nearest name is slow: so often, and among so many, and no more."""


def volumes(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Volume names are unique in the task, and each volume has exactly one source."""
    first: dict[str, Path] = {}
    sourceless = 0
    for path, volume in _declared(data):
        name = volume.get("name")
        if isinstance(name, str) and name:
            if name in first:
                message = f"the volume name {name!r} is already taken at {format_path(first[name])}"
                yield Finding((*path, "name"), message, "volume names are unique", "duplicate-name")
            first.setdefault(name, path)
        sources = [key for key in volume if key in SOURCES and not is_null(volume[key])]
        if len(sources) > 1:
            message = f"a volume has one source, not {' and '.join(sources)}"
            yield Finding((*path, sources[1]), message, "make it two volumes", "one-source")
        elif not sources:
            sourceless += 1
            meant = _meant(volume) if sourceless <= _MOST_HINTS else ""
            yield Finding(path, "the volume has no source", meant, "one-source")


def mounts(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Steps mount volumes that exist, each at its own path."""
    declared = (volume.get("name") for _, volume in _declared(data))
    unknown = 0
    known = dict.fromkeys(name for name in declared if isinstance(name, str) and name)
    for step_path, step in mappings(("taskSpec", "steps"), sub(data, "taskSpec").get("steps")):
        taken: set[str] = set()
        for path, mount in mappings((*step_path, "volumeMounts"), step.get("volumeMounts")):
            name, target = mount.get("name"), mount.get("mountPath")
            if isinstance(name, str) and name and name not in known:
                unknown += 1
                near = _near(name, [*known][:_MOST_NAMES]) if unknown <= _MOST_HINTS else ""
                yield Finding((*path, "name"), f"there is no volume {name[:64]!r}", near, "unknown-volume")
            if isinstance(target, str) and target:
                if target in taken:
                    message = f"something else is already mounted at {target}"
                    yield Finding((*path, "mountPath"), message, "mount paths are unique", "duplicate-mount")
                taken.add(target)
            if mount.get("subPath") and mount.get("subPathExpr"):
                message = "subPath and subPathExpr exclude each other"
                yield Finding((*path, "subPathExpr"), message, "remove one of the two", "two-values")


def _declared(data: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for holder in ("podTemplate", "taskSpec"):
        yield from mappings((holder, "volumes"), sub(data, holder).get("volumes"))


def _meant(volume: Mapping[str, Any]) -> str:
    for key in [*volume][:_MOST_HINTS]:
        near = difflib.get_close_matches(str(key)[:64], SOURCES, n=1, cutoff=0.75)
        if near:
            return f"did you mean {near[0]}?"
    return "such as emptyDir: {}"


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name[:64], known, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return "volumes: " + ", ".join(known[:10]) if known else "declare it in taskSpec.volumes"
