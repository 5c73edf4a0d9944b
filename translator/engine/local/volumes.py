"""Reads the Workflow's volumes: which of them can be given on this machine."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from translator.engine.local.plan import Kind, Volume


def is_below_its_root(path: str) -> bool:
    """Whether a relative path stays where it is put (Kubernetes refuses the others too)."""
    return not path.startswith("/") and ".." not in PurePosixPath(path).parts


def read_volumes(spec: Mapping[str, Any], files: Mapping[str, Any] | None) -> dict[str, Volume | str]:
    """The volumes by name; for one that cannot be given, a sentence that says why.

    Args:
        spec: the Workflow's, or a template.
        files: the Workflow's ConfigMap, if it has one.
    """
    volumes: dict[str, Volume | str] = {}
    for entry in spec.get("volumes") or ():
        volumes[str(entry["name"])] = _volume(entry, files)
    for claim in spec.get("volumeClaimTemplates") or ():
        name = str(claim["metadata"]["name"])
        volumes[name] = Volume(name, Kind.RUN)
    return volumes


def _volume(entry: Mapping[str, Any], files: Mapping[str, Any] | None) -> Volume | str:
    name = str(entry["name"])
    if "emptyDir" in entry:
        return Volume(name, Kind.POD)
    source = entry.get("configMap")
    if source is not None and files is not None and source.get("name") == files["metadata"]["name"]:
        return _files(name, source, files)
    kinds = ", ".join(key for key in entry if key != "name") or "nothing"
    return f"{name!r} is made from {kinds}, which only a cluster has"


def _files(name: str, source: Mapping[str, Any], files: Mapping[str, Any]) -> Volume | str:
    data = {key: str(text).encode() for key, text in (files.get("data") or {}).items()}
    data |= {key: base64.b64decode(text) for key, text in (files.get("binaryData") or {}).items()}
    mode = int(source.get("defaultMode", 0o644))
    items = source.get("items") or [{"key": key, "path": key} for key in data]
    content = []
    for item in items:
        path = str(item["path"])
        if item["key"] not in data or not is_below_its_root(path):
            return f"{name!r} asks the ConfigMap for {item['key']!r}, which it does not hold"
        content.append((path, data[item["key"]], int(item.get("mode", mode))))
    return Volume(name, Kind.FILES, tuple(content))
