"""Figure 1: all lines of a loud step, in order, once; beside ``kubectl logs -f`` and ``argo logs -f``.

The peers stop at the last rotation they notice. CPU is compared as each process's whole, whatever it lost;
for each line that came it is printed as well.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cluster
from figures import Report
from service import Service

LENGTH = 107
IMAGE = "public/rocky9.1-python3:latest"
HEAD_START_S = 5
"""The step waits so long before it prints, for the peers to be there."""

STEADY = """
import sys, time
time.sleep({wait})
start = time.monotonic()
for block in range(500):
    numbers = range(block * 1000, block * 1000 + 1000)
    sys.stdout.write("".join("%07d %s\\n" % (n, "x" * {fill}) for n in numbers))
    sys.stdout.flush()
    time.sleep(max(0, start + 13 * (block + 1) / 500 - time.monotonic()))
"""
"""500,000 lines in 13 s."""

BURSTS = """
import sys, time
time.sleep({wait})
for burst in range(6):
    start = time.monotonic()
    numbers = range(burst * 100000, burst * 100000 + 100000)
    sys.stdout.write("".join("%07d %s\\n" % (n, "x" * {fill}) for n in numbers))
    sys.stdout.flush()
    if burst < 5:
        time.sleep(max(0, start + 7 - time.monotonic()))
"""
"""Six times 100,000 lines, seven seconds apart."""


def measure(service: Service, folder: Path, report: Report, runs: int) -> None:
    """Both shapes, each as often as asked."""
    for name, script, count in (("13 s steady", STEADY, 500_000), ("six bursts", BURSTS, 600_000)):
        for run in range(1, runs + 1):
            _once(service, folder, report, f"{name}, run {run}", script, count)


def _once(service: Service, folder: Path, report: Report, name: str, script: str, count: int) -> None:
    # the number takes seven characters; the line's length is counted without its end
    filled = script.format(wait=HEAD_START_S, fill=LENGTH - 8)
    before = cluster.cpu_of(service.pid)
    task_id = service.submit(task("loud", "#!/bin/python3" + filled))
    workflow = service.workflow(task_id)
    pod = cluster.running_pod(service.namespace, workflow)
    where = ["-n", service.namespace]
    peers = {
        "kubectl logs -f": cluster.Reader(
            ["kubectl", "logs", "-f", *where, pod, "-c", "main"], folder / "kubectl.txt"
        ),
        "argo logs -f": cluster.Reader(
            ["argo", "logs", "-f", "--no-color", *where, workflow], folder / "argo.txt"
        ),
    }
    told = service.until_final(task_id)
    cpu = cluster.cpu_of(service.pid) - before
    ours = [line for _, event in told if event["kind"] == "log" for line in event["lines"]]
    wanted = [f"{n:07d} {'x' * (LENGTH - 8)}" for n in range(count)]
    gaps = sum(event["kind"] == "gap" for _, event in told)
    report.note(f"{name} ({cluster.load()})")
    report.figure("  lines lost, repeated or out of order", wrong(ours, wanted), 0, unit="")
    report.figure("  gaps told", gaps, 0, unit="")
    whole = a_line = 0.0
    for peer, reader in peers.items():
        got = len(_numbers(reader.lines()))
        report.note(f"    {peer}: lost {count - got:,} of {count:,}; {_cost(reader.cpu, got)}")
        whole, a_line = reader.cpu, reader.cpu / got  # argo's are the last
    report.note(
        f"    translator serve: {_cost(cpu, len(ours))}, {cpu / len(ours) / a_line:.2f} x argo's for a line"
    )
    report.figure("  CPU: serve / argo logs -f, whatever that lost", cpu / whole, 2.0)


def _cost(cpu: float, lines: int) -> str:
    return f"CPU {cpu:.2f} s, {cpu / lines * 1e6:.1f} µs a line"


def wrong(ours: Sequence[str], wanted: Sequence[str]) -> int:
    """How many lines are missing, came again, or came after a later one (each begins with its number)."""
    late = sum(after < before for before, after in pairwise(ours))
    return len(set(wanted).symmetric_difference(ours)) + len(ours) - len(set(ours)) + late


def _numbers(lines: Sequence[bytes]) -> set[int]:
    """The numbers of the step's lines, whatever a reader puts before them."""
    found = set()
    for line in lines:
        number = line[-LENGTH : -LENGTH + 7]
        if line.endswith(b"xxx") and number.isdigit():
            found.add(int(number))
    return found


def task(name: str, script: str) -> str:
    """A task of one step."""
    text = textwrap.indent(script, "        ")
    return (
        f"taskSpec:\n  displayName: {name}\n  steps:\n    - name: {name}\n"
        f"      image: {IMAGE}\n      script: |\n{text}\n"
    )
