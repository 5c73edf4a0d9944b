"""The engine that runs Workflows on a cluster with Argo Workflows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, MutableMapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Self

import structlog

from translator.engine.argo.answers import Call
from translator.engine.argo.asking import patiently
from translator.engine.argo.cancel import delete_unfinished_pods, order_shutdown
from translator.engine.argo.client import ApiServer
from translator.engine.argo.creating import found, is_of_another
from translator.engine.argo.executor_token import ExecutorTokens, executor_of, waits_for_token
from translator.engine.argo.following import Following, Means
from translator.engine.argo.listing import holdings
from translator.engine.argo.objects import ARGO, CORE, collection, is_kept, uid, workflow_path
from translator.engine.argo.permissions import own_account
from translator.engine.argo.reaper import reap
from translator.engine.argo.release import DELETED_AGE, is_terminating, release
from translator.engine.argo.slots import Slots
from translator.engine.argo.submit import submit
from translator.engine.argo.watches import Watches
from translator.engine.argo.watching import Change, Pace, Seen
from translator.errors import PermanentError, TranslatorError
from translator.observe import reasons
from translator.observe.observation import AttemptRef, Holding, Observation, WorkflowRef
from translator.workflow.names import SHARD, TASK_ID, labels
from translator.workflow.rendered import Rendered

SELECTED = 512
"""Shards that a selector names; of more, everything is watched: a URL has its limits."""

REAP_S = 600.0
"""Seconds between two searches for what died half-way."""

_log = structlog.get_logger(__name__)


def selector(shards: Collection[int], of: int) -> str:
    """The label selector for the objects of these shards.

    Args:
        shards: those that are held.
        of: how many there are.
    """
    if len(shards) == of or len(shards) > SELECTED:
        return TASK_ID
    return f"{SHARD} in ({','.join(str(shard) for shard in sorted(shards)) or 'none'})"


def not_watched(namespace: str, namespaces: Sequence[str]) -> PermanentError:
    """The error of a task for a namespace that the settings leave out."""
    return PermanentError(
        f"tasks may not run in the namespace {namespace}: argo.namespaces has only {', '.join(namespaces)}",
        reason=reasons.NAMESPACE_NOT_WATCHED,
        remedy=reasons.remedy(reasons.NAMESPACE_NOT_WATCHED),
    )


def _now() -> datetime:
    return datetime.now(UTC)


class ArgoEngine:
    """Satisfies `translator.service.engine.Engine`.

    Args:
        api: the API server; opened and closed with the engine.
        namespaces: where Workflows may run; empty: in any namespace.
        logs_at_once: how many logs are read at once.
        kill_grace_s: seconds from `terminate` to the deletion of the pods that still run.
        shards: how many there are, for `hold`.
        installation: whose engine this is; left-overs of another one are left alone.
        on_list: called with the resource when a watch lists all objects anew.
        pace: how long things take.
        now: tells the time.
    """

    def __init__(
        self,
        api: ApiServer,
        *,
        namespaces: Sequence[str] = (),
        logs_at_once: int = 200,
        kill_grace_s: float = 60,
        shards: int = 64,
        installation: str = "",
        on_list: Callable[[str], None] = lambda _: None,
        pace: Pace | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        pace = pace or Pace()
        self._api = api
        self._kill_grace_s = kill_grace_s
        self._shards = shards
        self._installation = installation
        self._pace = pace
        self._now = now
        self._watches = Watches(api, namespaces, pace, self._keep_doing, on_list, self._on_deleted)
        self._leaving: set[str] = set()
        self._means = Means(api=api, watches=self._watches, slots=Slots(logs_at_once), pace=pace, now=now)
        self._tokens = ExecutorTokens(api)
        self._own_account: tuple[str, str] | None = None
        self._ending: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def from_kubeconfig(
        cls, kubeconfig: str | None = None, *, context: str | None = None, **options: Any
    ) -> Self:
        """An engine for the cluster of a kubeconfig, or for the one that this process's pod runs in.

        Args:
            kubeconfig: the file; None: see `ApiServer`.
            context: the kubeconfig's context, if not its current one.
            options: as the class takes them.
        """
        return cls(ApiServer(kubeconfig=kubeconfig, context=context), **options)

    async def start(self) -> None:
        """Check that the cluster is there and lets us watch, and begin to.

        A namespace that is refused while another is not keeps nobody from starting: it is logged, and
        watched as soon as that is allowed.

        Raises:
            TemporaryError: it cannot be reached.
            PermanentError: no cluster is configured, Argo is not installed, or a permission is missing.
        """
        await self._api.open()
        refused = [error for name in self._watches.namespaces if (error := await self._refusal(name))]
        if len(refused) == len(self._watches.namespaces):
            raise refused[0]
        for error in refused:
            _log.error("a namespace cannot be watched", error=error.message, remedy=error.remedy)
        self._watches.begin()
        self._keep_doing(self._reap)

    async def close(self) -> None:
        """Stop watching. The cluster goes on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._api.close()

    async def hold(self, shards: Collection[int]) -> None:
        """Watch these shards' Workflows only, beginning with a list of them, as far as that is new."""
        self._watches.narrow(selector(shards, self._shards))

    def end(self, shards: Collection[int]) -> None:
        """Nothing: the cluster runs what there is."""

    def pinned(self) -> Collection[int]:
        """None: what runs on the cluster goes on, whoever follows it."""
        return ()

    async def submit(self, rendered: Rendered) -> WorkflowRef:
        """Create the objects, or adopt those of an earlier call; see `translator.engine.argo.submit`.

        Raises:
            TemporaryError: the same call may succeed later, with the reason ``ExecutorTokenMissing`` once
                somebody has made what the executor needs.
            PermanentError: the cluster will not have it, or has another object of that name.
        """
        if not self._watches.covers(rendered.namespace):
            raise not_watched(rendered.namespace, self._watches.namespaces)
        await self._refuse_own_account(rendered)
        account = executor_of(rendered.workflow)
        if account and await self._tokens.missing(rendered.namespace, account):
            call = Call("get", "workflows", rendered.namespace, rendered.name)
            # one that was made before the token went is followed all the same
            if await found(self._api, call, workflow_path(rendered.namespace, rendered.name)) is None:
                raise waits_for_token(rendered.namespace, account)
        return await submit(self._api, rendered)

    async def _refuse_own_account(self, rendered: Rendered) -> None:
        """The policy knows the service's account by its setting; this one, by what it really is.

        Raises:
            PermanentError: the task would have the token by which the service itself works.
        """
        account = rendered.workflow["spec"].get("serviceAccountName")
        if not account:
            return
        if self._own_account is None:
            self._own_account = await own_account(self._api)
        if self._own_account == (rendered.namespace, account):
            raise PermanentError(
                f"no task may run as {account} in the namespace {rendered.namespace}: the service does",
                reason=reasons.POLICY_VIOLATION,
                remedy="name another service account, and the service's own one in argo.serviceAccount",
            )

    async def follow(
        self, ref: WorkflowRef, cursors: Mapping[str, Mapping[str, Any]], attempt: AttemptRef | None = None
    ) -> AsyncIterator[Observation]:
        """All that can be seen of one Workflow; see `translator.engine.argo.following`."""
        its: Mapping[str, str] = {}
        if attempt is not None:
            its = labels(attempt.task_id, attempt.agent_id, attempt.attempt, self._shards)
        async with aclosing(Following(self._means, ref, cursors, its).observations()) as observations:
            async for seen in observations:
                yield seen

    async def terminate(self, ref: WorkflowRef) -> None:
        """Order Argo to end the Workflow; pods that outlive the grace are deleted."""
        await order_shutdown(self._api, ref)
        if ref.uid not in self._ending:
            self._ending.add(ref.uid)
            self._spawn(self._kill_after_grace(ref))

    async def holdings(self, unreadable: MutableMapping[str, str] | None = None) -> AsyncIterator[Holding]:
        """All Workflows with our labels; see `translator.engine.argo.listing`.

        One namespace that cannot be read keeps nothing from the others; where none can, it is an error.
        """
        namespaces = self._watches.namespaces
        for namespace in namespaces:
            try:
                async with aclosing(holdings(self._api, namespace)) as found:
                    async for holding in found:
                        yield holding
            except TranslatorError as error:
                if unreadable is None or len(unreadable) == len(namespaces) - 1:
                    raise
                unreadable[namespace] = error.message

    async def look_up(self, ref: WorkflowRef) -> Mapping[str, Any] | None:
        """The Workflow as it is now; see `translator.service.engine.Engine.look_up`."""
        call = Call("get", "workflows", ref.namespace, ref.name)
        workflow = await found(self._api, call, workflow_path(ref.namespace, ref.name))
        return workflow if workflow is not None and uid(workflow) == ref.uid else None

    async def release(self, ref: WorkflowRef) -> None:
        """Let Argo and the garbage collector have the Workflow."""
        await release(self._api, ref.namespace, ref.name, ref.uid)

    async def _refusal(self, namespace: str) -> PermanentError | None:
        """Why the server will not let us watch there, if it will not."""
        try:
            for resource, base in (("workflows", ARGO), ("pods", CORE)):
                call = Call("list", resource, namespace)
                await self._api.get(call, collection(base, resource, namespace), {"limit": 1})
        except PermanentError as error:
            return error
        return None

    async def _kill_after_grace(self, ref: WorkflowRef) -> None:
        failures = 0
        wait = self._kill_grace_s
        try:
            while True:
                await self._pace.sleep(wait)
                try:
                    killed = await delete_unfinished_pods(self._api, ref)
                except TranslatorError as error:
                    failures += 1
                    wait = self._pace.longest
                    _log.warning("cannot delete pods", workflow=ref.name, error=error.message)
                    if failures == 10:
                        return
                    continue
                if killed:
                    _log.info("deleted pods that outlived the grace", workflow=ref.name, pods=killed)
                return
        finally:
            self._ending.discard(ref.uid)

    def _on_deleted(self, change: Change) -> None:
        """A Workflow is being deleted: alone it waits for its logs, with its namespace not for long."""
        workflow = change.object if isinstance(change, Seen) else None
        if workflow is None or not is_kept(workflow) or is_of_another(workflow, self._installation):
            return
        if uid(workflow) not in self._leaving:
            self._leaving.add(uid(workflow))
            self._spawn(self._let_go_with_namespace(workflow["metadata"]))

    async def _let_go_with_namespace(self, metadata: Mapping[str, Any]) -> None:
        namespace, name = metadata["namespace"], metadata["name"]
        age = self._now() - datetime.fromisoformat(metadata["deletionTimestamp"])
        await self._pace.sleep(max(0.0, (DELETED_AGE - age).total_seconds()))
        try:
            if await patiently(lambda: is_terminating(self._api, namespace), self._pace):
                await patiently(lambda: release(self._api, namespace, name, metadata["uid"]), self._pace)
                _log.warning("released a workflow whose namespace is being deleted", workflow=name)
        except PermanentError as error:
            _log.warning("cannot release a workflow", workflow=name, error=error.message)
        finally:
            self._leaving.discard(metadata["uid"])

    async def _reap(self) -> None:
        while True:
            for namespace in self._watches.namespaces:
                try:
                    await reap(self._api, namespace, self._now(), self._installation)
                except TranslatorError as error:
                    _log.warning("cannot look for left-overs", error=error.message)
            await self._pace.sleep(self._pace.uniform(REAP_S, 2 * REAP_S))

    def _keep_doing(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._spawn(self._again_and_again(work))

    async def _again_and_again(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run what should never end; a fault of ours in it must not silence every task for good."""
        failures = 0
        while True:
            try:
                await work()
            except Exception:  # noqa: BLE001 (whatever it was: it is logged, and the job begins again)
                failures += 1
                _log.exception("a background job failed, starting it again", job=work.__qualname__)
                await self._pace.pause(failures)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
