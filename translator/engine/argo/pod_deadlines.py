"""Keeps the deadlines of one Workflow's pods: of a step's start, and once it has started, of its process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from translator.crash_point import Step
from translator.engine.argo import starting
from translator.engine.argo.answers import Call
from translator.engine.argo.asking import patiently
from translator.engine.argo.client import ApiServer
from translator.engine.argo.deadlines import lowered_deadline
from translator.engine.argo.objects import pod_path, uid
from translator.engine.argo.watching import Pace
from translator.errors import PermanentError

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Orders:
    """What giving orders to pods takes.

    Attributes:
        now: tells the time.
        look: reads a pod again, by its uid; what it finds is told to `PodDeadlines.see` or `lose`.
        spawn: runs something in the background.
    """

    api: ApiServer
    pace: Pace
    now: Callable[[], datetime]
    look: Callable[[str], Awaitable[None]]
    spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class PodDeadlines:
    """The pods of one Workflow.

    Args:
        orders: what giving orders to them takes.
    """

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._lowered: dict[str, int] = {}
        self._waiting: dict[str, Mapping[str, Any]] = {}
        self._waits: dict[str, asyncio.Task[None]] = {}

    def see(self, pod: Mapping[str, Any]) -> None:
        """Take a pod in, as it is now."""
        deadline = lowered_deadline(pod)
        if deadline is not None and self._lowered.get(uid(pod)) != deadline:
            self._lowered[uid(pod)] = deadline
            self._orders.spawn(self._lower(pod, deadline))
        if starting.due(pod) is None:
            self.lose(uid(pod))
            return
        self._waiting[uid(pod)] = pod
        if uid(pod) not in self._waits:
            self._waits[uid(pod)] = self._orders.spawn(self._end_unstarted(uid(pod)))

    def lose(self, pod_uid: str) -> None:
        """A pod is gone, or need not start any more."""
        self._waiting.pop(pod_uid, None)
        if pod_uid in self._waits:
            self._waits.pop(pod_uid).cancel()

    async def _end_unstarted(self, pod_uid: str) -> None:
        """Wait for the end of a pod's start grace, and end the pod if it still has not started."""
        while (pod := self._waiting.get(pod_uid)) is not None and (due := starting.due(pod)) is not None:
            left = (due - self._orders.now()).total_seconds()
            if left > 0:
                await self._orders.pace.sleep(left)
                continue
            try:
                ended = await patiently(partial(starting.fail, self._orders.api, pod), self._orders.pace)
            except PermanentError as error:
                words = "cannot end a step that does not start: it waits for its whole timeout"
                _tell(words, pod, error)
                return
            if ended:
                _log.info("ended a step that did not start", pod=pod["metadata"]["name"])
                return
            if self._waiting.get(pod_uid) is pod:
                await self._orders.look(pod_uid)

    async def _lower(self, pod: Mapping[str, Any], deadline: int) -> None:
        name = pod["metadata"]["name"]
        namespace = pod["metadata"]["namespace"]
        call = Call("patch", "pods", namespace, name)
        change = {"metadata": {"uid": uid(pod)}, "spec": {"activeDeadlineSeconds": deadline}}
        path = pod_path(namespace, name)
        try:
            await patiently(
                lambda: self._orders.api.patch(Step.LOWER_DEADLINE, call, path, change), self._orders.pace
            )
        except PermanentError as error:
            _tell("cannot lower a pod's deadline: the step may run longer", pod, error)


def _tell(words: str, pod: Mapping[str, Any], error: PermanentError) -> None:
    _log.warning(words, pod=pod["metadata"]["name"], error=error.message, remedy=error.remedy)
