"""Figure 4: 5,000 running Workflows, 1,000 changes a second: how late they come, and what that costs."""

from __future__ import annotations

import json
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import busy_api
import cluster
from figures import Report, percentile
from service import HERE, process

WORKFLOWS = 5000
RATE = 1000
EDGE_S = 10.0
"""What counts as the start and as the end."""


def measure(report: Report, seconds: float) -> None:
    """Both processes, for so many seconds of changes."""
    with tempfile.TemporaryDirectory() as folder:
        seen_file = Path(folder, "seen.json")
        api = [sys.executable, str(HERE / "busy_api.py"), str(WORKFLOWS), str(RATE)]
        with process(api) as (_, url):
            command = [sys.executable, str(HERE / "followers.py"), url, str(WORKFLOWS), str(seen_file)]
            with process(command) as (engine, _):
                _settle(url)
                before, start = cluster.cpu_of(engine.pid), time.time()
                begin = urllib.request.Request(f"{url}/begin?seconds={seconds}", method="POST")
                urllib.request.urlopen(begin, timeout=30).close()
                time.sleep(seconds + 1)
                cpu, took = cluster.cpu_of(engine.pid) - before, time.time() - start
                resident, highest = cluster.rss_of(engine.pid)
                sent = _told(url)["sent"]
        seen = [(at, lag) for at, lag in json.loads(seen_file.read_text()) if at >= start]
    size = len(busy_api.workflow(0))
    late = {
        "at the start": [lag for at, lag in seen if at < start + EDGE_S],
        "at the end": [lag for at, lag in seen if at >= start + seconds - EDGE_S],
    }
    report.note(
        f"{WORKFLOWS:,} Workflows of {size / 1000:.1f} kB, {len(seen) / seconds:,.0f} changes a second seen "
        f"for {seconds:g} s ({cluster.load()})"
    )
    report.note(f"    parsing their JSON alone: {_parsing(RATE):.2f} of a core")
    for when, lags in late.items():
        report.note(f"    lag {when}: p50 {percentile(lags, 50) * 1000:.0f} ms")
        report.figure(f"  lag {when}, p99", percentile(lags, 99) * 1000, 250, unit="ms")
    report.note(
        f"    {sent - len(seen):,} of {sent:,} changes were overtaken by the next one of their Workflow"
    )
    report.note(f"    at its highest {highest / 1000:,.0f} MB")
    report.figure("  memory", resident / 1000, 400, unit="MB")
    report.figure("  CPU", cpu / took, 1.0, unit="cores")


def _settle(url: str) -> None:
    """Wait until every follower has read what it reads when it begins: its Workflow and its pods."""
    while (told := _told(url))["asked"] < 2 * WORKFLOWS or not told["watches"]:
        time.sleep(0.5)
    time.sleep(2)


def _told(url: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{url}/told", timeout=30) as answer:
        told: dict[str, int] = json.load(answer)
    return told


def _parsing(times: int) -> float:
    """CPU seconds for the JSON of so many events, and nothing else."""
    text = busy_api.workflow(0)
    before = cluster.own_cpu()
    for _ in range(times):
        json.loads(text)
    return cluster.own_cpu() - before
