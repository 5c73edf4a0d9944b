"""What ``/metrics`` says, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from translator.store.record import Open

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The figures of one service; counters begin at zero with the process."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"translator_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"translator_{name}", text, labels, registry=registry)

        self._answers = counter("tasks_answered", "Items of batches, by what was answered.", "outcome")
        self._ended = counter("attempts_ended", "Attempts whose final status is durable.", "phase")
        self._overruled = counter(
            "argo_phases_overruled",
            "Attempts whose final status is not the phase that Argo gave the Workflow.",
            "argo",
            "phase",
        )
        self._submissions = counter("submissions", "Attempts given to the engine.", "outcome")
        self._events = counter("events_delivered", "Events that agent-server took.")
        self._rows = counter("rows_delivered", "Log lines that agent-server took; other events count as one.")
        self._failures = counter("delivery_failures", "Requests that agent-server did not take.", "kind")
        self._emptied = Histogram(
            "translator_delivery_seconds",
            "From a task's first event that agent-server does not hold to its holding all of them.",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
            registry=registry,
        )
        self._lists = counter(
            "watch_lists", "Watches of the cluster that began anew, with a list.", "resource"
        )
        self._mends = counter("mends", "Discrepancies that the reconciler found and mended.", "kind")
        self._unreadable = gauge(
            "namespaces_unreadable", "Namespaces of argo.namespaces that the last comparison could not read."
        )
        self._open = gauge("tasks_open", "Tasks of which something is still to be done.", "phase")
        self._outbox = gauge("outbox_events", "Events that agent-server does not hold.")
        self._age = gauge("outbox_age_seconds", "How long the task that waits the longest has had events.")
        self._parked = gauge("dead_letters", "Tasks whose events agent-server refused for good.")
        self._denied = gauge("agent_server_denied", "1: agent-server denies us the connection; events wait.")
        self._logs = gauge("log_bytes", "Bytes of log events kept in Redis.")
        self._shards = gauge("shards_held", "Shards whose tasks this replica moves on.")
        self._shards_in_all = gauge("shards", "Shards that tasks are split into.")
        self._replicas = gauge("replicas", "Replicas at work, as this one sees it.")
        self._moves = counter(
            "shard_moves", "Shards that were taken, or given up to another replica.", "kind"
        )
        self._lost = counter("leases_lost", "Leases that ended against this replica's will.", "why")
        self._fenced = counter("fenced_writes", "Transactions that Redis refused: another held the shard.")
        self._followed = gauge("follow_workers", "Workflows that are being followed.")

    def answered(self, outcome: str) -> None:
        """An item of a batch was answered."""
        self._answers.labels(outcome).inc()

    def ended(self, phase: str, *, argo: str = "") -> None:
        """An attempt's final event is stored.

        Args:
            phase: that it tells.
            argo: Argo's of the Workflow, where that is another one.
        """
        self._ended.labels(phase).inc()
        if argo:
            self._overruled.labels(argo, phase).inc()

    def submitted(self, outcome: str) -> None:
        """The engine took an attempt, or refused it."""
        self._submissions.labels(outcome).inc()

    def mended(self, kind: str) -> None:
        """The reconciler mended something (`translator.service.discrepancy.Kind`, or ``index-NAME``)."""
        self._mends.labels(kind).inc()

    def unreadable(self, namespaces: int) -> None:
        """So many namespaces could not be read when Redis was compared with the cluster."""
        self._unreadable.set(namespaces)

    def delivered(self, events: int, rows: int) -> None:
        """Agent-server took a request."""
        self._events.inc(events)
        self._rows.inc(rows)

    def emptied(self, seconds: float) -> None:
        """Agent-server holds all events of a task, so long after the first of them came."""
        self._emptied.observe(seconds)

    def listed(self, resource: str) -> None:
        """A watch of the cluster began with a list: at the start, and when it could not go on."""
        self._lists.labels(resource).inc()

    def delivery_failed(self, kind: str) -> None:
        """Agent-server did not take a request: ``temporary``, ``too large``, ``refused`` or ``denied``."""
        self._failures.labels(kind).inc()

    def seen(self, tasks: Sequence[Open]) -> None:
        """All open tasks were looked at."""
        phases: dict[str, int] = {}
        for task in tasks:
            phases[task.phase] = phases.get(task.phase, 0) + 1
        self._open.clear()
        for phase, count in phases.items():
            self._open.labels(phase).set(count)
        self._outbox.set(sum(task.backlog for task in tasks))
        self._parked.set(sum(1 for task in tasks if task.parked))

    def log_bytes(self, size: int) -> None:
        """The kept logs were summed up."""
        self._logs.set(size)

    def shards_in_all(self, shards: int) -> None:
        """The service begins, with tasks split into so many."""
        self._shards_in_all.set(shards)

    def shards_held(self, shards: int, replicas: int) -> None:
        """The leases were looked at."""
        self._shards.set(shards)
        self._replicas.set(replicas)

    def shards_moved(self, kind: str, count: int) -> None:
        """Shards were ``taken`` or ``given``."""
        self._moves.labels(kind).inc(count)

    def leases_lost(self, why: str, count: int) -> None:
        """Leases ``ran out`` here, or were ``taken`` by another replica."""
        self._lost.labels(why).inc(count)

    def fenced(self) -> None:
        """Redis refused a transaction."""
        self._fenced.inc()

    def text(self, *, outbox_age_s: float, followed: int, denied: bool = False) -> bytes:
        """All of it now."""
        self._age.set(outbox_age_s)
        self._followed.set(followed)
        self._denied.set(denied)
        return generate_latest(self._registry)
