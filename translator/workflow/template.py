"""Merges what every Workflow starts from under what a task becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

POLICY: Mapping[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {},
    "spec": {
        "podGC": {"strategy": "OnWorkflowCompletion", "deleteDelayDuration": "600s"},
        "ttlStrategy": {"secondsAfterCompletion": 86400},
    },
}
"""Lies under the template: without a Workflow's own, a controller's default could take unread logs."""


def merged(under: Any, over: Any) -> Any:
    """One structure over another.

    - maps merge key by key, at every depth;
    - lists whose items are all maps with a ``name`` merge item by item of the same name: first those of
      `under`, in their order, then what is new;
    - anything else of `over` replaces that of `under`.
    """
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        return {
            **under,
            **{key: merged(under[key], value) if key in under else value for key, value in over.items()},
        }
    if _named(under) and _named(over):
        items = {item["name"]: item for item in under}
        for item in over:
            items[item["name"]] = merged(items[item["name"]], item) if item["name"] in items else item
        return list(items.values())
    return over


def _named(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(item, Mapping) and "name" in item for item in value)
    )
