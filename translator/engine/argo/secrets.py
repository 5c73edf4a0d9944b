"""The Secret of an attempt: created and deleted, never read.

The service may not get, list or patch Secrets (the answer to a patch has the data in it). So an orphan cannot
be looked for: the Secret belongs to the ConfigMap, which is reaped where no Workflow comes to own it, and
Kubernetes' garbage collector takes the Secret along.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from translator.crash_point import Step
from translator.engine.argo.answers import Call, RefusedError, UnavailableError
from translator.engine.argo.client import ApiServer
from translator.engine.argo.creating import STRICT, create_again, found, owner
from translator.engine.argo.objects import CORE, collection, workflow_path
from translator.workflow.rendered import Rendered


async def ensure_secrets(
    api: ApiServer, rendered: Rendered, secrets: Mapping[str, Any], files: Mapping[str, Any]
) -> bool:
    """Create the Secret, in the place of what an earlier try left.

    Args:
        api: the API server.
        rendered: the objects.
        secrets: the Secret.
        files: the ConfigMap as it is in the cluster, its owner.

    Returns:
        Whether it is this call's own: False where a Workflow of this name exists, whose pods may use it.

    Raises:
        TemporaryError: the same call may succeed later.
        PermanentError: the cluster will not have it.
    """
    metadata = secrets["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    owned = {**secrets, "metadata": {**metadata, "ownerReferences": [owner(files, "v1", "ConfigMap")]}}
    try:
        await _create(api, owned)
    except RefusedError as error:
        if error.status != 409:
            raise
    except UnavailableError as error:
        if error.status == 429:
            raise
        # it may have been created all the same
    else:
        return True
    call = Call("get", "workflows", rendered.namespace, rendered.name)
    if await found(api, call, workflow_path(rendered.namespace, rendered.name)) is not None:
        return False  # its pods use what is there
    # what a try left that died: its values may be others, and its ConfigMap another
    path = f"{collection(CORE, 'secrets', namespace)}/{name}"
    try:
        await api.delete(Step.DELETE_SECRET, Call("delete", "secrets", namespace, name), path)
    except RefusedError as error:
        if error.status != 404:
            raise
    await create_again(lambda: _create(api, owned))
    return True


async def discard_secrets(api: ApiServer, secrets: Mapping[str, Any]) -> None:
    """Delete the Secret of a Workflow that will not come. Where that fails, it goes with the ConfigMap."""
    namespace, name = secrets["metadata"]["namespace"], secrets["metadata"]["name"]
    path = f"{collection(CORE, 'secrets', namespace)}/{name}"
    try:
        await api.delete(Step.DELETE_SECRET, Call("delete", "secrets", namespace, name), path)
    except (RefusedError, UnavailableError):
        return


async def _create(api: ApiServer, secret: Mapping[str, Any]) -> None:
    namespace, name = secret["metadata"]["namespace"], secret["metadata"]["name"]
    call = Call("create", "secrets", namespace, name)
    await api.post(Step.CREATE_SECRET, call, collection(CORE, "secrets", namespace), secret, STRICT)
