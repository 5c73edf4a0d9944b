"""Ends a Workflow: Argo's own Terminate first; after a grace, pods that still run are deleted."""

from __future__ import annotations

from translator.crash_point import Step
from translator.engine.argo.answers import Call, RefusedError
from translator.engine.argo.client import ApiServer
from translator.engine.argo.creating import delete_exactly
from translator.engine.argo.objects import (
    CORE,
    collection,
    has_ended,
    is_of,
    pod_path,
    workflow_path,
)
from translator.observe.observation import WorkflowRef
from translator.observe.pods import WORKFLOW_LABEL


async def order_shutdown(api: ApiServer, ref: WorkflowRef) -> None:
    """Set ``spec.shutdown: Terminate``; nothing to do where the Workflow is gone.

    Argo does not look at that while ``spec.suspend`` is true, so the same patch takes it back.

    It ends running and Pending Workflows in seconds, keeps the pods with their logs, and sends SIGTERM.

    Raises:
        TemporaryError: the server cannot do it now.
        PermanentError: the server will not.
    """
    call = Call("patch", "workflows", ref.namespace, ref.name)
    # the uid in a patch is a precondition: a Workflow created anew under this name is not ours to end
    change = {"metadata": {"uid": ref.uid}, "spec": {"shutdown": "Terminate", "suspend": None}}
    try:
        await api.patch(Step.SHUTDOWN_WORKFLOW, call, workflow_path(ref.namespace, ref.name), change)
    except RefusedError as error:
        if error.status not in (404, 409):
            raise


async def delete_unfinished_pods(api: ApiServer, ref: WorkflowRef) -> int:
    """Delete the Workflow's pods that have not ended; returns how many.

    Raises:
        TemporaryError: the server cannot do it now.
        PermanentError: the server will not.
    """
    call = Call("list", "pods", ref.namespace)
    query = {"labelSelector": f"{WORKFLOW_LABEL}={ref.name}"}
    pods = (await api.get(call, collection(CORE, "pods", ref.namespace), query)).get("items") or []
    unfinished = [pod for pod in pods if is_of(pod, ref.uid) and not has_ended(pod)]
    for pod in unfinished:
        name = pod["metadata"]["name"]
        call = Call("delete", "pods", ref.namespace, name)
        await delete_exactly(
            api, Step.DELETE_POD, call, pod_path(ref.namespace, name), pod["metadata"]["uid"]
        )
    return len(unfinished)
