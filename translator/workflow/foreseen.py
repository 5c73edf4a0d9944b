"""Why no Workflow could be made of a task, as far as that is known without making one.

Hera, which makes it, takes a second to load.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from translator.task.model import Task
from translator.workflow.layout import choose
from translator.workflow.literals import changed_by_argo
from translator.workflow.options import Options
from translator.workflow.policy.judge import judge_task
from translator.workflow.policy.model import Policy
from translator.workflow.refusal import Fault, Faults
from translator.workflow.reserved import reserved_faults
from translator.workflow.script import interpreter

MAX_WORKFLOW_BYTES = 1024 * 1024
"""etcd takes 1.5 MiB, and Argo adds the status."""

_GROWTH = 13
"""Bytes that one character of a task becomes at most: ``{`` as ``$(CODO_BRACE)``; an escape has 6."""

_OWN_BYTES = 8 * 1024
"""Of a Workflow's own text in each step at most: names, deadlines, the context's chain of 20 steps."""


def surely_fits(task: Task, policy: Policy, template_bytes: int = 0) -> bool:
    """Whether the task's Workflow and ConfigMap are small enough, whatever they look like.

    Args:
        task: the task.
        policy: it may fill something in.
        template_bytes: the length of what every Workflow starts from.
    """
    # every step may repeat the parameters, the pod's env and what the policy fills in
    parts = len(task.steps) + 1
    each = _GROWTH * (len(repr(task)) + len(repr(policy))) + _OWN_BYTES
    return parts * each + template_bytes <= MAX_WORKFLOW_BYTES


def account_of(task: Task, options: Options, template: Mapping[str, Any]) -> str:
    """The service account that the task's pods run as."""
    given = task.pod.service_account_name or options.service_account
    return given or (template.get("spec") or {}).get("serviceAccountName") or "default"


def foreseen(task: Task, options: Options) -> tuple[Fault, ...] | None:
    """The faults of a task whose Workflow starts from nothing of the operator's.

    Returns:
        None where only `translator.workflow.translate.check` can tell: the task is large, or has
        ``{{``, which is allowed in some places alone.
    """
    if changed_by_argo(repr(task)) or not surely_fits(task, options.policy):
        return None
    faults = Faults()
    together = choose(task, options, faults) == "pod"
    account = account_of(task, options, {})
    for fault in judge_task(task, options.policy, together=together, account=account):
        faults.note(fault)
    for fault in reserved_faults(task, {}):
        faults.note(fault)
    for index, step in enumerate(task.steps):
        if step.script is not None:
            interpreter(step.script, f"taskSpec.steps[{index}].script", faults)
    return faults.found
