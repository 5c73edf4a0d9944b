"""Requests stay within limits, once the task's values have overridden the steps'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from translator.task.finding import Finding
from translator.task.look import mappings, sub
from translator.task.path import Path, format_path
from translator.task.quantity import parse_quantity


def requests_within_limits(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Kubernetes refuses a container that requests more than its limit."""
    seen: set[Path] = set()
    for path, step in mappings(("taskSpec", "steps"), sub(data, "taskSpec").get("steps")):
        requests, limits = (_effective(data, path, step, kind) for kind in ("requests", "limits"))
        for name, (request_path, request) in requests.items():
            limit_path, limit = limits.get(name, ((), None))
            amount, bound = _amount(request), _amount(limit)
            if amount is None or bound is None or amount <= bound or request_path in seen:
                continue
            seen.add(request_path)
            message = f"the request of {request} exceeds the limit of {limit}"
            if request_path[0] != limit_path[0]:
                message += f" at {format_path(limit_path)}, since the task's value overrides the step's"
            yield Finding(request_path, message, "", "request-over-limit")


def _effective(
    data: Mapping[str, Any], path: Path, step: Mapping[str, Any], kind: str
) -> dict[str, tuple[Path, Any]]:
    of_step = {
        name: ((*path, "computeResources", kind, name), value)
        for name, value in sub(step, "computeResources", kind).items()
    }
    of_task: dict[str, tuple[Path, Any]] = {
        name: (("computeResources", kind, name), value)
        for name, value in sub(data, "computeResources", kind).items()
    }
    return of_step | of_task


def _amount(value: Any) -> Any:
    try:
        return parse_quantity(str(value)) if isinstance(value, (str, int, float)) else None
    except ValueError:
        return None
