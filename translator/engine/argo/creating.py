"""What creating an object takes, whichever it is, and deleting it again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from translator.crash_point import Step
from translator.engine.argo.answers import Call, RefusedError
from translator.engine.argo.client import ApiServer
from translator.engine.argo.objects import CORE, collection
from translator.errors import TemporaryError
from translator.workflow.names import INSTALLATION

T = TypeVar("T")

STRICT = {"fieldValidation": "Strict"}
"""Unknown and duplicate fields are refused, not dropped."""


async def create_again(create: Callable[[], Awaitable[T]]) -> T:
    """Create what was deleted just before.

    Raises:
        TemporaryError: it is there again, or still: another replica creates it, or a finalizer holds it.
    """
    try:
        return await create()
    except RefusedError as error:
        if error.status == 409:
            raise TemporaryError(error.message) from error
        raise


async def found(api: ApiServer, call: Call, path: str) -> dict[str, Any] | None:
    """The object, or None where it does not exist.

    Raises:
        TemporaryError: the server cannot tell now.
        PermanentError: the server will not tell.
    """
    try:
        return await api.get(call, path)
    except RefusedError as error:
        if error.status == 404:
            return None
        raise


async def delete_exactly(api: ApiServer, step: Step, call: Call, path: str, its_uid: str) -> bool:
    """Delete this very object. Returns whether it was there: it may have gone, or be another one by now.

    Raises:
        TemporaryError: the server cannot do it now.
        PermanentError: the server will not.
    """
    try:
        await api.delete(step, call, path, {"preconditions": {"uid": its_uid}})
    except RefusedError as error:
        if error.status in (404, 409):
            return False
        raise
    return True


def owner(
    thing: Mapping[str, Any], version: str = "argoproj.io/v1alpha1", kind: str = "Workflow"
) -> dict[str, Any]:
    """The reference by which another object belongs to this one."""
    metadata = thing["metadata"]
    return {
        "apiVersion": version,
        "kind": kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }


async def own(api: ApiServer, files: Mapping[str, Any], workflow: Mapping[str, Any]) -> bool:
    """Make the Workflow the ConfigMap's owner, so that both go together; False: the ConfigMap is gone."""
    metadata = files["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    change = {"metadata": {"uid": metadata["uid"], "ownerReferences": [owner(workflow)]}}
    path = f"{collection(CORE, 'configmaps', namespace)}/{name}"
    try:
        await api.patch(Step.OWN_CONFIGMAP, Call("patch", "configmaps", namespace, name), path, change)
    except RefusedError as error:
        # 409: meanwhile there is another of that name, which is another replica's to give away
        if error.status not in (404, 409):
            raise
        return error.status == 409
    return True


def is_of_another(thing: Mapping[str, Any], installation: str) -> bool:
    """Whether an object names an installation, and not this one."""
    named = (thing["metadata"].get("annotations") or {}).get(INSTALLATION, "")
    return named not in ("", installation)
