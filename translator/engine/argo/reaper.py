"""Clears up what died half-way: ConfigMaps whose Workflow never came, Workflows that nobody let go.

Both are told by age, since another replica may be at work on the younger ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from translator.crash_point import Step
from translator.engine.argo.answers import Call, RefusedError
from translator.engine.argo.client import ApiServer
from translator.engine.argo.listing import ours
from translator.engine.argo.objects import ARGO, CORE, collection, is_kept
from translator.engine.argo.release import release

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
    async for files in ours(api, CORE, "configmaps", namespace):
        if is_orphan(files, now):
            await _delete(api, files["metadata"])
            done += 1
    async for workflow in ours(api, ARGO, "workflows", namespace):
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
    return bool(deleted) and is_kept(workflow) and now - _instant(deleted) > STUCK_AGE


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
