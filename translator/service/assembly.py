"""How the parts of a service are put together: who gets what, and who calls whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from translator.observe.observation import WorkflowRef
from translator.service.accept import Acceptance
from translator.service.attempt import UNSEEN_S
from translator.service.changes import Changes
from translator.service.deliver import Deliverer
from translator.service.deliver import Sender as Delivery
from translator.service.desk import Tasks
from translator.service.discrepancy import Busy
from translator.service.doubt import Doubt
from translator.service.engine import Engine
from translator.service.follow import Follower
from translator.service.housekeeping import Housekeeping
from translator.service.metrics import Metrics
from translator.service.reactions import Parts, Reactions
from translator.service.reconcile import SETTLE_S, Flows, Reconciler
from translator.service.recovery import Recovery, Witness
from translator.service.replica import Replica
from translator.service.request import RequestLimit
from translator.service.service import Service
from translator.service.submit import Submitter
from translator.service.sweep import Sweep, Wakers
from translator.service.translation import Translation
from translator.service.workers import Workers
from translator.store.store import Store


class Sender(Delivery, Witness, Protocol):
    """Agent-server, over HTTP or over the link."""


def assemble(
    store: Store,
    engine: Engine,
    sender: Sender,
    translation: Translation,
    *,
    url_of: Callable[[WorkflowRef], str] = lambda _: "",
    row_limit: int = 1000,
    limit: RequestLimit | None = None,
    parallel_submissions: int = 8,
    parallel_deliveries: int = 16,
    linger_seconds: float = 0.0,
    all_log_bytes: int = 1024 * 1024 * 1024,
    sweep_seconds: float = 10.0,
    flush_seconds: float = 5.0,
    reconcile_seconds: float = 300.0,
    settle_seconds: float = SETTLE_S,
    unseen_seconds: float = UNSEEN_S,
    installation: str = "translator",
    grace_seconds: float = 20.0,
    on_drain: Callable[[], None] = lambda: None,
    replica: Replica | None = None,
    metrics: Metrics | None = None,
    on_emptied: Callable[[str, int, int], None] = lambda *_: None,
) -> Service:
    """A service that is ready to start.

    Args:
        store: where everything lies.
        engine: what runs Workflows.
        sender: what brings events to agent-server.
        translation: how tasks become Workflows.
        url_of: where people watch a Workflow; empty: that is not known.
        row_limit: log lines in one event and one request.
        limit: how large a request to agent-server may be.
        parallel_submissions: at once.
        parallel_deliveries: at once.
        linger_seconds: how long an event may wait for others to share a request with.
        all_log_bytes: log events kept of all tasks together.
        sweep_seconds: pause between two looks at all open tasks.
        flush_seconds: as `Service` has it.
        reconcile_seconds: pause between two comparisons of all that is known.
        settle_seconds: pause between the two looks of a comparison.
        unseen_seconds: as `translator.service.attempt.Attempt` has it.
        installation: whose Workflows this service's are.
        grace_seconds: as `Service` has it.
        on_drain: as `Service` has it.
        replica: this process among others; None: there are none, and every shard is this one's.
        metrics: what is told to Prometheus.
        on_emptied: as `Deliverer` has it.
    """
    metrics = metrics or Metrics()
    limit = limit or RequestLimit()
    catalogue = store.catalogue()
    changes = Changes()
    if replica is not None:
        changes = Changes(on_first=replica.notices.watch, on_last=replica.notices.unwatch)
    recovery = Recovery(store, engine, sender, installation, url_of)
    reactions = Reactions(
        store, recovery, changes, metrics, on_shards=replica.nudge if replica is not None else lambda: None
    )
    rechecks = Workers("recheck", reactions.ahead, mine=store.holds)
    doubt = Doubt(recovery, on_certain=reactions.certain, on_mended=reactions.set_back)
    deliverer = Deliverer(
        store,
        sender,
        row_limit=row_limit,
        parallel=parallel_deliveries,
        limit=limit,
        linger_s=linger_seconds,
        metrics=metrics,
        on_emptied=on_emptied,
        doubted=lambda task_id: task_id in doubt,
        on_ahead=rechecks.wake,
    )

    def unsettled_s(task_id: str) -> float:
        return replica.unsettled_s(store.shard(task_id)) if replica is not None else 0.0

    def settle(task_id: str) -> None:
        if replica is not None:
            replica.settle(store.shard(task_id))

    follower = Follower(
        store,
        engine,
        unsettled_s=unsettled_s,
        row_limit=row_limit,
        limit=limit,
        on_events=reactions.grown,
        on_unknown=reactions.unknown,
        on_set_back=reactions.ahead,
        mask_of=translation.mask,
        unseen_s=unseen_seconds,
    )
    submitter = Submitter(
        store,
        engine,
        translation,
        url_of=url_of,
        parallel=parallel_submissions,
        on_events=reactions.grown,
        on_submitted=follower.wake,
        on_unknown=reactions.unknown,
        installation=installation,
        metrics=metrics,
        unsettled_s=unsettled_s,
        settle=settle,
    )

    def busy(task_id: str) -> Busy:
        return Busy(
            submitting=submitter.busy(task_id),
            following=follower.busy(task_id),
            delivering=deliverer.busy(task_id) or task_id in doubt,
        )

    reconciler = Reconciler(
        store,
        store.indexes(),
        engine,
        recovery,
        Flows(busy, submitter.wake, follower.wake, deliverer.wake),
        metrics,
        interval_s=reconcile_seconds,
        settle_s=settle_seconds,
    )
    housekeeping = Housekeeping(store, catalogue, all_bytes=all_log_bytes, metrics=metrics)
    sweep = Sweep(
        store,
        Wakers(
            submitter.wake,
            follower.wake,
            follower.revoke,
            deliverer.wake,
            doubt.cast,
            housekeeping.tidy,
            reconciler.wake,
        ),
        metrics,
        interval_s=sweep_seconds,
    )
    parts = reactions.parts = Parts(submitter, follower, deliverer, rechecks, doubt, reconciler, sweep)
    if replica is not None:
        replica.notices.on_changed = changes.tell
        replica.notices.on_message = reactions.told
        replica.notices.on_connected = sweep.look_at_all

    def figures() -> bytes:
        return metrics.text(
            outbox_age_s=deliverer.oldest_s(), followed=follower.count, denied=bool(sender.denied)
        )

    return Service(
        store,
        engine,
        sender,
        parts,
        Acceptance(
            store,
            translation,
            on_accepted=reactions.accepted,
            on_revoked=follower.revoke,
            used=recovery.told_of,
            on_loss=reconciler.wake,
            unsettled=lambda: reconciler.unsettled,
            metrics=metrics,
        ),
        Tasks(
            store,
            catalogue,
            translation,
            changes=changes,
            on_accepted=reactions.accepted,
            on_revoked=follower.revoke,
            on_replayed=deliverer.wake,
            figures=figures,
        ),
        on_lost=reactions.lost,
        flush_seconds=flush_seconds,
        grace_seconds=grace_seconds,
        on_drain=on_drain,
        replica=replica,
    )
