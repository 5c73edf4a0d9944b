"""Frozen dataclasses ↔ small JSON data, as it is stored.

In a rolling update two versions read each other's records, so a reader takes what it knows of an object and
ignores the rest (`known`). What it ignored is not written back: a field that comes new must mean, where it is
absent, that nothing is known yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from translator.errors import TemporaryError

E = TypeVar("E", bound=StrEnum)


def compact(record: Any) -> dict[str, Any]:
    """Return a dataclass as JSON data, without the fields that have their default.

    Args:
        record: a dataclass of JSON values, string enums and dataclasses of the same kind.
    """
    data = {}
    cls: Any = type(record)
    for name, key, default in _stored(cls):
        value = getattr(record, name)
        if value != default:
            data[key] = _plain(value)
    return data


def known(cls: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return those fields of a dataclass that stored JSON data has, by their names in the class.

    A field is stored under its name, or under its metadata's ``key`` where it was renamed since.
    """
    return {name: data[key] for name, key, _ in _stored(cls) if key in data}


def member(enum: type[E], value: str) -> E:
    """Return the member of an enum that has a stored value.

    Raises:
        TemporaryError: there is none. A newer version wrote the record, and whether the task has ended is not
            known here: it is left alone until a replica of that version has its shard.
    """
    try:
        return enum(value)
    except ValueError:
        message = f"a newer version of the translator stored the {enum.__name__} {value!r}"
        raise TemporaryError(f"{message}, which this one does not know") from None


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return compact(value)
    return str(value) if isinstance(value, str) else value


@cache
def _stored(cls: Any) -> tuple[tuple[str, str, Any], ...]:
    """Of each field its name, the key it is stored under, and its default."""
    return tuple(
        (
            field.name,
            field.metadata.get("key", field.name),
            field.default_factory() if field.default_factory is not MISSING else field.default,
        )
        for field in fields(cls)
    )
