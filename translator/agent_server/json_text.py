"""JSON as it may come over the wire: read strictly, and told apart from what cannot be stored. Pure."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from typing import Final

MAX_DEPTH: Final = 32


class MalformedError(ValueError):
    """Bytes that are not what this protocol says they are.

    Args:
        code: stable kebab-case name of the fault.
        message: one sentence for the person who sent them.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def parse_json(body: bytes | str) -> object:
    """Read a request's or an answer's body, or a frame.

    Raises:
        MalformedError: it is not JSON (in UTF-8, where it is bytes; RFC 8259).
    """
    try:
        # a byte order mark is no part of the text: RFC 8259 (8.1) lets a reader ignore it
        text = body.removeprefix("\ufeff") if isinstance(body, str) else body.decode("utf-8-sig")
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise MalformedError("invalid-json", f"the body is not UTF-8: byte {error.start} is wrong") from error
    except RecursionError as error:
        raise MalformedError("invalid-json", "the body is nested too deeply") from error
    except ValueError as error:
        raise MalformedError("invalid-json", f"the body is not JSON: {error}") from error


class Ambiguous(dict[str, object]):
    """An object that had a key twice, of which RFC 8259 (4) says that nobody knows what it means.

    Attributes:
        twice: such a key.
    """

    twice: str = ""


def unfit(value: object) -> str:
    """Why JSON data cannot be stored and passed on, empty where it can."""
    pending: list[tuple[object, int]] = [(value, 1)]
    while pending:
        part, depth = pending.pop()
        if depth > MAX_DEPTH:
            return f"nested more than {MAX_DEPTH} deep"
        if isinstance(part, str) and not _encodable(part):
            return "holds half of a surrogate pair (\\ud800 to \\udfff alone), which is no text"
        if isinstance(part, float) and not math.isfinite(part):
            return "holds a number that is too large"
        parts: Iterable[object] = ()
        if isinstance(part, Ambiguous):
            return f"holds the key {part.twice[:64]!r} twice in one object"
        if isinstance(part, dict):
            parts = [*part, *part.values()]
        elif isinstance(part, list):
            parts = part
        pending.extend((inner, depth + 1) for inner in parts)
    return ""


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    data = dict(pairs)
    if len(data) == len(pairs):
        return data
    ambiguous = Ambiguous(data)
    ambiguous.twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
    return ambiguous


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON value")
