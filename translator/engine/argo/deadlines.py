"""A step's exact timeout: the kubelet ends its pod when what the step may take is used up.

A pod's ``activeDeadlineSeconds`` counts from the kubelet's start of the pod, image pull and init included,
and may be lowered while the pod runs. Once the user's process runs, what the start took is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from translator.engine.argo.objects import container_states
from translator.task.duration import parse_duration
from translator.workflow.names import STEP_TIMEOUT

SECOND_NS = 1_000_000_000

ROUNDING_S = 1
"""Kubernetes tells both starts in whole seconds: without this second a step could end a second early."""


def lowered_deadline(pod: Mapping[str, Any]) -> int | None:
    """The ``activeDeadlineSeconds`` that leaves the step's ``main`` container exactly its timeout.

    Args:
        pod: the pod as it is now.

    Returns:
        Seconds; None where the process does not run, where the pod has no timeout of ours, or where its
        deadline is that low already (Argo may set one second less than asked: only a greater one is lowered).
    """
    timeout = _timeout_s(pod)
    started = _running_since(pod)
    pod_started = (pod.get("status") or {}).get("startTime")
    if timeout is None or started is None or pod_started is None:
        return None
    took = (_instant(started) - _instant(pod_started)).total_seconds()
    wanted = max(1, int(took) + timeout + ROUNDING_S)
    now: int | None = pod["spec"].get("activeDeadlineSeconds")
    return wanted if now is None or now > wanted else None


def _timeout_s(pod: Mapping[str, Any]) -> int | None:
    """The step's timeout, rounded up to seconds."""
    text = (pod["metadata"].get("annotations") or {}).get(STEP_TIMEOUT)
    if not text:
        return None
    try:
        return -(-parse_duration(text) // SECOND_NS)
    except ValueError:
        return None  # somebody changed our annotation: Argo's own deadline still holds


def _running_since(pod: Mapping[str, Any]) -> str | None:
    state = container_states(pod).get("main", {}).get("state") or {}
    since: str | None = (state.get("running") or {}).get("startedAt")
    return since


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
