"""Lets a Workflow go: takes our finalizer off, so that Argo's TTL and the garbage collector may delete it."""

from __future__ import annotations

from datetime import timedelta

from translator.crash_point import Step
from translator.engine.argo.answers import Call, RefusedError
from translator.engine.argo.client import ApiServer
from translator.engine.argo.objects import CORE, collection, workflow_path
from translator.errors import TemporaryError
from translator.workflow.names import LOG_FINALIZER

_TRIES = 5


DELETED_AGE = timedelta(minutes=1)
"""How long a namespace that is being deleted waits for logs that nobody has read."""

_TERMINATING = "because it is being terminated"
"""Of ``namespaces "x" …``, the API server's words for a namespace in which nothing can be made any more."""


async def is_terminating(api: ApiServer, namespace: str) -> bool:
    """Whether the namespace is being deleted; False also where the server does not tell.

    The service has no right to read namespaces. It may make ConfigMaps, and ``dryRun=All`` makes none.

    Raises:
        TemporaryError: the server cannot be asked now.
    """
    probe = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "codo-probe", "namespace": namespace},
    }
    call = Call("create", "configmaps", namespace, "codo-probe")
    try:
        await api.ask(call, collection(CORE, "configmaps", namespace), probe, {"dryRun": "All"})
    except RefusedError as error:
        return _TERMINATING in error.message
    return False


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
