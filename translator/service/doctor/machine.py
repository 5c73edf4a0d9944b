"""Whether this machine has what the service keeps on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from translator.agent_server.address import require_token
from translator.errors import PermanentError
from translator.finding import Finding, fault, fault_of, fine, warning
from translator.settings import Settings

ABOUT = "data folder"
_ENOUGH = 1024 * 1024 * 1024
"""Bytes free: the embedded Valkey writes every event to disk, and rewrites its file now and then."""


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Look at who may reach the API, and at the folder of the embedded Valkey where there is one."""
    try:
        require_token(settings.listen_host, settings.api_token, insecure=settings.insecure_api)
    except PermanentError as error:
        yield fault_of("API", error, error.remedy)
    if settings.redis is not None:
        return
    folder = settings.data_dir.expanduser()
    there = _nearest(folder)
    if not os.access(there, os.W_OK | os.X_OK):
        yield fault(ABOUT, f"{there} cannot be written to", "set dataDir to a folder of the service's own")
        return
    free = shutil.disk_usage(there).free
    if free < max(_ENOUGH, 2 * settings.all_log_bytes):
        remedy = "free some, set dataDir elsewhere, or lower allLogBytes"
        yield warning(ABOUT, f"{folder} has only {free / 1e9:.1f} GB free", remedy)
    else:
        yield fine(ABOUT, f"{folder} has {free / 1e9:.1f} GB free")
    yield warning(
        "Redis",
        "none is configured: an embedded one keeps everything on this machine alone",
        "for more than a trial, or for several replicas, set redisConfig",
    )


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())
