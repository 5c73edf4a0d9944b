"""A task's log as rows, page by page and as it grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from translator.agent_server.desk import Desk, Place, Told, parse_place, place_text
from translator.observe.event import Kind

_READ = 32


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a log was read: through an event, and so many rows of the one after it.

    Attributes:
        lines: of the attempt's log through that event, of all steps, so that who is overtaken by trimming is
            told how many lines are missing; None where that is not known.
    """

    place: Place
    rows: int = 0
    lines: int | None = None

    @classmethod
    def start(cls, attempt: int) -> Cursor:
        """The beginning of an attempt's log."""
        return cls((attempt, 0), lines=0)

    def text(self) -> str:
        """The cursor as it stands in answers and queries."""
        counted = () if self.lines is None else (self.lines,)
        return place_text((*self.place, *((self.rows, *counted) if self.rows or counted else ())))

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """A cursor from its text.

        Raises:
            ValueError: it is none.
        """
        parts = text.split("-")
        more = parts[2:]
        if len(more) > 2 or not all(part.isascii() and part.isdecimal() and len(part) < 16 for part in more):
            raise ValueError(f"{text[:40]!r} is no place in a log such as 1-12-3")
        numbers = [int(part) for part in more]
        lines = numbers[1] if len(numbers) == 2 else None
        return cls(parse_place("-".join(parts[:2])), numbers[0] if numbers else 0, lines)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a log.

    Attributes:
        after: where the next page begins.
        exhausted: there is no more now.
    """

    rows: Sequence[Mapping[str, Any]]
    after: Cursor
    exhausted: bool


async def read_log(desk: Desk, task_id: str, start: Cursor, limit: int, step: str) -> Page:
    """Read one attempt's log.

    Args:
        desk: knows the task.
        task_id: of the task.
        start: a place in the attempt.
        limit: rows at most.
        step: only this step's; empty: every step's.
    """
    attempt = start.place[0]
    rows: list[Mapping[str, Any]] = []
    at = start
    while True:
        told = await desk.events(task_id, at.place, _READ)
        for each in told:
            if each.place[0] != attempt:
                return Page(rows, at, exhausted=True)
            new, lines = _rows(each.event, step)[at.rows :], at.lines
            if each.dropped:
                missing, before = await _unread(desk, task_id, each, at)
                new, lines = _gap_rows(each.event, step, missing), before
            room = limit - len(rows)
            rows += new[:room]
            after = Cursor(each.place, lines=None if lines is None else lines + _lines(each))
            if len(new) >= room:
                in_it = Cursor(at.place, at.rows + room, at.lines)
                return Page(rows, after if len(new) == room else in_it, exhausted=False)
            at = after
        if len(told) < _READ:
            return Page(rows, at, exhausted=True)


async def _unread(desk: Desk, task_id: str, gap: Told, at: Cursor) -> tuple[int | None, int | None]:
    """How many of the lines that were dropped had not been read, and how many lines came before them.

    Trimming may overtake a reader, who has read the first of these lines then. None: not known.
    """
    first, (attempt, seq) = gap.event["seq"], at.place
    dropped = _lines(gap)
    if first > seq:
        return dropped - at.rows, at.lines
    before, place = 0, (attempt, 0)
    while told := await desk.events(task_id, place, _READ):
        for each in told:
            if each.place[0] != attempt or each.event["seq"] >= first:
                return (None if at.lines is None else dropped - (at.lines - before) - at.rows), before
            before += _lines(each)
        place = told[-1].place
    return None, None  # the task was forgotten meanwhile


def _lines(told: Told) -> int:
    """The log lines that an event holds, or held."""
    if told.dropped:
        return int(told.event["missing"])
    return len(told.event["lines"]) if told.event["kind"] == Kind.LOG else 0


def _rows(event: Mapping[str, Any], step: str) -> list[Mapping[str, Any]]:
    name = event.get("step")
    if event["kind"] == Kind.GAP:
        return _gap_rows(event, step, event.get("missing"))
    if event["kind"] == Kind.LOG and (name == step or not step):
        return [{"step": name, "line": line} for line in event["lines"]]
    return []


def _gap_rows(event: Mapping[str, Any], step: str, missing: int | None) -> list[Mapping[str, Any]]:
    name = event.get("step")
    if (step and name != step) or missing == 0:
        return []
    counted = {} if missing is None else {"missing": missing}
    return [{"step": name, "gap": event.get("why"), **counted}]
