"""A Workflow and its pods as an API server has them, and a follower that keeps what it is told of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from translator.observe.observation import AttemptRef, Observation, WorkflowRef
from translator.service.engine import Engine

REF = WorkflowRef("default", "w", "uid-w")
ATTEMPT = AttemptRef("t", "agent", 1)
LABELS = {
    "codo.dev/task-id": "t",
    "codo.dev/agent-id": "agent",
    "codo.dev/attempt": "1",
    "codo.dev/shard": "61",
    "workflows.argoproj.io/workflow": "w",
}


def workflow(phase: str = "Running", nodes: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    """A Workflow with a node for each of the steps given, by phase."""
    steps = {
        f"w-{name}": {
            "id": f"w-{name}",
            "displayName": name,
            "boundaryID": "w",
            "type": "Pod",
            "phase": state,
            "startedAt": "2026-01-01T00:00:00Z",
        }
        for name, state in (nodes or {}).items()
    }
    return {
        "metadata": {"name": "w", "namespace": "default", "labels": LABELS, **metadata},
        "spec": {"entrypoint": "task"},
        "status": {"phase": phase, "nodes": steps},
    }


def pod(step: str, phase: str = "Running", state: str = "running", **annotations: str) -> dict[str, Any]:
    started = {"startedAt": "2026-01-01T00:00:05Z"}
    detail = {"running": started, "terminated": {**started, "exitCode": 0}, "waiting": {"reason": "x"}}[state]
    main = {"name": "main", "containerID": f"c-{step}", "state": {state: detail}}
    return {
        "metadata": {
            "name": f"w-{step}",
            "namespace": "default",
            "labels": {**LABELS, "codo.dev/step": step},
            "annotations": annotations,
            "ownerReferences": [{"uid": "uid-w"}],
        },
        "spec": {"containers": [{"name": "main"}, {"name": "wait"}], "activeDeadlineSeconds": 900},
        "status": {"phase": phase, "startTime": "2026-01-01T00:00:01Z", "containerStatuses": [main]},
    }


class Follow:
    """A follower of the Workflow, with all that it has seen."""

    def __init__(self, engine: Engine, cursors: dict[str, Any] | None = None) -> None:
        self.seen: list[Observation] = []
        self._observations = engine.follow(REF, cursors or {}, ATTEMPT)

    async def until(self, holds: Callable[[Observation], bool]) -> None:
        async with asyncio.timeout(30):
            async for one in self._observations:
                self.seen.append(one)
                if holds(one):
                    return

    async def next(self, kind: type[Observation]) -> Any:
        await self.until(lambda one: isinstance(one, kind))
        return self.seen[-1]

    async def close(self) -> None:
        await self._observations.aclose()  # type: ignore[attr-defined]

    def of(self, kind: type[Observation]) -> list[Any]:
        return [one for one in self.seen if isinstance(one, kind)]
