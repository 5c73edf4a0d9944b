"""Merges what every Workflow starts from under what a task becomes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

DEFAULTS: Mapping[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {},
    "spec": {
        "automountServiceAccountToken": False,
        "podGC": {"strategy": "OnWorkflowCompletion", "deleteDelayDuration": "600s"},
        "ttlStrategy": {"secondsAfterCompletion": 86400},
    },
}
"""Lies under the template: without a Workflow's own, a controller's default could take unread logs, and steps
would get the token of the namespace's default account."""


def merged(under: Any, over: Any) -> Any:
    """One structure over another.

    - maps merge key by key, at every depth;
    - lists whose items are all maps with a ``name`` merge item by item of the same name: first those of
      `under`, in their order, then what is new;
    - anything else of `over` replaces that of `under` (a podSpecPatch: see `with_patch_of`).
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


def with_patch_of(template: Mapping[str, Any], workflow: Mapping[str, Any]) -> Mapping[str, Any]:
    """The Workflow with its podSpecPatch on top of the template's, so that no task drops what that says.

    Raises:
        ValueError: the template's cannot be read.
    """
    under = (template.get("spec") or {}).get("podSpecPatch")
    over = workflow["spec"].get("podSpecPatch")
    if not under or not over:
        return workflow
    patch = write_patch(merged(read_patch(under), read_patch(over)))
    return {**workflow, "spec": {**workflow["spec"], "podSpecPatch": patch}}


def read_patch(text: str) -> dict[str, Any]:
    """A podSpecPatch as data: Argo takes JSON and YAML; empty text patches nothing.

    Raises:
        ValueError: it is no mapping (before Argo fills in its ``{{…}}``).
    """
    try:
        data = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"the podSpecPatch cannot be read: {error}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ValueError("the podSpecPatch is no mapping")  # noqa: TRY004  # what it says is wrong, not its type
    return data


def write_patch(data: Mapping[str, Any]) -> str:
    """A podSpecPatch as text, the same for the same data."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _named(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(item, Mapping) and "name" in item for item in value)
    )
