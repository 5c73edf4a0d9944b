"""Medians of many runs, taken turn by turn so that a noisy machine disturbs all alike."""

from __future__ import annotations

import gc
import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping


def medians_ms(cases: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median wall time of each case in milliseconds; every round runs every case once."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for case in cases.values():
        case()  # warm
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, case in cases.items():
                start = time.perf_counter_ns()
                case()
                taken[name].append((time.perf_counter_ns() - start) / 1e6)
    finally:
        gc.enable()
    return {name: statistics.median(times) for name, times in taken.items()}


def cpu_seconds(command: list[str], runs: int = 5) -> float:
    """The median CPU time (user and system) of a whole process, in seconds."""
    taken = []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, env=os.environ
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return statistics.median(taken)
