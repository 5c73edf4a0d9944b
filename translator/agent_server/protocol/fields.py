"""The fields that several messages share, and how they are checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from translator.agent_server.json_text import MalformedError
from translator.observe.event import Kind, Phase

ENVELOPE: Final = 128
"""Bytes of a request, a frame or a call around the events or attempts in it, and more than any has."""


@dataclass(frozen=True, slots=True)
class Known:
    """What agent-server knows of an attempt.

    Attributes:
        seq: the highest that it holds without a gap; 0: it knows the task, and holds nothing of the attempt.
        phase: of the final status, where it holds that; empty: it does not.
    """

    seq: int
    phase: str = ""


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


def asked(attempts: Iterable[tuple[str, int]]) -> dict[str, Any]:
    """The question for what is known of these attempts, as (taskId, attempt)."""
    return {"ask": [{"taskId": task, "attempt": attempt} for task, attempt in attempts]}


def read_asked(data: object) -> list[tuple[str, int]]:
    """The attempts of a question.

    Raises:
        MalformedError: it is none.
    """
    attempts = []
    for index, row in enumerate(member(data, "ask")):
        task, attempt, _ = identity(
            {**row, "seq": 0} if isinstance(row, dict) else row, f"ask[{index}]", least_seq=0
        )
        attempts.append((task, attempt))
    return attempts


def known_rows(known: Mapping[tuple[str, int], Known]) -> dict[str, Any]:
    """The answer to a question, without the attempts of tasks that are not known."""
    rows = held_rows({key: each.seq for key, each in known.items()})
    phases = [{"phase": each.phase} if each.phase else {} for each in known.values()]
    return {"held": [{**row, **phase} for row, phase in zip(rows, phases, strict=True)]}


def read_known(data: object) -> dict[tuple[str, int], Known]:
    """What an answer says of the attempts that were asked for.

    Raises:
        MalformedError: it is no such answer.
    """
    known: dict[tuple[str, int], Known] = {}
    for index, row in enumerate(member(data, "held")):
        task, attempt, seq = identity(row, f"held[{index}]", least_seq=0)
        phase = row.get("phase", "")
        if not isinstance(phase, str) or phase not in _FINAL:
            raise MalformedError("no-phase", f"held[{index}]: phase must be a final one, or left out")
        known[task, attempt] = Known(seq, phase)
    return known


_FINAL = frozenset({"", *(str(phase) for phase in Phase if phase.final)})


def is_count(value: object, least: int) -> TypeGuard[int]:
    """Whether a value is a whole number, at least so big."""
    # not isinstance, for true is an int to it
    return type(value) is int and value >= least


def kind_of(value: object) -> str:
    """What a JSON value is, for a message."""
    names = {dict: "an object", list: "an array", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
