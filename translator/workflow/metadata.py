"""Labels, annotations and finalizer of the objects of one attempt."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hera.workflows import models as m

from translator.task.model import Task
from translator.task.names import STEP_NAMES
from translator.workflow import names
from translator.workflow.literals import size
from translator.workflow.options import Options
from translator.workflow.refusal import Faults

MAX_SHOWN_BYTES = 240 * 1024
"""Kubernetes takes 256 KiB of annotations; the rest is for ours and other tools'."""


def labels(task: Task, attempt: int, options: Options) -> dict[str, str]:
    """What the objects and pods of an attempt are found by."""
    return names.labels(task.task_id, task.agent_id, attempt, options.shards)


def workflow_metadata(
    task: Task, attempt: int, options: Options, faults: Faults, *, made: Sequence[str]
) -> m.ObjectMeta:
    """The Workflow's metadata; Argo substitutes nothing in it.

    Args:
        task: the task as it was written.
        attempt: its number.
        options: the translator's own choices.
        faults: takes what is too long.
        made: what the steps are called in the Workflow.
    """
    originals = {own: step.name for own, step in zip(made, task.steps, strict=True) if own != step.name}
    step_names = json.dumps(originals, ensure_ascii=False, separators=(",", ":")) if originals else ""
    shown = size(task.display_name) + size(task.description) + size(step_names)
    if shown > MAX_SHOWN_BYTES:
        faults.add(
            "taskSpec.description",
            f"displayName, description and the steps' names are {shown} bytes, over {MAX_SHOWN_BYTES}",
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
    if step_names:
        annotations[STEP_NAMES] = step_names
    return m.ObjectMeta(
        name=names.workflow_name(task.task_id, attempt),
        namespace=task.namespace,
        labels=labels(task, attempt, options),
        annotations=annotations,
        finalizers=None if options.standalone else [names.LOG_FINALIZER],
    )
