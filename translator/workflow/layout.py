"""Chooses between one pod a step (``dag``) and one pod for all steps (``pod``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from translator.task.model import Step, Task
from translator.workflow.options import Options
from translator.workflow.refusal import Fault, Faults
from translator.workflow.shared import Shared, shared_empty_dirs

Layout = Literal["dag", "pod"]


def choose(task: Task, options: Options, faults: Faults) -> Layout:
    """The layout that the options ask for, or that the task's volumes need.

    Notes a fault where no layout can do what the task says.
    """
    if options.layout == "pod":
        for fault in obstacles(task):
            faults.add(fault.path, fault.message, fault.hint, fault.code)
        return "pod"
    shared = shared_empty_dirs(task)
    if not shared or (options.layout == "dag" and options.storage_class):
        return "dag"
    against = list(obstacles(task))
    if options.layout == "auto" and not against:
        return "pod"
    if not options.storage_class:
        for volume in shared:
            _refuse(volume, against, options, faults)
    return "dag"


def obstacles(task: Task) -> Iterator[Fault]:
    """Why the steps cannot be containers of one pod."""
    for index, step in enumerate(task.steps):
        for key, message in _obstacles(step):
            yield Fault(
                f"taskSpec.steps[{index}].{key}",
                f"{message} in one pod with the other steps",
                "use the layout dag, or leave this out",
                "pod-layout",
            )


def _obstacles(step: Step) -> Iterator[tuple[str, str]]:
    if step.timeout_given:
        yield "timeout", f"step '{step.name}' has a timeout of its own, which Argo cannot keep"
    if step.on_error_continue:
        yield "onError", f"step '{step.name}' continues on error, which Argo cannot do"


def _refuse(volume: Shared, against: list[Fault], options: Options, faults: Faults) -> None:
    steps = ", ".join(volume.steps)
    why = against[0].message if against else f"the layout is {options.layout}"
    faults.add(
        volume.path,
        f"several steps ({steps}) mount emptyDir '{volume.name}', but each has a pod of its own: {why}",
        "use a persistentVolumeClaim, mount it in one step alone, "
        "let no step have timeout or onError: continue, or configure a storage class",
        "shared-volume",
    )
