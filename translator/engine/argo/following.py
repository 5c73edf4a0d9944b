"""Follows one Workflow: what the reflectors tell of it, what its logs hold, what must be done meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from translator.crash_point import Step
from translator.engine.argo.answers import Call
from translator.engine.argo.asking import patiently
from translator.engine.argo.cancel import order_shutdown
from translator.engine.argo.client import ApiServer
from translator.engine.argo.lookup import Lookup
from translator.engine.argo.objects import (
    Key,
    has_ended,
    has_finished,
    is_of,
    labels_of,
    pod_labels,
    pod_names,
    pod_path,
    says_the_same,
    slim_pod,
    slim_workflow,
    uid,
    was_deleted_early,
    workflow_path,
)
from translator.engine.argo.outlet import Outlet
from translator.engine.argo.pod_deadlines import Orders, PodDeadlines
from translator.engine.argo.slots import Slots
from translator.engine.argo.step_logs import Reading, StepLogs
from translator.engine.argo.untold import END, VISIBILITY, WORKFLOW, Untold
from translator.engine.argo.watches import Watches
from translator.engine.argo.watching import Blind, Change, Left, Listed, Listing, Pace, Seen
from translator.errors import PermanentError
from translator.observe.observation import (
    Observation,
    PodGone,
    PodSeen,
    Visibility,
    WorkflowGone,
    WorkflowRef,
    WorkflowSeen,
)

RESYNC_S = 300.0
"""A Workflow is read this often at least, and at most twice as seldom: whatever was missed is seen then."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Means:
    """What all followers of an engine share."""

    api: ApiServer
    watches: Watches
    slots: Slots
    pace: Pace
    now: Callable[[], datetime]


class Following:
    """One Workflow, from now on.

    Only the newest form of each object waits to be taken, so a slow reader costs no memory.

    Args:
        means: what all followers share.
        ref: the Workflow.
        cursors: where each step's log was left.
        labels: what the Workflow and its pods are found by; empty: nobody puts theirs back.
    """

    def __init__(
        self,
        means: Means,
        ref: WorkflowRef,
        cursors: Mapping[str, Mapping[str, Any]],
        labels: Mapping[str, str],
    ) -> None:
        self._means = means
        self._ref = ref
        self._labels = labels
        self._key = Key(ref.namespace, ref.name)
        self._news = asyncio.Event()
        self._outlet = Outlet(self._news.set)
        reading = Reading(means.api, means.slots, means.pace, self._outlet.put, self._spawn)
        self._logs = StepLogs(self._key, cursors, reading)
        self._lookup = Lookup(means.api, means.pace, ref)
        self._workflow: Mapping[str, Any] | None = None
        self._gone = False
        self._stopping = False
        self._pods: dict[str, Mapping[str, Any]] = {}
        self._told_pods: dict[str, Mapping[str, Any]] = {}
        self._untold = Untold(self._news.set)
        self._unlisted: set[str] = set()
        self._unlabelled: set[str] = set()
        """What lacks labels: no watch may tell of it, so that it is read again and again."""
        self._parting: set[str] = set()
        """Pods that left the watch: their last form was seen."""
        self._deadlines = PodDeadlines(
            Orders(means.api, means.pace, means.now, self._confirm_pod, self._spawn)
        )
        self._ended = False
        self._blind = False
        self._listed = False
        self._sought = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    async def observations(self) -> AsyncGenerator[Observation, None]:
        """All that can be seen, until the caller stops."""
        watch = self._means.watches.of(self._ref.namespace)
        watch.workflows.subscribe(self._key, self._on_workflow)
        watch.pods.subscribe(self._key, self._on_pod)
        self._spawn(self._resync())
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                if self._failure is not None:
                    raise self._failure
                for seen in [*self._untold.take(pods_known=self._listed), *self._outlet.take()]:
                    yield seen
        finally:
            watch.workflows.unsubscribe(self._key, self._on_workflow)
            watch.pods.unsubscribe(self._key, self._on_pod)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            # they know our methods: all that was seen would wait for a full garbage collection
            del self._logs, self._deadlines

    # What the reflectors tell. Nothing here waits.

    def _on_workflow(self, change: Change) -> None:
        if isinstance(change, Seen) and uid(change.object) == self._ref.uid:
            self._see_workflow(change.object)
        elif isinstance(change, Seen | Left):
            self._spawn(self._read_workflow())
        elif isinstance(change, Blind):
            self._blind = True
            self._untold.put(VISIBILITY, Visibility(change.why))
        elif isinstance(change, Listing):
            self._unlisted.add(self._ref.uid)
        else:
            if self._blind:
                self._blind = False
                self._untold.put(VISIBILITY, Visibility(""))
            if self._ref.uid in self._unlisted and self._workflow is not None:
                self._spawn(self._read_workflow())

    def _on_pod(self, change: Change) -> None:
        if isinstance(change, Listing):
            self._unlisted.update(self._pods)
        elif isinstance(change, Listed):
            for pod_uid in self._unlisted & self._pods.keys():
                self._spawn(self._confirm_pod(pod_uid))
        elif isinstance(change, Blind) or not is_of(change.object, self._ref.uid):
            return
        elif isinstance(change, Seen):
            self._see_pod(change.object)
        else:
            # its last form tells whether a process ran: a watch may skip what lies between
            self._see_pod(change.object)
            self._parting.add(uid(change.object))
            self._spawn(self._confirm_pod(uid(change.object)))

    def _see_workflow(self, workflow: Mapping[str, Any]) -> None:
        self._unlisted.discard(self._ref.uid)
        slim = slim_workflow(self._labelled(workflow, self._labels, "workflows", workflow_path(*self._key)))
        if says_the_same(slim, self._workflow):
            return
        self._workflow = slim
        final = has_finished(workflow)
        if not was_deleted_early(workflow):
            self._untold.put(WORKFLOW, WorkflowSeen(self._workflow))
        elif final:
            self._lose_workflow()
        elif not self._stopping:
            self._stopping = True
            self._spawn(self._stop())
        if final:
            self._ended = True
            self._end_unread_logs()

    def _lose_workflow(self) -> None:
        if not self._gone:
            self._gone = self._ended = True
            self._untold.put(END, WorkflowGone())
            self._end_unread_logs()

    def _see_pod(self, pod: Mapping[str, Any]) -> None:
        path = pod_path(self._key.namespace, pod["metadata"]["name"])
        pod = slim_pod(self._labelled(pod, pod_labels(pod, self._ref.name, self._labels), "pods", path))
        self._unlisted.discard(uid(pod))
        self._parting.discard(uid(pod))
        self._pods[uid(pod)] = pod
        if not says_the_same(pod, self._told_pods.get(uid(pod))):
            self._told_pods[uid(pod)] = pod
            self._untold.put(uid(pod), PodSeen(pod))
        for begun in self._logs.see(pod):
            self._untold.put(f"log of {begun.step}", begun)
        self._deadlines.see(pod)
        self._end_unread_logs()

    def _labelled(
        self, thing: Mapping[str, Any], wanted: Mapping[str, str], resource: str, path: str
    ) -> Mapping[str, Any]:
        """The object with the labels that it should have; they are put back where somebody edited them.

        It may be just now that this happened, or while nobody looked.
        """
        if not self._labels:
            return thing
        metadata, labels = thing["metadata"], labels_of(thing)
        self._unlabelled.discard(uid(thing))
        if wanted.items() <= labels.items():
            return thing
        self._unlabelled.add(uid(thing))
        if not metadata.get("deletionTimestamp"):
            call = Call("patch", resource, self._key.namespace, metadata["name"])
            self._spawn(self._restore_labels(call, path, {"uid": uid(thing), "labels": dict(wanted)}))
        return {**thing, "metadata": {**metadata, "labels": {**labels, **wanted}}}

    async def _restore_labels(self, call: Call, path: str, metadata: Mapping[str, Any]) -> None:
        api, change = self._means.api, {"metadata": metadata}
        try:
            await patiently(lambda: api.patch(Step.RESTORE_LABELS, call, path, change), self._means.pace)
        except PermanentError as error:
            _log.warning("cannot put labels back", workflow=self._ref.name, error=error.message)
        else:
            _log.warning("put labels back that somebody had changed", object=f"{call.resource}/{call.name}")

    def _lose_pod(self, pod_uid: str) -> None:
        pod = self._pods.pop(pod_uid, None)
        if pod is None:
            return
        if pod_uid not in self._parting:
            # told before the pod's end, which may be all that the attempt's end waits for
            for gap in self._logs.lose_unseen(pod):
                self._untold.put(f"gap of {gap.step}", gap)
        self._parting.discard(pod_uid)
        self._told_pods.pop(pod_uid, None)
        self._unlabelled.discard(pod_uid)
        self._deadlines.lose(pod_uid)
        self._untold.put(pod_uid, PodGone(pod))
        self._logs.lose(pod_uid)
        self._end_unread_logs()

    def _end_unread_logs(self) -> None:
        if not (self._ended and self._listed):
            return
        if not self._sought and self._logs.missed(self._workflow):
            # the Workflow's watch may be far ahead of that of the pods
            self._sought, self._listed = True, False
            self._spawn(self._read_pods())
            return
        self._logs.end_unread(self._workflow, self._pods.values())

    # What is asked of the API server.

    async def _resync(self) -> None:
        await self._read_pods()
        await self._read_workflow()
        if not self._ended:
            await self._read_unlisted(self._logs.missed(self._workflow))
        while True:
            often = self._changes_unwatched()
            pause = self._means.pace.longest if often else self._means.pace.uniform(RESYNC_S, 2 * RESYNC_S)
            await self._means.pace.sleep(pause)
            await self._read_workflow()
            for pod_uid in self._unlabelled & self._pods.keys():
                await self._confirm_pod(pod_uid)

    def _changes_unwatched(self) -> bool:
        """Whether something lacks labels, so that no watch may tell of it, and has not ended."""
        pods = [self._pods[each] for each in self._unlabelled & self._pods.keys()]
        lacks = self._ref.uid in self._unlabelled
        return (lacks and not self._ended) or not all(has_ended(pod) for pod in pods)

    async def _read_workflow(self) -> None:
        """GET the Workflow, unless a watch tells of it meanwhile: that is newer."""
        before = self._workflow
        found = await self._lookup.workflow()
        if found is None:
            self._lose_workflow()
        elif self._workflow is before:
            self._see_workflow(found)

    async def _read_pods(self) -> None:
        """List the Workflow's pods, and look for those that are not among them: they may lack the label."""
        before = set(self._pods)
        found = {uid(pod): pod for pod in await self._lookup.pods()}
        for pod_uid, pod in found.items():
            if pod_uid not in self._pods:
                self._see_pod(pod)
        for pod_uid in before - found.keys():
            await self._confirm_pod(pod_uid)
        await self._read_unlisted(self._logs.missed(self._workflow))
        self._listed = True
        self._news.set()
        self._end_unread_logs()

    async def _read_unlisted(self, steps: Collection[str]) -> None:
        """Look for the pods of these steps by name: somebody may have taken Argo's own label off them."""
        if self._workflow is None or not steps:
            return
        known = {pod["metadata"]["name"] for pod in self._pods.values()}
        for name in pod_names(self._workflow, steps) - known:
            found = await self._lookup.pod_named(name)
            if found is not None and is_of(found, self._ref.uid) and uid(found) not in self._pods:
                self._see_pod(found)

    async def _confirm_pod(self, pod_uid: str) -> None:
        """A pod has left the watch: it is gone, or somebody changed its labels."""
        pod = self._pods.get(pod_uid)
        if pod is None:
            return
        found = await self._lookup.pod(pod)
        if found is None:
            self._lose_pod(pod_uid)
        elif self._pods.get(pod_uid) is pod:
            self._see_pod(found)

    async def _stop(self) -> None:
        """Somebody deleted the Workflow while it ran: our finalizer is for its logs only."""
        try:
            await patiently(lambda: order_shutdown(self._means.api, self._ref), self._means.pace)
        except PermanentError as error:
            _log.warning("cannot stop a deleted workflow", workflow=self._ref.name, error=error.message)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._news.set()
