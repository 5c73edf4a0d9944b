"""What Kubernetes asks of a container's resources, once the task's values have overridden the steps'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from translator.task.finding import Finding
from translator.task.look import mappings, sub
from translator.task.path import Path, format_path
from translator.task.problem import Severity
from translator.task.quantity import limits_nothing, parse_quantity

_Given = Mapping[str, tuple[Path, Any]]
"""Amounts by resource, each with its path."""


def resources(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Faults that the API server would find; a value of the task's is told once, not at each step."""
    told: set[tuple[Path, str]] = set()
    for path, step in mappings(("taskSpec", "steps"), sub(data, "taskSpec").get("steps")):
        requests, limits = (_effective(data, path, step, kind) for kind in ("requests", "limits"))
        zeros = _no_limits(data, path, step)
        for finding in (*zeros, *_within_limits(requests, limits), *_not_overcommitted(requests, limits)):
            if (finding.path, finding.code) not in told:
                told.add((finding.path, finding.code))
                yield finding


def _no_limits(data: Mapping[str, Any], path: Path, step: Mapping[str, Any]) -> Iterator[Finding]:
    """Limits of zero, which Kubernetes takes for none."""
    for at, holder in ((path, step), ((), data)):
        for name, amount in sub(holder, "computeResources", "limits").items():
            if limits_nothing(name, amount):
                place = (*at, "computeResources", "limits", name)
                message = f"a limit of {amount} is none: Kubernetes lets the step take all that its node has"
                hint = "write what the step may take at most, or leave it out"
                yield Finding(place, message, hint, "zero-limit", Severity.WARNING)


def _within_limits(requests: _Given, limits: _Given) -> Iterator[Finding]:
    """A container may not request more than its limit."""
    for name, (path, request) in requests.items():
        limit_path, limit = limits.get(name, ((), None))
        amount, bound = _amount(request), _amount(limit)
        if amount is None or bound is None or amount <= bound:
            continue
        message = f"the request of {request} exceeds the limit of {limit}"
        if path[0] != limit_path[0]:
            message += f" at {format_path(limit_path)}, since the task's value overrides the step's"
        yield Finding(path, message, "", "request-over-limit")


def _not_overcommitted(requests: _Given, limits: _Given) -> Iterator[Finding]:
    """Devices and huge pages come whole, and are never shared (core/v1's ``ValidateContainerResources``)."""
    for name in filter(_is_not_overcommitted, {**requests, **limits}):
        path, request = requests.get(name, ((), None))
        limit_path, limit = limits.get(name, ((), None))
        amount, bound = _amount(request), _amount(limit)
        for place, value in ((path, amount), (limit_path, bound)):
            if value is not None and value.denominator != 1:
                yield Finding(place, f"{name} comes in whole numbers only", "such as 1", "not-whole")
        if amount is None:
            continue
        if not limit_path:
            hint = f"write it under limits: the request is the same then: {{limits: {{{name}: {request}}}}}"
            yield Finding(path, f"a request of {name} needs a limit", hint, "limit-needed")
        elif bound is not None and amount != bound:
            message = f"the request of {request} is not the limit of {limit}: {name} cannot be shared"
            yield Finding(path, message, f"write {limit}, or leave it out", "request-is-limit")


def _is_not_overcommitted(name: str) -> bool:
    """Whether it is a huge page or an extended resource, as the API server tells them apart."""
    domain, slash, _ = name.partition("/")
    native = not slash or domain == "kubernetes.io" or domain.endswith(".kubernetes.io")
    return name.startswith("hugepages-") or not native


def _effective(data: Mapping[str, Any], path: Path, step: Mapping[str, Any], kind: str) -> _Given:
    found: dict[str, tuple[Path, Any]] = {}
    for at, holder in ((path, step), ((), data)):
        for name, value in sub(holder, "computeResources", kind).items():
            if kind == "requests" or not limits_nothing(name, value):
                found[name] = (*at, "computeResources", kind, name), value
    return found


def _amount(value: Any) -> Fraction | None:
    try:
        return parse_quantity(str(value)) if isinstance(value, (str, int, float)) else None
    except ValueError:
        return None
