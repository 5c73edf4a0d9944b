"""Events as they are kept: the stream's entries, and the gaps that dropped log events have left."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from translator.observe.record import known
from translator.store.record import dump, parse_place

DROPPED = "log lines were dropped: there were more than the translator keeps"


@dataclass(frozen=True, slots=True)
class Kept:
    """One event: its place and its JSON text.

    Attributes:
        text: in ASCII, so never shorter than it is on the wire.
        last: the seq of the last event that this one stands for: `seq` itself, but for a gap in the history.
        whole: bytes of the stored event, where `text` is a shorter one that is told in its place.
    """

    attempt: int
    seq: int
    text: bytes
    last: int = 0
    whole: int = 0

    @property
    def size(self) -> int:
        """Bytes that it counts for in a request, with a comma.

        Those of the stored event even if a shorter one is told: SHRINK knows of those alone when it decides
        which events may be under way.
        """
        return max(len(self.text), self.whole) + 1

    @property
    def is_gap(self) -> bool:
        """Whether it stands for log events that were dropped (in the history)."""
        return self.last > 0

    @property
    def place(self) -> tuple[int, int]:
        """Where to read on."""
        return self.attempt, self.last or self.seq


@dataclass(frozen=True, slots=True)
class Gap:
    """Neighbouring log events of one step that were dropped: ``first`` to ``last``, ``rows`` lines in all."""

    attempt: int
    first: int
    last: int
    step: str
    rows: int
    time: str


Entry = tuple[bytes, Mapping[bytes, bytes]]
"""An entry of the stream, as redis-py gives it."""


def parse_gaps(text: bytes | None) -> list[Gap]:
    """The gaps of a record."""
    return [
        Gap(**{name: _whole(value) for name, value in known(Gap, each).items()})
        for each in json.loads(text or b"[]")
    ]


def _whole(value: Any) -> Any:
    # Lua's numbers are floating-point
    return int(value) if isinstance(value, float) else value


def outbox(
    task_id: str,
    agent_id: str,
    acked: tuple[int, int],
    entries: Sequence[Entry],
    gaps: Iterable[Gap],
    count: int,
    shortened: Mapping[str, str] = MappingProxyType({}),
) -> list[Kept]:
    """The first `count` events after `acked`, with every seq: a gap is followed by empty log events.

    Args:
        task_id: of the events.
        agent_id: of the events.
        acked: attempt and seq of the last event that agent-server holds.
        entries: the stream's first entries after it, `count` of them if there are so many.
        gaps: of all attempts.
        count: at most.
        shortened: by ``<attempt>-<seq>`` the event that is told in the place of a stored one.
    """
    found: list[Kept] = []
    for kept in _merged(acked, entries, gaps, count):
        if isinstance(kept, Kept):
            short = shortened.get(f"{kept.attempt}-{kept.seq}")
            found.append(kept if short is None else replace(kept, text=short.encode(), whole=len(kept.text)))
        else:
            start = acked[1] + 1 if acked[0] == kept.attempt else 1
            for seq in range(max(start, kept.first), kept.last + 1):
                found.append(Kept(kept.attempt, seq, _text(task_id, agent_id, kept, seq)))
                if len(found) >= count:
                    break
        if len(found) >= count:
            break
    return found[:count]


def history(
    task_id: str,
    agent_id: str,
    after: tuple[int, int],
    entries: Sequence[Entry],
    gaps: Iterable[Gap],
    count: int,
) -> list[Kept]:
    """The first `count` events after a place, with one event for a gap; arguments as of `outbox`."""
    found = [
        kept if isinstance(kept, Kept)
        else Kept(kept.attempt, kept.first, _text(task_id, agent_id, kept, kept.first), kept.last)
        for kept in _merged(after, entries, gaps, count)
    ]  # fmt: skip
    return found[:count]


def _merged(
    after: tuple[int, int], entries: Sequence[Entry], gaps: Iterable[Gap], count: int
) -> list[Kept | Gap]:
    kept = [Kept(*parse_place(entry_id.decode()), fields[b"event"]) for entry_id, fields in entries]
    # What comes after the last entry may also come after entries that were not read.
    horizon = kept[-1].place if len(kept) >= count else None
    between = [
        gap
        for gap in gaps
        if (gap.attempt, gap.last) > after and (horizon is None or (gap.attempt, gap.first) < horizon)
    ]
    return sorted([*kept, *between], key=_place)


def _place(kept: Kept | Gap) -> tuple[int, int]:
    return (kept.attempt, kept.seq) if isinstance(kept, Kept) else (kept.attempt, kept.first)


def _text(task_id: str, agent_id: str, gap: Gap, seq: int) -> bytes:
    event = {
        "taskId": task_id, "agentId": agent_id, "attempt": gap.attempt, "seq": seq, "time": gap.time,
        "step": gap.step,
    }  # fmt: skip
    if seq == gap.first:
        return dump({**event, "kind": "gap", "why": DROPPED, "missing": gap.rows}).encode()
    return dump({**event, "kind": "log", "lines": []}).encode()
