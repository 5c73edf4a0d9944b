"""The task's volumes, and which of them several steps share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hera.workflows import models as m

from translator.task.model import Manifest, Task
from translator.workflow import context
from translator.workflow.options import Options
from translator.workflow.refusal import Faults
from translator.workflow.structure import structure, structures

FILES = "codo-files"
"""The volume of the ConfigMap ``<workflow>-files``."""

OWN_DIRECTORY = "/codo"
"""What this project mounts in a step lies below it, but for the command ``codo``."""

_RESERVED = frozenset(
    (context.VOLUME, FILES, "argo-staging", "input-artifacts", "tmp-dir-argo", "var-run-argo")
)


@dataclass(frozen=True, slots=True)
class Shared:
    """An emptyDir that several steps mount."""

    name: str
    path: str
    steps: tuple[str, ...]


def shared_empty_dirs(task: Task) -> list[Shared]:
    """The emptyDir volumes that more than one step mounts, in the task's order."""
    mounted: dict[str, list[str]] = {}
    for step in task.steps:
        for name in dict.fromkeys(mount.get("name", "") for mount in step.volume_mounts):
            mounted.setdefault(name, []).append(step.name)
    return [
        Shared(volume["name"], path, tuple(steps))
        for path, volume in _declared(task)
        if "emptyDir" in volume and len(steps := mounted.get(volume["name"], [])) > 1
    ]


def volumes(task: Task, claimed: frozenset[str], faults: Faults) -> list[m.Volume]:
    """The Workflow's volumes: those of the task and of podTemplate that are not claimed.

    Args:
        task: the task.
        claimed: names of the volumes that `claims` provides.
        faults: gets what Kubernetes or Argo would refuse.
    """
    found = []
    for path, volume in _declared(task):
        name = volume["name"]
        if name in _RESERVED:
            faults.add(f"{path}.name", f"the name '{name}' is reserved", "rename the volume", "reserved-name")
        model = structure(m.Volume, volume, path, faults)
        if model is not None and name not in claimed:
            found.append(model)
    return found


def claims(task: Task, options: Options, faults: Faults) -> list[m.PersistentVolumeClaim]:
    """A claim for each emptyDir that step pods share; its name is the volume's.

    One node at a time is enough, since steps run one after another.
    """
    return [_claim(volume, path, options, faults) for path, volume in _shared(task)]


def volume_mounts(task: Task, index: int, faults: Faults) -> list[m.VolumeMount]:
    """The mounts of one step."""
    path = f"taskSpec.steps[{index}].volumeMounts"
    for at, mount in enumerate(task.steps[index].volume_mounts):
        where = str(mount.get("mountPath", "")).rstrip("/")
        if where == OWN_DIRECTORY or where.startswith(OWN_DIRECTORY + "/") or where == context.CODO_PATH:
            faults.add(
                f"{path}[{at}].mountPath", f"'{where}' is reserved", "mount it elsewhere", "reserved-name"
            )
    return structures(m.VolumeMount, task.steps[index].volume_mounts, path, faults) or []


def _declared(task: Task) -> Iterator[tuple[str, Manifest]]:
    for index, volume in enumerate(task.volumes):
        yield f"taskSpec.volumes[{index}]", volume
    for index, volume in enumerate(task.pod.volumes):
        yield f"podTemplate.volumes[{index}]", volume


def _shared(task: Task) -> Iterator[tuple[str, Manifest]]:
    names = {shared.name for shared in shared_empty_dirs(task)}
    return ((path, volume) for path, volume in _declared(task) if volume["name"] in names)


def _claim(volume: Manifest, path: str, options: Options, faults: Faults) -> m.PersistentVolumeClaim:
    size = (volume["emptyDir"] or {}).get("sizeLimit") or options.shared_volume_size
    data = {
        "metadata": {"name": volume["name"]},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": options.storage_class,
            "resources": {"requests": {"storage": size}},
        },
    }
    return structure(m.PersistentVolumeClaim, data, path, faults) or m.PersistentVolumeClaim()
