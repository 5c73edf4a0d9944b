"""The task's volumes, and which emptyDirs of them several steps share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from translator.task.model import Manifest, Task


@dataclass(frozen=True, slots=True)
class Shared:
    """An emptyDir that several steps mount."""

    name: str
    path: str
    steps: tuple[str, ...]


def declared(task: Task) -> Iterator[tuple[str, Manifest]]:
    """Every volume of the task, with its path."""
    for index, volume in enumerate(task.volumes):
        yield f"taskSpec.volumes[{index}]", volume
    for index, volume in enumerate(task.pod.volumes):
        yield f"podTemplate.volumes[{index}]", volume


def shared_empty_dirs(task: Task) -> list[Shared]:
    """The emptyDir volumes that more than one step mounts, in the task's order."""
    mounted: dict[str, list[str]] = {}
    for step in task.steps:
        for name in dict.fromkeys(mount.get("name", "") for mount in step.volume_mounts):
            mounted.setdefault(name, []).append(step.name)
    return [
        Shared(volume["name"], path, tuple(steps))
        for path, volume in declared(task)
        if "emptyDir" in volume and len(steps := mounted.get(volume["name"], [])) > 1
    ]
