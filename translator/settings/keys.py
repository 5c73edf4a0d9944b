"""What a setting is called, in the file and as a variable, and what a wrong key was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SEED_KEYS = {
    "server_address": "SERVER-ADDRESS",
    "biz_id": "BIZ-ID",
    "row_limit": "ROW-LIMIT",
    "log_level": "LOG-LEVEL",
    "redis": "redisConfig",
}


def key_of(name: str) -> str:
    """A field's key in the file."""
    first, *rest = name.split("_")
    return _SEED_KEYS.get(name) or first + "".join(word.capitalize() for word in rest)


def place_of(loc: Iterable[int | str]) -> str:
    """A value's key in the file, and its variable.

    Args:
        loc: the field's name, after those of the groups that it is in, as pydantic tells it.
    """
    names = [str(part) for part in loc]
    return f"{'.'.join(map(key_of, names))} (or TRANSLATOR_{'__'.join(names).upper()})"


def hint(key: str, known: Iterable[str]) -> str:
    """Which of the known keys is meant, in brackets after a space; empty: none is like it."""
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(key.lower(), lower, n=1)
    return f" (did you mean {lower[near[0]]}?)" if near else ""
