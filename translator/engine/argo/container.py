"""What the reader of a container's log must know of the container."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Mapping
from itertools import pairwise, takewhile
from typing import Any

from translator.engine.argo.objects import Key, has_terminated, uid

_VERSION = re.compile(r":v?(\d+)\.")


class Container:
    """What is known of a container while its log is read; filled in by whoever watches its pod.

    Args:
        key: the Workflow's.
        pod: the pod.
        name: the container's name.
        step: the step that it runs.
    """

    def __init__(self, key: Key, pod: Mapping[str, Any], name: str, step: str) -> None:
        self.namespace = key.namespace
        self.pod: str = pod["metadata"]["name"]
        self.pod_uid = uid(pod)
        self.name = name
        self.step = step
        self.tells_start = _executor_version(pod) >= 4 and _executor_tells(pod, name)
        """Whether the log begins with a line of Argo's executor: without it the beginning is lost."""
        self.id = ""
        self.exit_code: int | None = None
        self.terminated = False
        self.lost = False
        """Its pod is gone."""
        self.over = asyncio.Event()
        """Set once the container has ended, or its pod is gone."""

    def see(self, status: Mapping[str, Any]) -> None:
        """Take in the container's status."""
        self.id = status.get("containerID") or self.id
        if has_terminated(status):
            self.terminated = True
            self.exit_code = status["state"]["terminated"].get("exitCode")
            self.over.set()

    def lose(self) -> None:
        """The pod is gone."""
        self.lost = True
        self.over.set()

    async def over_within(self, pause: Awaitable[None]) -> None:
        """Wait until it is over, but no longer than a pause lasts."""
        over = asyncio.ensure_future(self.over.wait())
        pausing = asyncio.ensure_future(pause)
        try:
            await asyncio.wait({over, pausing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            pausing.cancel()


def _executor_tells(pod: Mapping[str, Any], name: str) -> bool:
    """Whether the container's executor writes its first line, as text, which depends on its options.

    Argo's controller hands on its own: ``argoexec emissary --loglevel info --log-format text … -- command``.
    """
    containers = pod.get("spec", {}).get("containers") or ()
    command = next((c.get("command") or () for c in containers if c["name"] == name), ())
    given = dict(pairwise(takewhile(lambda word: word != "--", command)))
    return given.get("--loglevel", "info") in ("debug", "info") and given.get("--log-format") != "json"


def _executor_version(pod: Mapping[str, Any]) -> int:
    """The major version of Argo's executor, by its image's tag; 0: the tag does not tell."""
    images = [
        c.get("image", "") for c in pod.get("spec", {}).get("initContainers") or () if c["name"] == "init"
    ]
    found = _VERSION.search(images[0]) if images else None
    return int(found[1]) if found else 0
