"""Log lines in portions that suit the wire, whatever portions the engine gives them in. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from translator.observe.event import encode
from translator.observe.lines import CUT
from translator.observe.observation import LogLines, Observation

_LARGEST = 6
"""Bytes that a character has on the wire at most: JSON writes a control character as six of them."""

_BLOCK = 4096
"""Characters: a line that is too large for one event is cut between such blocks."""


def regroup(observations: Iterable[Observation], max_lines: int, max_bytes: int) -> Iterator[Observation]:
    """Join neighbouring lines of one step, and split what is too much for one event.

    All of the result must be stored in one transaction: of a split portion only the last part has a cursor.

    Args:
        observations: in order.
        max_lines: of one event.
        max_bytes: of the lines of one event, as they are encoded. A longer line is cut into pieces, each but
            the last with `CUT` at its end.
    """
    held: LogLines | None = None
    for seen in observations:
        if held is not None and isinstance(seen, LogLines) and seen.step == held.step:
            held = replace(seen, lines=held.lines + seen.lines, time=seen.time or held.time)
            continue
        if held is not None:
            yield from _split(held, max_lines, max_bytes)
        held = seen if isinstance(seen, LogLines) else None
        if held is None:
            yield seen
    if held is not None:
        yield from _split(held, max_lines, max_bytes)


def _split(whole: LogLines, max_lines: int, max_bytes: int) -> Iterator[LogLines]:
    whole, sizes = _measured(whole, max_bytes)
    start = size = 0
    for end, length in enumerate(sizes):
        if end > start and (end - start == max_lines or size + length > max_bytes):
            # The cursor is that of the last part: the reducer takes an equal one for a repeat.
            yield replace(whole, lines=whole.lines[start:end], cursor={})
            start, size = end, 0
        size += length
    yield replace(whole, lines=whole.lines[start:])


def _measured(whole: LogLines, max_bytes: int) -> tuple[LogLines, list[int]]:
    """The lines, none of them too large for an event, and the bytes of each with its comma."""
    # most lines are short: then there is nothing to measure
    sizes = [_LARGEST * len(line) + 3 for line in whole.lines]
    if sum(sizes) <= max_bytes:
        return whole, sizes
    sizes = [len(encode(line)) + 1 for line in whole.lines]
    if max(sizes, default=0) <= max_bytes:
        return whole, sizes
    lines: list[str] = []
    for line, size in zip(whole.lines, sizes, strict=True):
        lines += [line] if size <= max_bytes else _pieces(line, max_bytes)
    return replace(whole, lines=tuple(lines)), [len(encode(line)) + 1 for line in lines]


def _pieces(line: str, max_bytes: int) -> Iterator[str]:
    """A line in pieces, each small enough for an event."""
    start, size = 0, len(encode(CUT))
    for at in range(0, len(line), _BLOCK):
        # with quotes and comma; the sum over the blocks is what all of them have together, or a little more
        length = len(encode(line[at : at + _BLOCK])) + 1
        if size + length > max_bytes:
            yield line[start:at] + CUT
            start, size = at, len(encode(CUT))
        size += length
    yield line[start:]
