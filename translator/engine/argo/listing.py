"""Everything of one kind that has our labels, page by page, without specs and statuses."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

from translator.engine.argo.answers import Call
from translator.engine.argo.client import METADATA, ApiServer
from translator.engine.argo.objects import ARGO, collection, is_kept
from translator.engine.argo.watching import PAGE
from translator.observe.observation import Holding, WorkflowRef
from translator.workflow.names import ATTEMPT, INSTALLATION, TASK_ID, attempt_of

_COMPLETED = "workflows.argoproj.io/completed"
"""Label that Argo's controller sets when a Workflow has ended, together with the final phase."""


async def ours(api: ApiServer, base: str, resource: str, namespace: str) -> AsyncIterator[dict[str, Any]]:
    """The objects, each with its metadata only.

    Args:
        api: the API server.
        base: of the resource's path.
        resource: the plural.
        namespace: empty for all.

    Raises:
        TemporaryError: the server cannot do it now.
        PermanentError: the server will not.
    """
    query: dict[str, Any] = {"labelSelector": TASK_ID, "limit": PAGE}
    call = Call("list", resource, namespace)
    while True:
        page = await api.get(call, collection(base, resource, namespace), query, accept=METADATA)
        for item in page.get("items") or ():
            yield item
        more = (page.get("metadata") or {}).get("continue")
        if not more:
            return
        query["continue"] = more


async def holdings(api: ApiServer, namespace: str) -> AsyncGenerator[Holding, None]:
    """The Workflows with our labels; raises as `ours`."""
    async for workflow in ours(api, ARGO, "workflows", namespace):
        holding = holding_of(workflow)
        if holding is not None:
            yield holding


def holding_of(workflow: Mapping[str, Any]) -> Holding | None:
    """What a Workflow's metadata says; None where somebody else used our labels."""
    metadata = workflow["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    task_id, attempt = annotations.get(TASK_ID, ""), labels.get(ATTEMPT, "")
    # somebody may have edited the label: of a name that the service gave, the name tells
    number = attempt_of(metadata["name"], task_id) or (int(attempt) if attempt.isdecimal() else 0)
    if not task_id or not number:
        return None
    return Holding(
        WorkflowRef(metadata["namespace"], metadata["name"], metadata["uid"]),
        task_id,
        number,
        annotations.get(INSTALLATION, ""),
        kept=is_kept(workflow),
        ended=labels.get(_COMPLETED) == "true",
    )
