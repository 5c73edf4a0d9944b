"""Clears up what died half-way: ConfigMaps whose Workflow never came, Workflows that nobody let go.

Both are told by age, since another replica may be at work on the younger ones.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from translator.crash_point import Step
from translator.engine.argo.answers import Call, RefusedError
from translator.engine.argo.client import ApiServer
from translator.engine.argo.objects import ARGO, CORE, collection
from translator.engine.argo.release import release
from translator.engine.argo.watching import PAGE
from translator.workflow.names import LOG_FINALIZER, TASK_ID

ORPHAN_AGE = timedelta(hours=1)
"""A submission takes seconds; its retries at most minutes."""

STUCK_AGE = timedelta(hours=24)
"""How long a Workflow that somebody deleted is kept for its unread logs."""

_log = structlog.get_logger(__name__)


async def reap(api: ApiServer, namespace: str, now: datetime) -> int:
    """Delete orphaned ConfigMaps and release stuck Workflows; returns how many objects that were.

    Args:
        api: the API server.
        namespace: empty for all.
        now: the time, with its zone.

    Raises:
        TemporaryError: the server cannot do it now.
        PermanentError: the server will not.
    """
    done = 0
    async for files in _ours(api, CORE, "configmaps", namespace):
        if is_orphan(files, now):
            await _delete(api, files["metadata"])
            done += 1
    async for workflow in _ours(api, ARGO, "workflows", namespace):
        if is_stuck(workflow, now):
            metadata = workflow["metadata"]
            await release(api, metadata["namespace"], metadata["name"], metadata["uid"])
            _log.warning("released a workflow that nobody let go", workflow=metadata["name"])
            done += 1
    return done


def is_orphan(files: Mapping[str, Any], now: datetime) -> bool:
    """Whether a ConfigMap of ours has stayed without a Workflow for too long."""
    metadata = files["metadata"]
    return not metadata.get("ownerReferences") and now - _instant(metadata["creationTimestamp"]) > ORPHAN_AGE


def is_stuck(workflow: Mapping[str, Any], now: datetime) -> bool:
    """Whether only our finalizer has kept a deleted Workflow for too long."""
    metadata = workflow["metadata"]
    deleted = metadata.get("deletionTimestamp")
    kept = LOG_FINALIZER in (metadata.get("finalizers") or ())
    return bool(deleted) and kept and now - _instant(deleted) > STUCK_AGE


async def _ours(api: ApiServer, base: str, resource: str, namespace: str) -> AsyncIterator[dict[str, Any]]:
    query: dict[str, Any] = {"labelSelector": TASK_ID, "limit": PAGE}
    while True:
        page = await api.get(Call("list", resource, namespace), collection(base, resource, namespace), query)
        for item in page.get("items") or ():
            yield item
        more = (page.get("metadata") or {}).get("continue")
        if not more:
            return
        query["continue"] = more


async def _delete(api: ApiServer, metadata: Mapping[str, Any]) -> None:
    namespace, name = metadata["namespace"], metadata["name"]
    path = f"{collection(CORE, 'configmaps', namespace)}/{name}"
    try:
        call = Call("delete", "configmaps", namespace, name)
        await api.delete(Step.DELETE_CONFIGMAP, call, path, {"preconditions": {"uid": metadata["uid"]}})
        _log.info("deleted a configmap without a workflow", configmap=name)
    except RefusedError as error:
        if error.status not in (404, 409):
            raise


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
