"""Timeouts as Argo and Kubernetes count them: whole seconds, at most an int32."""

from __future__ import annotations

from translator.task.duration import format_duration

SPARE_S = 60
"""Seconds after the task deadline at which Argo ends the Workflow itself, for when the service is away."""

_MAX_S = 2**31 - 1
_NS = 1_000_000_000


def step_seconds(timeout_ns: int, start_grace_s: int) -> int:
    """Seconds after which a step's pod is ended: its timeout, rounded up, and the time it may take to start.

    The service makes the timeout exact once the user's process runs.
    """
    return min(_ceil(timeout_ns) + start_grace_s, _MAX_S)


def start_grace(start_grace_s: int) -> str:
    """How long a step's process may take to start, as the annotation of its pod has it."""
    return format_duration(start_grace_s * _NS)


def workflow_seconds(deadline_ns: int) -> int:
    """Seconds after which Argo ends the Workflow, where the service has not done so before."""
    return min(_ceil(deadline_ns) + SPARE_S, _MAX_S)


def _ceil(ns: int) -> int:
    return -(-ns // _NS)
