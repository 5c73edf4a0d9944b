"""Creates the objects of an attempt, whatever happened to an earlier try.

The ConfigMap comes first (the Workflow's pods need it), then the Secret (`translator.engine.argo.secrets`),
then the Workflow, which becomes the owner of the ConfigMap and so of the Secret: all go together. What a try
that died between them left is adopted by the next, or reaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from translator.crash_point import Step
from translator.engine.argo.answers import Call, RefusedError, UnavailableError
from translator.engine.argo.client import ApiServer
from translator.engine.argo.creating import STRICT, create_again, found, is_of_another, own
from translator.engine.argo.objects import ARGO, CORE, collection, workflow_path
from translator.engine.argo.secrets import discard_secrets, ensure_secrets
from translator.errors import PermanentError, TemporaryError
from translator.observe import reasons
from translator.observe.observation import WorkflowRef
from translator.workflow.names import INSTALLATION, SPEC_HASH
from translator.workflow.rendered import Rendered


async def submit(api: ApiServer, rendered: Rendered) -> WorkflowRef:
    """Create the objects, or adopt those of an earlier call.

    Raises:
        TemporaryError: the same call may succeed later.
        PermanentError: the cluster will not have it, or has another object of that name.
    """
    files = None if rendered.files is None else await _ensure_files(api, rendered, rendered.files)
    made = False
    try:
        if rendered.secrets is not None and files is not None:
            made = await ensure_secrets(api, rendered, rendered.secrets, files)
        workflow = await _ensure_workflow(api, rendered)
    except PermanentError as error:
        # in a conflict there is another Workflow of that name, and the ConfigMap may be its
        if files is not None and not _owners(files) and error.reason != reasons.CONFLICT:
            if rendered.secrets is not None and made:
                await discard_secrets(api, rendered.secrets)
            await _discard(api, files)
        raise
    metadata = workflow["metadata"]
    if files is not None and not _owners(files) and not await own(api, files, workflow):
        # the Workflow's pods wait for it: the next try makes it anew
        raise TemporaryError(f"configmap {files['metadata']['name']} was deleted meanwhile")
    return WorkflowRef(namespace=metadata["namespace"], name=metadata["name"], uid=metadata["uid"])


async def _ensure_workflow(api: ApiServer, rendered: Rendered) -> dict[str, Any]:
    namespace, name = rendered.namespace, rendered.name
    try:
        call = Call("create", "workflows", namespace, name)
        return await api.post(
            Step.CREATE_WORKFLOW, call, collection(ARGO, "workflows", namespace), rendered.workflow, STRICT
        )
    except RefusedError as error:
        if error.status != 409:
            raise
        refused: RefusedError | UnavailableError = error
    except UnavailableError as error:
        if error.status == 429:
            raise
        refused = error  # it may have been created all the same
    existing = await found(api, Call("get", "workflows", namespace, name), workflow_path(namespace, name))
    if existing is None:
        raise TemporaryError(refused.message, retry_after=getattr(refused, "retry_after", None)) from refused
    if _spec_hash(existing) != _spec_hash(rendered.workflow) or _is_another_s(existing, rendered):
        raise PermanentError(
            f"workflow {namespace}/{name} exists already, with other content",
            reason=reasons.CONFLICT,
            remedy="delete that Workflow, or use another task id",
        ) from refused
    return existing


async def _ensure_files(api: ApiServer, rendered: Rendered, files: Mapping[str, Any]) -> dict[str, Any]:
    """The ConfigMap with this very content, or that of the Workflow which an earlier try created.

    An earlier try may have had other settings. One without a Workflow is what a dead try left: replaced.
    """
    metadata = files["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    path = f"{collection(CORE, 'configmaps', namespace)}/{name}"
    try:
        return await _create_files(api, files)
    except RefusedError as error:
        if error.status != 409:
            raise
        refused: RefusedError | UnavailableError = error
    except UnavailableError as error:
        if error.status == 429:
            raise
        refused = error
    existing = await found(api, Call("get", "configmaps", namespace, name), path)
    if existing is None:
        raise TemporaryError(refused.message) from refused
    if _is_another_s(existing, rendered):
        raise PermanentError(
            f"configmap {namespace}/{name} exists already: it is another installation's",
            reason=reasons.CONFLICT,
            remedy="use another task id, or a namespace for each installation",
        ) from refused
    if _content(existing) == _content(files):
        return existing
    call = Call("get", "workflows", rendered.namespace, rendered.name)
    workflow = await found(api, call, workflow_path(rendered.namespace, rendered.name))
    if workflow is not None and _spec_hash(workflow) == _spec_hash(rendered.workflow):
        return existing
    if _owners(existing):
        raise PermanentError(
            f"configmap {namespace}/{name} exists already, with other content",
            reason=reasons.CONFLICT,
            remedy="delete the Workflow that owns it, or use another task id",
        ) from refused
    await _discard(api, existing)
    return await create_again(lambda: _create_files(api, files))


async def _create_files(api: ApiServer, files: Mapping[str, Any]) -> dict[str, Any]:
    namespace, name = files["metadata"]["namespace"], files["metadata"]["name"]
    call = Call("create", "configmaps", namespace, name)
    return await api.post(
        Step.CREATE_CONFIGMAP, call, collection(CORE, "configmaps", namespace), files, STRICT
    )


async def _discard(api: ApiServer, files: Mapping[str, Any]) -> None:
    """Delete the ConfigMap, this very one. What cannot be deleted now is reaped later."""
    metadata = files["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    path = f"{collection(CORE, 'configmaps', namespace)}/{name}"
    try:
        body = {"preconditions": {"uid": metadata["uid"]}}
        call = Call("delete", "configmaps", namespace, name)
        await api.delete(Step.DELETE_CONFIGMAP, call, path, body)
    except RefusedError as error:
        if error.status not in (403, 404, 409):
            raise
    except UnavailableError:
        return


def _spec_hash(workflow: Mapping[str, Any]) -> str | None:
    metadata = workflow["metadata"]
    either = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    return either.get(SPEC_HASH)


def _is_another_s(thing: Mapping[str, Any], rendered: Rendered) -> bool:
    annotations = rendered.workflow["metadata"].get("annotations") or {}
    return is_of_another(thing, annotations.get(INSTALLATION, ""))


def _owners(files: Mapping[str, Any]) -> list[Any]:
    return files["metadata"].get("ownerReferences") or []


def _content(files: Mapping[str, Any]) -> tuple[Any, Any]:
    return files.get("data") or {}, files.get("binaryData") or {}
