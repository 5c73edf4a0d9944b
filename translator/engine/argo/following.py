"""Follows one Workflow: what the reflectors tell of it, what its logs hold, what must be done meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from translator.engine.argo.answers import Call, RefusedError
from translator.engine.argo.client import ApiServer
from translator.engine.argo.container import Container
from translator.engine.argo.deadlines import lowered_deadline
from translator.engine.argo.objects import (
    CORE,
    WORKFLOW_LABEL,
    Key,
    collection,
    container_states,
    has_ended,
    has_started,
    is_of,
    pod_path,
    slim_pod,
    slim_workflow,
    step_containers,
    uid,
    workflow_path,
)
from translator.engine.argo.outlet import Outlet
from translator.engine.argo.pod_logs import PodLog, end_unread
from translator.engine.argo.reflector import Reflector
from translator.engine.argo.slots import Slots
from translator.engine.argo.watching import Change, Left, Listed, Listing, Pace, Seen
from translator.errors import PermanentError, TemporaryError
from translator.observe.nodes import read as read_nodes
from translator.observe.observation import (
    LogLines,
    Observation,
    PodGone,
    PodSeen,
    WorkflowGone,
    WorkflowRef,
    WorkflowSeen,
)
from translator.observe.sight import NodeSight

RESYNC_S = 300.0
"""A Workflow is read this often at least, and at most twice as seldom: whatever was missed is seen then."""

_FINAL = frozenset({"Succeeded", "Failed", "Error"})

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Means:
    """What all followers of an engine share."""

    api: ApiServer
    workflows: Reflector
    pods: Reflector
    slots: Slots
    pace: Pace


class Following:
    """One Workflow, from now on.

    Only the newest form of each object waits to be taken, so a slow reader costs no memory.

    Args:
        means: what all followers share.
        ref: the Workflow.
        cursors: where each step's log was left.
    """

    def __init__(self, means: Means, ref: WorkflowRef, cursors: Mapping[str, Mapping[str, Any]]) -> None:
        self._means = means
        self._ref = ref
        self._key = Key(ref.namespace, ref.name)
        self._cursors = cursors
        self._news = asyncio.Event()
        self._outlet = Outlet(self._news.set)
        self._workflow: Mapping[str, Any] | None = None
        self._gone = False
        self._pods: dict[str, Mapping[str, Any]] = {}
        self._untold: dict[str, Observation] = {}
        self._unlisted: set[str] = set()
        self._containers: dict[tuple[str, str], Container] = {}
        self._deadlines: dict[str, int] = {}
        self._logged: set[str] = set()
        self._ended = False
        self._listed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    async def observations(self) -> AsyncGenerator[Observation, None]:
        """All that can be seen, until the caller stops.

        Raises:
            PermanentError: the cluster refuses to show the Workflow or its pods.
        """
        self._means.workflows.subscribe(self._key, self._on_workflow)
        self._means.pods.subscribe(self._key, self._on_pod)
        self._spawn(self._resync())
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                if self._failure is not None:
                    raise self._failure
                for seen in [*self._take_untold(), *self._outlet.take()]:
                    yield seen
        finally:
            self._means.workflows.unsubscribe(self._key, self._on_workflow)
            self._means.pods.unsubscribe(self._key, self._on_pod)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take_untold(self) -> list[Observation]:
        """What is new of the objects: of the Workflow only when its pods are known, and after them.

        A Workflow that has ended may say nothing of its steps (Argo can keep their nodes elsewhere).
        """
        workflow = self._untold.pop(self._ref.uid, None) if self._listed else None
        kept = {self._ref.uid: self._untold.pop(self._ref.uid)} if self._ref.uid in self._untold else {}
        pods, self._untold = list(self._untold.values()), kept
        return pods if workflow is None else [*pods, workflow]

    # What the reflectors tell. Nothing here waits.

    def _on_workflow(self, change: Change) -> None:
        if isinstance(change, Seen) and uid(change.object) == self._ref.uid:
            self._see_workflow(change.object)
        elif isinstance(change, Seen | Left):
            self._spawn(self._read_workflow())
        elif isinstance(change, Listing):
            self._unlisted.add(self._ref.uid)
        elif self._ref.uid in self._unlisted and self._workflow is not None:
            self._spawn(self._read_workflow())

    def _on_pod(self, change: Change) -> None:
        if isinstance(change, Listing):
            self._unlisted.update(self._pods)
        elif isinstance(change, Listed):
            for pod_uid in self._unlisted & self._pods.keys():
                self._spawn(self._confirm_pod(pod_uid))
        elif not is_of(change.object, self._ref.uid):
            return
        elif isinstance(change, Seen):
            self._see_pod(change.object)
        else:
            self._pods.setdefault(uid(change.object), slim_pod(change.object))
            self._spawn(self._confirm_pod(uid(change.object)))

    def _see_workflow(self, workflow: Mapping[str, Any]) -> None:
        self._unlisted.discard(self._ref.uid)
        self._workflow = slim_workflow(workflow)
        self._tell(self._ref.uid, WorkflowSeen(self._workflow))
        if (workflow.get("status") or {}).get("phase") in _FINAL:
            self._ended = True
            self._end_unread_logs()

    def _lose_workflow(self) -> None:
        if not self._gone:
            self._gone = self._ended = True
            self._tell(self._ref.uid, WorkflowGone())
            self._end_unread_logs()

    def _see_pod(self, pod: Mapping[str, Any]) -> None:
        pod = slim_pod(pod)
        self._unlisted.discard(uid(pod))
        self._pods[uid(pod)] = pod
        self._tell(uid(pod), PodSeen(pod))
        self._follow_logs(pod)
        deadline = lowered_deadline(pod)
        if deadline is not None and self._deadlines.get(uid(pod)) != deadline:
            self._deadlines[uid(pod)] = deadline
            self._spawn(self._lower(pod, deadline))
        if self._ended:
            self._end_unread_logs()

    def _lose_pod(self, pod_uid: str) -> None:
        pod = self._pods.pop(pod_uid, None)
        if pod is None:
            return
        self._tell(pod_uid, PodGone(pod))
        for (owner, _), container in self._containers.items():
            if owner == pod_uid:
                container.lose()
        if self._ended:
            self._end_unread_logs()

    def _tell(self, about: str, seen: Observation) -> None:
        self._untold.pop(about, None)
        self._untold[about] = seen
        self._news.set()

    # Logs.

    def _follow_logs(self, pod: Mapping[str, Any]) -> None:
        states = container_states(pod)
        for name, step in step_containers(pod).items():
            state = states.get(name)
            if state is None or not has_started(state):
                continue
            container = self._containers.get((uid(pod), name))
            if container is None:
                container = self._containers[uid(pod), name] = Container(self._key, pod, name, step)
                container.see(state)
                self._read_log(container)
            container.see(state)

    def _read_log(self, container: Container) -> None:
        self._logged.add(container.step)
        log = PodLog(
            api=self._means.api,
            container=container,
            cursor=self._cursors.get(container.step, {}),
            put=self._outlet.put,
            slots=self._means.slots,
            pace=self._means.pace,
        )
        if container.step not in self._cursors:
            # stored with the pod's start: whoever follows later knows of this log, though the pod be gone
            self._tell(f"{container.step} begins", LogLines(container.step, (), log.cursor))
        self._spawn(log.run())

    def _end_unread_logs(self) -> None:
        """The Workflow has ended: end the logs that nobody reads, but of pods that may still start."""
        if not self._listed:
            return
        waiting = {
            step
            for pod in self._pods.values()
            if not has_ended(pod)
            for step in step_containers(pod).values()
        }
        for step, ran in sorted(self._steps().items()):
            if step not in self._logged and step not in waiting:
                self._logged.add(step)
                self._spawn(end_unread(step, self._cursors.get(step, {}), ran=ran, put=self._outlet.put))

    def _steps(self) -> dict[str, bool]:
        """Every step that is known, and whether its process ran."""
        known = dict.fromkeys(self._cursors, True)
        if self._workflow is not None:
            nodes = read_nodes(self._workflow).steps or {}
            known |= {step: step in known or _ran(node) for step, node in nodes.items()}
        return known

    # What is asked of the API server.

    async def _resync(self) -> None:
        await self._read_pods()
        await self._read_workflow()
        while True:
            await self._means.pace.sleep(self._means.pace.uniform(RESYNC_S, 2 * RESYNC_S))
            await self._read_workflow()

    async def _read_workflow(self) -> None:
        """GET the Workflow, unless a watch tells of it meanwhile: that is newer."""
        before = self._workflow
        call = Call("get", "workflows", *self._key)
        found = await self._patiently(lambda: self._means.api.get(call, workflow_path(*self._key)))
        if found is None or uid(found) != self._ref.uid:
            self._lose_workflow()
        elif self._workflow is before:
            self._see_workflow(found)

    async def _read_pods(self) -> None:
        """List the Workflow's pods: those a watch has not told of are new, those missing are gone."""
        before = set(self._pods)
        call = Call("list", "pods", self._ref.namespace)
        query = {"labelSelector": f"{WORKFLOW_LABEL}={self._ref.name}"}
        path = collection(CORE, "pods", self._ref.namespace)
        listed = await self._patiently(lambda: self._means.api.get(call, path, query))
        found = {uid(pod): pod for pod in (listed or {}).get("items") or () if is_of(pod, self._ref.uid)}
        for pod_uid, pod in found.items():
            if pod_uid not in self._pods:
                self._see_pod(pod)
        for pod_uid in before - found.keys():
            self._lose_pod(pod_uid)
        self._listed = True
        self._news.set()
        if self._ended:
            self._end_unread_logs()

    async def _confirm_pod(self, pod_uid: str) -> None:
        """A pod has left the watch: it is gone, or somebody changed its labels."""
        pod = self._pods.get(pod_uid)
        if pod is None:
            return
        name = pod["metadata"]["name"]
        call = Call("get", "pods", self._ref.namespace, name)
        path = pod_path(self._ref.namespace, name)
        found = await self._patiently(lambda: self._means.api.get(call, path))
        if found is None or uid(found) != pod_uid:
            self._lose_pod(pod_uid)
        elif self._pods.get(pod_uid) is pod:
            self._see_pod(found)

    async def _lower(self, pod: Mapping[str, Any], deadline: int) -> None:
        name = pod["metadata"]["name"]
        call = Call("patch", "pods", self._ref.namespace, name)
        change = {"metadata": {"uid": uid(pod)}, "spec": {"activeDeadlineSeconds": deadline}}
        path = pod_path(self._ref.namespace, name)
        try:
            await self._patiently(lambda: self._means.api.patch(call, path, change))
        except PermanentError as error:
            _log.warning(
                "cannot lower a pod's deadline: the step may run longer", pod=name, error=error.message
            )

    async def _patiently(self, ask: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any] | None:
        """The answer, asked for until there is one; None: the object does not exist."""
        failures = 0
        while True:
            try:
                return await ask()
            except RefusedError as error:
                if error.status == 404:
                    return None
                raise
            except TemporaryError as error:
                failures += 1
                _log.debug("asking again", error=error.message)
                await self._means.pace.pause(failures, error.retry_after)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._news.set()


def _ran(node: NodeSight) -> bool:
    """Whether a node's process ran, as `translator.observe.outcome` sees it where no pod is known."""
    return node.ran or node.phase == "Succeeded" or (node.final and node.exit_code is not None)
