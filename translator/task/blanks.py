"""Entries that mean "not set": taken out before the schema sees them.

The seed's full example shows every field, the unused ones as ``""``, ``[]``, ``{}`` or a list with one blank
entry (``hostAliases: [{ip: "", hostnames: [""]}]``). Deep inside Kubernetes' structures ``{}`` has a
meaning of its own (``emptyDir: {}``, an empty selector) and stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from translator.task.node import NullWord, OddFloat, OddInt
from translator.task.path import Path

_POD_LISTS = ("env", "hostAliases", "imagePullSecrets", "tolerations", "topologySpreadConstraints", "volumes")
_DNS_LISTS = ("nameservers", "options", "searches")
_PROFILES = ("seccompProfile", "appArmorProfile")


def without_blanks(data: Mapping[str, Any]) -> dict[str, Any]:
    """The document with None for what is blank, so that indices stay.

    That is each blank entry of podTemplate's lists, and each empty profile of a security context.
    """
    data = dict(data)
    pod = data.get("podTemplate")
    if isinstance(pod, dict):
        pod = _blank_items(pod, _POD_LISTS)
        if isinstance(pod.get("dnsConfig"), dict):
            pod["dnsConfig"] = _blank_items(pod["dnsConfig"], _DNS_LISTS)
        data["podTemplate"] = _without_empty_profiles(pod)
    spec = data.get("taskSpec")
    if isinstance(spec, dict) and isinstance(spec.get("steps"), list):
        data["taskSpec"] = {**spec, "steps": [_without_empty_profiles(step) for step in spec["steps"]]}
    return data


def _without_empty_profiles(holder: Any) -> Any:
    """A step or podTemplate where ``seccompProfile: {}`` means "not set", as it does elsewhere."""
    context = holder.get("securityContext") if isinstance(holder, dict) else None
    if not isinstance(context, dict) or not any(context.get(name) == {} for name in _PROFILES):
        return holder
    kept = {key: None if key in _PROFILES and value == {} else value for key, value in context.items()}
    return {**holder, "securityContext": kept}


def compact(value: Any) -> Any:
    """A copy without nulls, deep down; numbers are plain ones."""
    if isinstance(value, dict):
        return {key: compact(item) for key, item in value.items() if not is_null(item)}
    if isinstance(value, list):
        return [compact(item) for item in value if not is_null(item)]
    if isinstance(value, OddInt):
        return int(value)
    return float(value) if isinstance(value, OddFloat) else value


def written_path(data: Any, path: Path) -> Path:
    """Where in a document, as `without_blanks` gives it, a path lies that counts what `compact` left."""
    found: list[str | int] = []
    for depth, crumb in enumerate(path):
        if isinstance(crumb, int) and isinstance(data, list):
            kept = [index for index, item in enumerate(data) if not is_null(item)]
            if crumb >= len(kept):
                return (*found, *path[depth:])
            crumb = kept[crumb]  # noqa: PLW2901  # its place in the text
            data = data[crumb]
        else:
            data = data.get(crumb) if isinstance(data, Mapping) else None
        found.append(crumb)
    return tuple(found)


def is_blank(value: Any) -> bool:
    """Whether there is nothing in it but empty text, nulls and empty collections."""
    if isinstance(value, dict):
        return all(is_blank(item) for item in value.values())
    if isinstance(value, list):
        return all(is_blank(item) for item in value)
    return value == "" or is_null(value)


def is_null(value: Any) -> bool:
    """Whether it is null, written out or not."""
    return value is None or isinstance(value, NullWord)


def _blank_items(holder: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {
        key: [None if is_blank(item) else item for item in value]
        if key in names and isinstance(value, list)
        else value
        for key, value in holder.items()
    }
