"""Log lines in portions that suit the wire, whatever portions the engine gives them in. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from translator.observe.observation import LogLines, Observation

MAX_CHARACTERS = 256 * 1024
"""Of one event's lines (one longer line goes alone): far below what an HTTP server takes in one body."""


def regroup(observations: Iterable[Observation], max_lines: int) -> Iterator[Observation]:
    """Join neighbouring lines of one step, and split what is too much for one event.

    All of the result must be stored in one transaction: of a split portion only the last part has a cursor.

    Args:
        observations: in order.
        max_lines: of one event.
    """
    held: LogLines | None = None
    for seen in observations:
        if held is not None and isinstance(seen, LogLines) and seen.step == held.step:
            held = replace(seen, lines=held.lines + seen.lines, time=seen.time or held.time)
            continue
        if held is not None:
            yield from _split(held, max_lines)
        held = seen if isinstance(seen, LogLines) else None
        if held is None:
            yield seen
    if held is not None:
        yield from _split(held, max_lines)


def _split(whole: LogLines, max_lines: int) -> Iterator[LogLines]:
    start = size = 0
    for end, line in enumerate(whole.lines):
        if end > start and (end - start == max_lines or size + len(line) > MAX_CHARACTERS):
            # The cursor is that of the last part: the reducer takes an equal one for a repeat.
            yield replace(whole, lines=whole.lines[start:end], cursor={})
            start, size = end, 0
        size += len(line)
    yield replace(whole, lines=whole.lines[start:])
