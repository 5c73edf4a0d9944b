"""Lets a Workflow go: takes our finalizer off, so that Argo's TTL and the garbage collector may delete it."""

from __future__ import annotations

from translator.crash_point import Step
from translator.engine.argo.answers import Call, RefusedError
from translator.engine.argo.client import ApiServer
from translator.engine.argo.objects import workflow_path
from translator.errors import TemporaryError
from translator.workflow.names import LOG_FINALIZER

_TRIES = 5


async def release(api: ApiServer, namespace: str, name: str, uid: str = "") -> None:
    """Remove the finalizer ``codo.dev/logs``; nothing to do where it or the Workflow is gone.

    Args:
        api: the API server.
        namespace: the Workflow's.
        name: the Workflow's.
        uid: if given, a Workflow of that name with another uid is left alone.

    Raises:
        TemporaryError: the server cannot do it now, or others kept changing the Workflow meanwhile.
        PermanentError: the server will not.
    """
    path = workflow_path(namespace, name)
    for _ in range(_TRIES):
        try:
            metadata = (await api.get(Call("get", "workflows", namespace, name), path))["metadata"]
            finalizers = metadata.get("finalizers") or []
            if LOG_FINALIZER not in finalizers or (uid and metadata["uid"] != uid):
                return
            kept = [one for one in finalizers if one != LOG_FINALIZER]
            # the version makes it fail, not undo, when another controller changes the list at the same time
            change = {"metadata": {"finalizers": kept, "resourceVersion": metadata["resourceVersion"]}}
            call = Call("patch", "workflows", namespace, name)
            await api.patch(Step.REMOVE_FINALIZER, call, path, change)
        except RefusedError as error:
            if error.status == 404:
                return
            if error.status != 409:
                raise
        else:
            return
    raise TemporaryError(f"cannot release workflow {namespace}/{name}: it kept changing")
