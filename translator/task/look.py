"""Ways to read data that may not have the shape it should have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from translator.task.path import Path


def sub(data: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The mapping below the keys, or an empty one where there is none."""
    value: Any = data
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def mappings(path: Path, value: Any) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The items of a list that are mappings, each with its path."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, Mapping):
                yield (*path, index), item


def words(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    """The items of a list that are text, each with its path."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, str):
                yield (*path, index), item
