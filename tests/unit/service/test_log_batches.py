from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.observe.event import encode
from translator.observe.lines import CUT
from translator.observe.observation import LogEnd, LogLines
from translator.service.log_batches import regroup

ROOM = 1024 * 1024


def lines(step, first, last, cursor=None):
    return LogLines(
        step, tuple(str(n) for n in range(first, last)), {"at": last} if cursor is None else cursor
    )


def test_neighbours_of_one_step_become_one():
    [joined] = regroup([lines("a", 0, 2), lines("a", 2, 5)], 100, ROOM)
    assert joined == lines("a", 0, 5)


def test_another_step_or_observation_parts_them():
    seen = [lines("a", 0, 1), lines("b", 0, 1), lines("a", 1, 2), LogEnd("a"), lines("a", 2, 3)]
    assert list(regroup(seen, 100, ROOM)) == seen


def test_too_many_lines_are_split_and_only_the_last_part_has_the_cursor():
    parts = list(regroup([lines("a", 0, 4), lines("a", 4, 7)], 3, ROOM))
    assert parts == [lines("a", 0, 3, {}), lines("a", 3, 6, {}), lines("a", 6, 7)]


def test_exactly_the_limit_is_one_part():
    assert list(regroup([lines("a", 0, 3)], 3, ROOM)) == [lines("a", 0, 3)]


@pytest.mark.parametrize("character", ["x", '"', "\\", "\x01", "\x7f", "é", "名", "😀", "\ud800"])
def test_lines_are_split_by_their_size_on_the_wire(character):
    line = character * 100
    size = len(encode(line)) + 1
    parts = list(regroup([LogLines("a", (line,) * 7, {"at": 7})], 100, 3 * size))
    assert [part.lines for part in parts] == [(line,) * 3, (line,) * 3, (line,)]
    assert [part.cursor for part in parts] == [{}, {}, {"at": 7}]


TEXT = st.text(st.sampled_from('x"\\\x01\n名😀\ud800'), max_size=40)


@given(st.lists(st.tuples(TEXT, st.integers(1, 3000)), max_size=8), st.integers(1, 5))
def test_no_event_is_larger_than_the_limit_whatever_is_printed(texts, max_lines):
    lines = tuple(text * times for text, times in texts)
    parts = list(regroup([LogLines("a", lines, {"at": 1})], max_lines, 64 * 1024))
    assert all(len(encode(list(part.lines))) <= 64 * 1024 for part in parts)
    assert all(len(part.lines) <= max_lines for part in parts)
    told = [line for part in parts for line in part.lines]
    assert rejoined(told) == list(lines)


def rejoined(told):
    """The lines that were printed."""
    whole, rest = [], ""
    for line in told:
        if line.endswith(CUT):
            rest += line.removesuffix(CUT)
        else:
            whole.append(rest + line)
            rest = ""
    return whole


def test_the_time_is_that_of_the_last_line_known():
    first = LogLines("a", ("1",), {"at": 1}, "2026-01-01T00:00:01Z")
    [joined] = regroup([first, LogLines("a", ("2",), {"at": 2})], 10, ROOM)
    assert joined.time == "2026-01-01T00:00:01Z"


def test_nothing_gives_nothing():
    assert list(regroup([], 10, ROOM)) == []
