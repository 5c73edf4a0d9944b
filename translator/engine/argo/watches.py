"""Which namespaces are watched: all with one pair of watches, or some with a pair each.

With a pair each the service needs no permission outside of those namespaces: a Role in each, no ClusterRole.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

from translator.engine.argo.objects import ARGO, CORE, collection, pod_key, workflow_key
from translator.engine.argo.reflector import Reflector, Sink
from translator.engine.argo.watching import Pace, Scope, Source
from translator.workflow.names import TASK_ID

ALL = ""
"""Stands for every namespace, as in the API's own paths."""


class Watch(NamedTuple):
    """What is told of the Workflows and pods of a namespace."""

    workflows: Reflector
    pods: Reflector


class Watches:
    """The watches of an engine.

    Args:
        source: the API server.
        namespaces: those that are watched; empty: all.
        pace: how long things take.
        keep_doing: runs a job until the engine is closed.
        on_list: as `Reflector` has it.
        on_deleted: as `Reflector` has it, for Workflows.
    """

    def __init__(
        self,
        source: Source,
        namespaces: Sequence[str],
        pace: Pace,
        keep_doing: Callable[[Callable[[], Coroutine[Any, Any, None]]], None],
        on_list: Callable[[str], None],
        on_deleted: Sink | None = None,
    ) -> None:
        self._source = source
        self._pace = pace
        self._keep_doing = keep_doing
        self._on_list = on_list
        self._on_deleted = on_deleted
        self._begun: dict[str, Watch] = {}
        self._selector = TASK_ID
        self.namespaces = tuple(dict.fromkeys(namespaces)) or (ALL,)

    def begin(self) -> None:
        """Watch what is to be watched."""
        for namespace in self.namespaces:
            self.of(namespace)

    def covers(self, namespace: str) -> bool:
        """Whether Workflows may be submitted to that namespace."""
        return self.namespaces == (ALL,) or namespace in self.namespaces

    def narrow(self, selector: str) -> None:
        """Watch what has these labels from now on, beginning with a list of it, as far as that is new."""
        self._selector = selector
        for watch in self._begun.values():
            watch.workflows.narrow(selector)
            watch.pods.narrow(selector)

    def of(self, namespace: str) -> Watch:
        """The watch that tells of a namespace.

        One that was taken off the list may still have Workflows that run: it is watched again on demand.
        """
        namespace = ALL if self.namespaces == (ALL,) else namespace
        if namespace not in self._begun:
            workflows = Scope(
                "workflows", collection(ARGO, "workflows", namespace), namespace, self._selector
            )
            pods = Scope("pods", collection(CORE, "pods", namespace), namespace, self._selector)
            watch = self._begun[namespace] = Watch(
                Reflector(self._source, workflows, self._pace, workflow_key, self._on_list, self._on_deleted),
                Reflector(self._source, pods, self._pace, pod_key, self._on_list),
            )
            self._keep_doing(watch.workflows.run)
            self._keep_doing(watch.pods.run)
        return self._begun[namespace]
