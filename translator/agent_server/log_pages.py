"""A task's log as rows, page by page and as it grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from translator.agent_server.desk import Desk, Place, parse_place, place_text
from translator.observe.event import Kind

_READ = 32


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a log was read: through an event, and so many rows of the one after it."""

    place: Place
    rows: int = 0

    def text(self) -> str:
        """The cursor as it stands in answers and queries."""
        return place_text((*self.place, self.rows)) if self.rows else place_text(self.place)

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """A cursor from its text.

        Raises:
            ValueError: it is none.
        """
        if text.count("-") == 2:
            place, _, rows = text.rpartition("-")
            if not (rows.isascii() and rows.isdecimal() and len(rows) < 10):
                raise ValueError(f"{text[:40]!r} is no place in a log such as 1-12-3")
            return cls(parse_place(place), int(rows))
        return cls(parse_place(text))


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
    place, skip = start.place, start.rows
    while True:
        told = await desk.events(task_id, place, _READ)
        for each in told:
            if each.place[0] != attempt:
                return Page(rows, Cursor(place, skip), exhausted=True)
            new = _rows(each.event, step)[skip:]
            room = limit - len(rows)
            rows += new[:room]
            if len(new) >= room:
                at = Cursor(each.place) if len(new) == room else Cursor(place, skip + room)
                return Page(rows, at, exhausted=False)
            place, skip = each.place, 0
        if len(told) < _READ:
            return Page(rows, Cursor(place, skip), exhausted=True)


def _rows(event: Mapping[str, Any], step: str) -> list[Mapping[str, Any]]:
    name = event.get("step")
    if step and name != step:
        return []
    if event["kind"] == Kind.LOG:
        return [{"step": name, "line": line} for line in event["lines"]]
    if event["kind"] == Kind.GAP:
        missing = {"missing": event["missing"]} if "missing" in event else {}
        return [{"step": name, "gap": event.get("why"), **missing}]
    return []
