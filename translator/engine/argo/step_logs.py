"""Whose log of a Workflow is read, and which logs nobody can read any more."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from translator.engine.argo.client import ApiServer
from translator.engine.argo.container import Container
from translator.engine.argo.objects import (
    Key,
    container_states,
    has_ended,
    has_started,
    has_terminated,
    step_containers,
    uid,
)
from translator.engine.argo.pod_logs import ENDED, PodLog, Put
from translator.engine.argo.slots import Slots
from translator.engine.argo.watching import Pace
from translator.observe import nodes
from translator.observe.observation import LogEnd, LogGap, LogLines
from translator.observe.sight import NodeSight

UNSEEN = "the pod was gone before anybody saw whether its process had started: lines may be missing"

Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Runs something in the background."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the readers of one Workflow's logs need."""

    api: ApiServer
    slots: Slots
    pace: Pace
    put: Put
    spawn: Spawn


class StepLogs:
    """The logs of one Workflow's steps: each is read once, from where its cursor left it.

    Args:
        key: the Workflow's.
        cursors: by step, as they were stored last.
        reading: what readers need.
    """

    def __init__(self, key: Key, cursors: Mapping[str, Mapping[str, Any]], reading: Reading) -> None:
        self._key = key
        self._cursors = cursors
        self._reading = reading
        self._containers: dict[tuple[str, str], Container] = {}
        self._steps: set[str] = set()

    def see(self, pod: Mapping[str, Any]) -> list[LogLines]:
        """Begin to read the logs of started containers, and tell readers what became of theirs.

        Returns:
            The first cursors of logs that were never read before. Stored along with the pod, they tell who
            follows later of these logs, though the pod be gone by then.
        """
        begun = []
        states = container_states(pod)
        for name, step in step_containers(pod).items():
            state = states.get(name)
            if state is None or not has_started(state):
                continue
            container = self._containers.get((uid(pod), name))
            if container is not None:
                container.see(state)
                continue
            container = self._containers[uid(pod), name] = Container(self._key, pod, name, step)
            container.see(state)
            log = self._read(container)
            if step not in self._cursors:
                begun.append(LogLines(step, (), log.cursor))
        return begun

    def lose(self, pod_uid: str) -> None:
        """A pod is gone."""
        for (owner, _), container in self._containers.items():
            if owner == pod_uid:
                container.lose()

    def lose_unseen(self, pod: Mapping[str, Any]) -> list[LogGap]:
        """A pod is gone, and nobody saw its last form: what was not running yet may have run meanwhile.

        Args:
            pod: as it was seen last.
        """
        if has_ended(pod) or not pod["spec"].get("nodeName"):
            return []
        states = container_states(pod)
        return [
            LogGap(step, UNSEEN, None, {})
            for name, step in step_containers(pod).items()
            if (uid(pod), name) not in self._containers and not has_terminated(states.get(name, {}))
        ]

    def end_unread(self, workflow: Mapping[str, Any] | None, pods: Collection[Mapping[str, Any]]) -> None:
        """The Workflow has ended: end the logs that nobody reads, but of pods that may start.

        Args:
            workflow: its last form, if it is known.
            pods: all that exist.
        """
        waiting = {
            step for pod in pods if not has_ended(pod) for step in step_containers(pod).values()
        } - self._steps
        for step, ran in sorted(self._known(workflow).items()):
            if step not in self._steps and step not in waiting:
                self._steps.add(step)
                cursor = self._cursors.get(step, {})
                self._reading.spawn(self._end_unread(step, cursor, ran=ran))

    def missed(self, workflow: Mapping[str, Any] | None) -> list[str]:
        """The steps whose process ran, and whose log nobody reads: their pods may be there all the same."""
        return [
            step
            for step, ran in self._known(workflow).items()
            if ran and step not in self._steps and not self._cursors.get(step, {}).get(ENDED)
        ]

    def _read(self, container: Container) -> PodLog:
        self._steps.add(container.step)
        log = PodLog(
            api=self._reading.api,
            container=container,
            cursor=self._cursors.get(container.step, {}),
            put=self._reading.put,
            slots=self._reading.slots,
            pace=self._reading.pace,
        )
        self._reading.spawn(log.run())
        return log

    async def _end_unread(self, step: str, cursor: Mapping[str, Any], *, ran: bool) -> None:
        """End the log of a step whose pod was gone before anybody looked; of one that ran, lines lack."""
        if ran and not cursor.get(ENDED):
            why = "the pod was gone before its log was read to its end"
            await self._reading.put(LogGap(step, why, None, {**cursor, ENDED: True}))
        await self._reading.put(LogEnd(step))

    def _known(self, workflow: Mapping[str, Any] | None) -> dict[str, bool]:
        """Every step that is known, and whether its process ran."""
        known = dict.fromkeys(self._cursors, True)
        sights = (nodes.read(workflow).steps if workflow is not None else None) or {}
        return known | {step: step in known or _ran(node) for step, node in sights.items()}


def _ran(node: NodeSight) -> bool:
    """Whether a node's process ran, as `translator.observe.outcome` sees it where no pod is known."""
    return node.ran or node.phase == "Succeeded" or (node.final and node.exit_code is not None)
