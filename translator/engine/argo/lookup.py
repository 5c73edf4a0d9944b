"""What there is of one Workflow now, asked of the API server until it answers.

Each object is known by its uid: another one of its name is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from translator.engine.argo.answers import Call
from translator.engine.argo.asking import stubbornly
from translator.engine.argo.client import ApiServer
from translator.engine.argo.objects import (
    CORE,
    collection,
    is_of,
    pod_path,
    uid,
    workflow_path,
)
from translator.engine.argo.watching import Pace
from translator.observe.observation import WorkflowRef
from translator.observe.pods import WORKFLOW_LABEL


class Lookup:
    """Looks up one Workflow and its pods.

    Args:
        api: the API server.
        pace: how long to wait after a failure.
        ref: the Workflow.
    """

    def __init__(self, api: ApiServer, pace: Pace, ref: WorkflowRef) -> None:
        self._api = api
        self._pace = pace
        self._ref = ref

    async def workflow(self) -> dict[str, Any] | None:
        """The Workflow, if it exists."""
        call = Call("get", "workflows", self._ref.namespace, self._ref.name)
        path = workflow_path(self._ref.namespace, self._ref.name)
        found = await stubbornly(lambda: self._api.get(call, path), self._pace)
        return found if found is not None and uid(found) == self._ref.uid else None

    async def pods(self) -> Sequence[dict[str, Any]]:
        """All of its pods."""
        call = Call("list", "pods", self._ref.namespace)
        path = collection(CORE, "pods", self._ref.namespace)
        query = {"labelSelector": f"{WORKFLOW_LABEL}={self._ref.name}"}
        listed = await stubbornly(lambda: self._api.get(call, path, query), self._pace)
        return [pod for pod in (listed or {}).get("items") or () if is_of(pod, self._ref.uid)]

    async def pod(self, pod: Mapping[str, Any]) -> dict[str, Any] | None:
        """One of its pods as it is now, if it exists.

        Args:
            pod: as it was.
        """
        found = await self.pod_named(pod["metadata"]["name"])
        return found if found is not None and uid(found) == uid(pod) else None

    async def pod_named(self, name: str) -> dict[str, Any] | None:
        """The pod of that name, whoever's it is."""
        call = Call("get", "pods", self._ref.namespace, name)
        return await stubbornly(lambda: self._api.get(call, pod_path(self._ref.namespace, name)), self._pace)
