"""Frozen dataclasses → small JSON data."""

from __future__ import annotations

from dataclasses import MISSING, fields
from functools import cache
from typing import Any


def compact(record: Any) -> dict[str, Any]:
    """Return a dataclass as JSON data, without the fields that have their default.

    Args:
        record: a dataclass of JSON values, string enums and dataclasses of the same kind.
    """
    data = {}
    cls: Any = type(record)
    for name, default in _defaults(cls):
        value = getattr(record, name)
        if value != default:
            data[name] = _plain(value)
    return data


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return compact(value)
    return str(value) if isinstance(value, str) else value


@cache
def _defaults(cls: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(
        (field.name, field.default_factory() if field.default_factory is not MISSING else field.default)
        for field in fields(cls)
    )
