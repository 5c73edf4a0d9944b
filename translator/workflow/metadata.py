"""Labels, annotations and finalizer of the objects of one attempt."""

from __future__ import annotations

from hera.workflows import models as m

from translator.task.model import Task
from translator.workflow import names
from translator.workflow.literals import size
from translator.workflow.options import Options
from translator.workflow.refusal import Faults

MAX_SHOWN_BYTES = 240 * 1024
"""Kubernetes takes 256 KiB of annotations; the rest is for ours and other tools'."""


def labels(task: Task, attempt: int, options: Options) -> dict[str, str]:
    """What the objects and pods of an attempt are found by."""
    return names.labels(task.task_id, task.agent_id, attempt, options.shards)


def workflow_metadata(task: Task, attempt: int, options: Options, faults: Faults) -> m.ObjectMeta:
    """The Workflow's metadata; Argo substitutes nothing in it."""
    shown = size(task.display_name) + size(task.description)
    if shown > MAX_SHOWN_BYTES:
        faults.add(
            "taskSpec.description",
            f"displayName and description are {shown} bytes, over {MAX_SHOWN_BYTES}",
            "Kubernetes keeps them in annotations: shorten them",
            "too-large",
        )
    annotations = {
        names.TASK_ID: task.task_id,
        names.AGENT_ID: task.agent_id,
        names.SPEC_HASH: task.spec_hash,
        names.TITLE: task.display_name,
    }
    if task.description:
        annotations[names.DESCRIPTION] = task.description
    return m.ObjectMeta(
        name=names.workflow_name(task.task_id, attempt),
        namespace=task.namespace,
        labels=labels(task, attempt, options),
        annotations=annotations,
        finalizers=None if options.standalone else [names.LOG_FINALIZER],
    )
