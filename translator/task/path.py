"""Paths in a document, as tuples inside and as text such as ``taskSpec.steps[0].image`` outside."""

from __future__ import annotations

import json
import re

Path = tuple[str | int, ...]
"""The keys and indices that lead to a value."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_LONGEST = 320  # characters of the longest legal key: a label's domain (253), "/", its name (63)
_CRUMB = re.compile(r'\.?([^.\[\]"]+)|\[([0-9]{1,9})\]|\[("(?:[^"\\]|\\.)*")\]')


def format_path(path: Path) -> str:
    """The path as a person reads it; keys that are no plain words stand in brackets and quotes."""
    text = ""
    for crumb in path:
        if isinstance(crumb, int):
            text += f"[{crumb}]"
        elif len(crumb) <= _LONGEST and _PLAIN_KEY.fullmatch(crumb):
            text += f".{crumb}" if text else crumb
        else:
            key = crumb if len(crumb) <= _LONGEST else crumb[:_LONGEST] + "…"
            text += f"[{json.dumps(key, ensure_ascii=not key.isprintable())}]"
    return text


def parse_path(text: str) -> Path:
    """The inverse of `format_path`; stops at the first thing that it cannot read."""
    path: list[str | int] = []
    position = 0
    while match := _CRUMB.match(text, position):
        if match[1] is not None:
            path.append(match[1])
        elif match[2] is not None:
            path.append(int(match[2]))
        else:
            try:
                path.append(str(json.loads(match[3])))
            except ValueError:
                break
        position = match.end()
    return tuple(path)
