"""The fields that several messages share, and how they are checked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from translator.agent_server.json_text import MalformedError
from translator.observe.event import Kind


def dump(data: object) -> bytes:
    """JSON data as bytes, without needless spaces.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # what UTF-8 cannot hold, half a surrogate pair, becomes JSON's own escape for it
    return text.encode("utf-8", "backslashreplace")


def member(data: object, name: str) -> list[Any]:
    """The array of this name in an object.

    Raises:
        MalformedError: there is none.
    """
    rows = data.get(name) if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise MalformedError(f"no-{name}", f'the body must be {{"{name}": […]}}')
    return rows


def identity(row: Any, where: str, *, least_seq: int) -> tuple[str, int, int]:
    """The taskId, attempt and seq of an object.

    Raises:
        MalformedError: one of them is missing or wrong.
    """
    if isinstance(row, dict):
        task, attempt, seq = row.get("taskId"), row.get("attempt"), row.get("seq")
        if isinstance(task, str) and task and is_count(attempt, 1) and is_count(seq, least_seq):
            return task, attempt, seq
    raise MalformedError("no-identity", f"{where} must have taskId, attempt from 1 and seq from {least_seq}")


def read_events(data: object) -> list[dict[str, Any]]:
    """The events of an object, each with what identifies it.

    Raises:
        MalformedError: there are none, or one lacks what identifies it.
    """
    events = member(data, "events")
    for index, event in enumerate(events):
        identity(event, f"events[{index}]", least_seq=1)
        if not isinstance(event.get("agentId"), str) or not isinstance(event.get("kind"), str):
            raise MalformedError("invalid-event", f"events[{index}] must have agentId and kind, both text")
        if event["kind"] == Kind.LOG and not isinstance(event.get("lines"), list):
            raise MalformedError("invalid-event", f"events[{index}] is a log event and must have lines")
    return events


def held_rows(held: Mapping[tuple[str, int], int]) -> list[dict[str, Any]]:
    """(taskId, attempt) → seq, as rows."""
    return [{"taskId": task, "attempt": attempt, "seq": seq} for (task, attempt), seq in held.items()]


def read_held(rows: Sequence[Any], where: str) -> dict[tuple[str, int], int]:
    """Rows as (taskId, attempt) → seq.

    Raises:
        MalformedError: a row is none.
    """
    held: dict[tuple[str, int], int] = {}
    for index, row in enumerate(rows):
        task, attempt, seq = identity(row, f"{where}[{index}]", least_seq=0)
        held[task, attempt] = seq
    return held


def is_count(value: object, least: int) -> TypeGuard[int]:
    """Whether a value is a whole number, at least so big."""
    # not isinstance, for true is an int to it
    return type(value) is int and value >= least


def kind_of(value: object) -> str:
    """What a JSON value is, for a message."""
    names = {dict: "an object", list: "an array", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
