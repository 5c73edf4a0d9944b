"""Figure 2: how late a log line and a phase change reach agent-server, beside the nearest that kubectl gets.

Everything runs on one machine, so the step's clock is ours.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import cluster
from figures import Report, percentile
from logs import HEAD_START_S, task
from service import FINAL, Arrived, Service
from whole import THREE_STEPS

TICKING = f"""#!/bin/python3
import time
time.sleep({HEAD_START_S})
start = time.monotonic()
for n in range(1500):
    print("%06d %.6f" % (n, time.time()), flush=True)
    time.sleep(max(0, start + 0.02 * (n + 1) - time.monotonic()))
"""
"""A line each 20 ms for 30 s, with its own time in it."""

TASKS, AT_ONCE = 12, 3
"""Of three steps each, for the phase changes."""

Change = tuple[str, str, str]
"""The object's name, its phase, and what that means."""


def measure(service: Service, report: Report) -> None:
    """Both."""
    _lines(service, report)
    _phases(service, report)


def _lines(service: Service, report: Report) -> None:
    task_id = service.submit(task("ticking", TICKING))
    pod = cluster.running_pod(service.namespace, service.workflow(task_id))
    with _stamped(["kubectl", "logs", "-f", "-n", service.namespace, pod, "-c", "main"]) as heard:
        told = service.until_final(task_id)
    late = [
        arrived - float(line.split()[1])
        for arrived, event in told
        if event["kind"] == "log"
        for line in event["lines"]
    ]
    peer = [at - float(line.split()[1]) for at, line in heard if len(line.split()) == 2]
    report.note(f"a log line, printed to agent-server, {len(late)} lines ({cluster.load()})")
    report.note(f"    kubectl logs -f: p50 {_ms(peer, 50)}, p99 {_ms(peer, 99)}")
    report.note(f"    translator serve: p50 {_ms(late, 50)}")
    report.figure("  p99", percentile(late, 99) * 1000, 150, unit="ms")


def _phases(service: Service, report: Report) -> None:
    watched = (
        f"/api/v1/namespaces/{service.namespace}/pods",
        f"/apis/argoproj.io/v1alpha1/namespaces/{service.namespace}/workflows",
    )
    told: list[Arrived] = []
    with ExitStack() as stack:
        watches = [
            stack.enter_context(_stamped(["kubectl", "get", "--raw", f"{path}?watch=true"]))
            for path in watched
        ]
        for _ in range(TASKS // AT_ONCE):
            for task_id in [service.submit(THREE_STEPS) for _ in range(AT_ONCE)]:
                told += service.until_final(task_id)
    seen: dict[Change, float] = {}
    for at, line in sorted(line for heard in watches for line in heard):
        for change in _changes(json.loads(line)["object"]):
            seen.setdefault(change, at)
    late: dict[str, list[float]] = {"a step runs": [], "a step has ended": [], "the task has ended": []}
    for arrived, event in told:
        change = _told(event)
        if change in seen:
            late[change[2]].append(arrived - seen[change])
    report.note(f"a phase change, a bare watch's sight of it to agent-server ({cluster.load()})")
    for what, lags in late.items():
        report.note(f"    {what}, {len(lags)} times: p50 {_ms(lags, 50)}")
        report.figure("  p99", percentile(lags, 99) * 1000, 400, unit="ms")


def _changes(thing: Mapping[str, Any]) -> Iterator[Change]:
    """What a bare watch's sight of a pod or of a Workflow says.

    A step has ended with its pod: after the user's container Argo's own still saves the step's outputs, and
    the step fails if it cannot.
    """
    name, status = thing["metadata"]["name"], thing.get("status") or {}
    if status.get("phase") in FINAL:
        kind = "a step has ended" if thing["kind"] == "Pod" else "the task has ended"
        yield name, status["phase"], kind
    for container in status.get("containerStatuses", ()):
        if container["name"] == "main" and "running" in container["state"]:
            yield name, "Running", "a step runs"


def _told(event: Mapping[str, Any]) -> Change:
    """The change that an event tells."""
    if event["kind"] == "step":
        what = "a step runs" if event["phase"] == "Running" else "a step has ended"
        return event.get("pod", ""), event["phase"], what
    name = (event.get("workflow") or {}).get("name", "")
    return name, event.get("phase", ""), "the task has ended"


@contextmanager
def _stamped(command: list[str]) -> Iterator[list[tuple[float, str]]]:
    """Run a program; its lines, each with the time at which it came."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout
    heard: list[tuple[float, str]] = []

    def listen() -> None:
        heard.extend((time.time(), line) for line in output)

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield heard
    finally:
        process.terminate()
        process.wait()
        thread.join()


def _ms(seconds: list[float], percent: float) -> str:
    return f"{percentile(seconds, percent) * 1000:.0f} ms"
