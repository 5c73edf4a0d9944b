"""Clears up what died half-way: ConfigMaps whose Workflow never came, Workflows that nobody let go.

Both are told by age, since another replica may be at work on the younger ones. A ConfigMap whose Workflow is
there, and that a dying replica did not give to it, is given to it now, whatever its age. Objects of another
installation are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from translator.crash_point import Step
from translator.engine.argo.answers import Call
from translator.engine.argo.client import ApiServer
from translator.engine.argo.creating import delete_exactly, found, is_of_another, own
from translator.engine.argo.listing import ours
from translator.engine.argo.objects import ARGO, CORE, collection, is_kept, workflow_path
from translator.engine.argo.release import DELETED_AGE, is_terminating, release
from translator.workflow.names import files_name

ORPHAN_AGE = timedelta(hours=1)
"""A submission takes seconds. One that is tried again for longer than this makes its ConfigMap anew."""

STUCK_AGE = timedelta(hours=24)
"""How long a Workflow that somebody deleted is kept for its unread logs."""

_log = structlog.get_logger(__name__)


async def reap(api: ApiServer, namespace: str, now: datetime, installation: str = "") -> int:
    """Delete orphaned ConfigMaps and release stuck Workflows; returns how many objects that were.

    A Secret goes with the ConfigMap that owns it.

    Args:
        api: the API server.
        namespace: empty for all.
        now: the time, with its zone.
        installation: whose objects these are; those that name none are taken for garbage of its own.

    Raises:
        TemporaryError: the server cannot do it now.
        PermanentError: the server will not.
    """
    orphans = [
        files
        async for files in ours(api, CORE, "configmaps", namespace)
        if is_orphan(files, now) and not is_of_another(files, installation)
    ]
    for files in orphans:
        await _clear(api, files)
    done = len(orphans)
    async for workflow in ours(api, ARGO, "workflows", namespace):
        metadata = workflow["metadata"]
        if not is_kept(workflow) or is_of_another(workflow, installation):
            continue
        if is_stuck(workflow, now) or await _goes_with_namespace(api, workflow, now):
            await release(api, metadata["namespace"], metadata["name"], metadata["uid"])
            _log.warning("released a workflow that nobody let go", workflow=metadata["name"])
            done += 1
    return done


async def _goes_with_namespace(api: ApiServer, workflow: Mapping[str, Any], now: datetime) -> bool:
    deleted = workflow["metadata"].get("deletionTimestamp")
    if deleted is None or now - _instant(deleted) < DELETED_AGE:
        return False
    return await is_terminating(api, workflow["metadata"]["namespace"])


def is_orphan(files: Mapping[str, Any], now: datetime) -> bool:
    """Whether a ConfigMap of ours has had no owner for too long."""
    metadata = files["metadata"]
    if metadata.get("ownerReferences") or not metadata["name"].endswith(files_name("")):
        return False
    return now - _instant(metadata["creationTimestamp"]) > ORPHAN_AGE


def is_stuck(workflow: Mapping[str, Any], now: datetime) -> bool:
    """Whether only our finalizer has kept a deleted Workflow for too long."""
    metadata = workflow["metadata"]
    deleted = metadata.get("deletionTimestamp")
    return bool(deleted) and is_kept(workflow) and now - _instant(deleted) > STUCK_AGE


async def _clear(api: ApiServer, files: Mapping[str, Any]) -> None:
    """Delete a ConfigMap, or give it to its Workflow where that is there: its pods may yet need it."""
    metadata = files["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    of = name.removesuffix(files_name(""))
    workflow = await found(api, Call("get", "workflows", namespace, of), workflow_path(namespace, of))
    if workflow is not None:
        await own(api, files, workflow)
        return
    path = f"{collection(CORE, 'configmaps', namespace)}/{name}"
    call = Call("delete", "configmaps", namespace, name)
    if await delete_exactly(api, Step.DELETE_CONFIGMAP, call, path, metadata["uid"]):
        _log.info("deleted a configmap without a workflow", configmap=name)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
