"""The Workflow's volumes and the steps' mounts."""

from __future__ import annotations

from collections.abc import Iterator

from hera.workflows import models as m

from translator.task.model import Manifest, Task
from translator.workflow.options import Options
from translator.workflow.policy.model import Policy
from translator.workflow.policy.sizes import bounded, empty_dir_size
from translator.workflow.refusal import Faults
from translator.workflow.shared import declared, shared_empty_dirs
from translator.workflow.structure import structure, structures


def volumes(task: Task, claimed: frozenset[str], policy: Policy, faults: Faults) -> list[m.Volume]:
    """The Workflow's volumes: those of the task and of podTemplate that are not claimed.

    Args:
        task: the task.
        claimed: names of the volumes that `claims` provides.
        policy: bounds what has no bound of its own.
        faults: gets what Kubernetes or Argo would refuse.
    """
    found = []
    for path, volume in declared(task):
        model = structure(m.Volume, bounded(volume, policy), path, faults)
        if model is not None and volume["name"] not in claimed:
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
    return structures(m.VolumeMount, task.steps[index].volume_mounts, path, faults) or []


def _shared(task: Task) -> Iterator[tuple[str, Manifest]]:
    names = {shared.name for shared in shared_empty_dirs(task)}
    return ((path, volume) for path, volume in declared(task) if volume["name"] in names)


def _claim(volume: Manifest, path: str, options: Options, faults: Faults) -> m.PersistentVolumeClaim:
    size = empty_dir_size(volume) or options.shared_volume_size
    data = {
        "metadata": {"name": volume["name"]},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": options.storage_class,
            "resources": {"requests": {"storage": size}},
        },
    }
    return structure(m.PersistentVolumeClaim, data, path, faults) or m.PersistentVolumeClaim()
