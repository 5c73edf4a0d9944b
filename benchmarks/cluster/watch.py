"""Figure 4: 5,000 running Workflows, 1,000 watch events a second: how late agent-server hears, at what cost.

The whole service: ``translator serve`` with its Valkey and agent-server's stand-in, before an API server that
is faked (`busy_api`), as no cluster of this size is at hand.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import busy_api
import cluster
from figures import Report, percentile
from service import HERE, Service, process, serving

WORKFLOWS = 5000
RATE = 1000
TOLD_EVERY = 10
"""One event of so many moves a step on; a step of a real Workflow causes some ten, of which two are told."""

EDGE_S = 10.0
"""What counts as the start and as the end."""

TASK = "taskSpec:\n  displayName: busy\n  steps:\n" + "".join(
    f"    - name: step-{n}\n      image: library/alpine:latest\n      script: |\n        #!/bin/sh\n"
    f"        codo set-context step={n}\n        echo the context is $(codo get-context step)\n"
    for n in range(8)
)

KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: busy, cluster: {server: "%s"}}]
users: [{name: busy, user: {}}]
contexts: [{name: busy, context: {cluster: busy, user: busy}}]
current-context: busy
"""


def measure(report: Report, seconds: float) -> None:
    """All processes, for so many seconds of events."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        api = [sys.executable, str(HERE / "busy_api.py"), str(RATE), str(TOLD_EVERY)]
        with process(api) as (server, url):
            kubeconfig = folder / "kubeconfig"
            kubeconfig.write_text(KUBECONFIG % url)
            with serving(busy_api.NAMESPACE, folder, kubeconfig=kubeconfig) as service:
                _submit(service)
                _settle(url)
                before, start = cluster.cpu_of(service.pid), time.time()
                beside = {child: cluster.cpu_of(child) for child in cluster.children_of(service.pid)}
                ours = {pid: cluster.cpu_of(pid) for pid in (server.pid, service.peer)}
                begin = urllib.request.Request(f"{url}/begin?seconds={seconds}", method="POST")
                urllib.request.urlopen(begin, timeout=30).close()
                time.sleep(seconds + 2)
                took = time.time() - start
                cpu = (cluster.cpu_of(service.pid) - before) / took
                valkey = sum(cluster.cpu_of(child) - cpu for child, cpu in beside.items()) / took
                fake, stand_in = ((cluster.cpu_of(pid) - cpu) / took for pid, cpu in ours.items())
                resident, highest = cluster.rss_of(service.pid)
                stored = sum(cluster.rss_of(child)[0] for child in beside)
                told = _told(url)
            late = list(_late(service.received, start))
    rates = (
        f"{told['sent'] / seconds:,.0f} watch events a second, {told['moved'] / seconds:,.0f} move a step on"
    )
    size = f"{WORKFLOWS:,} Workflows of {told['size'] / 1000:.1f} kB"
    report.note(f"{size}; for {seconds:g} s {rates} ({cluster.load()})")
    report.note(
        f"    beside it: the faked API server {fake:.2f} cores, at most {told['behind']} events behind; "
        f"the stand-in {stand_in:.2f} cores"
    )
    report.note(f"    told to agent-server: {len(late):,} of {told['moved']:,}")
    if len(late) < told["moved"]:
        report.missed.append("every change is told")
    edges = {
        "at the start": [lag for at, lag in late if at < start + EDGE_S],
        "at the end": [lag for at, lag in late if at >= start + seconds - EDGE_S],
    }
    for when, lags in edges.items():
        if not lags:
            report.missed.append(f"changes that are told {when}")
            continue
        report.note(f"    lag {when}, watch event to agent-server: p50 {percentile(lags, 50) * 1000:.0f} ms")
        report.figure(f"  lag {when}, p99", percentile(lags, 99) * 1000, 250, unit="ms")
    report.note(f"    at its highest {highest / 1000:,.0f} MB")
    report.figure("  memory", resident / 1000, 400, unit="MB")
    report.note(f"    its Valkey, beside it: {valkey:.2f} cores, {stored / 1000:,.0f} MB")
    report.figure("  CPU", cpu, 1.0, unit="cores")


def _submit(service: Service) -> None:
    for first in range(0, WORKFLOWS, 100):
        service.submit_all({f"busy-{n}": TASK for n in range(first, first + 100)}, timeout=36_000)


def _settle(url: str) -> None:
    """Wait until every Workflow is followed: each follower reads its Workflow and its pods when it begins."""
    while (told := _told(url))["asked"] < 2 * WORKFLOWS or not told["watches"]:
        time.sleep(0.5)
    time.sleep(5)


def _told(url: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{url}/told", timeout=30) as answer:
        told: dict[str, int] = json.load(answer)
    return told


def _late(received: Path, start: float) -> Iterator[tuple[float, float]]:
    """(when it was sent, how late it arrived) of each step that was moved on."""
    with received.open() as file:
        for line in file:
            arrived, event = json.loads(line)
            moved = event.get("finishedAt") or event.get("startedAt") if event["kind"] == "step" else None
            if moved and (sent := datetime.fromisoformat(moved).timestamp()) >= start:
                yield sent, arrived - sent
