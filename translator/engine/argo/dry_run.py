"""What the API server itself says of pods, without making them: no rule of ours can be as right."""

from __future__ import annotations

from collections.abc import Sequence

from translator.engine.argo.answers import Call, RefusedError
from translator.engine.argo.client import ApiServer
from translator.engine.argo.objects import CORE, collection
from translator.observe import reasons
from translator.task.model import Task
from translator.workflow.dry_run import Cause, Pod, faults
from translator.workflow.refusal import Fault

_NOT_ALLOWED = 'cannot create resource "pods"'
"""RBAC's words; admission plugins answer 403 as well."""


async def judged(api: ApiServer, task: Task, pods: Sequence[Pod]) -> list[Fault]:
    """What is wrong with the pods of a task, each thing once.

    Args:
        api: opened; its account must be allowed to create pods in the task's namespace.
        task: the task.
        pods: its pods.

    Raises:
        UnavailableError: the API server cannot be asked now.
        RefusedError: it does not answer this account, or has no such namespace.
    """
    found: dict[Fault, None] = {}
    for pod in pods:
        call = Call("create", "pods", task.namespace)
        query = {"dryRun": "All", "fieldValidation": "Strict"}
        try:
            await api.ask(call, collection(CORE, "pods", task.namespace), pod.manifest, query)
        except RefusedError as error:
            if error.reason == reasons.NAMESPACE_NOT_FOUND or _NOT_ALLOWED in error.words:
                raise  # says nothing of the task
            causes = [Cause(field, message) for field, message in error.causes if field]
            for fault in faults(task, pod, causes or [Cause("", error.words)]):
                found[fault] = None
    return list(found)
