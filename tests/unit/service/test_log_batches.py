from __future__ import annotations

from translator.observe.observation import LogEnd, LogLines
from translator.service import log_batches
from translator.service.log_batches import regroup


def lines(step, first, last, cursor=None):
    return LogLines(
        step, tuple(str(n) for n in range(first, last)), {"at": last} if cursor is None else cursor
    )


def test_neighbours_of_one_step_become_one():
    [joined] = regroup([lines("a", 0, 2), lines("a", 2, 5)], 100)
    assert joined == lines("a", 0, 5)


def test_another_step_or_observation_parts_them():
    given = [lines("a", 0, 1), lines("b", 0, 1), lines("a", 1, 2), LogEnd("a"), lines("a", 2, 3)]
    assert list(regroup(given, 100)) == given


def test_too_many_lines_are_split_and_only_the_last_part_has_the_cursor():
    parts = list(regroup([lines("a", 0, 4), lines("a", 4, 7)], 3))
    assert parts == [lines("a", 0, 3, {}), lines("a", 3, 6, {}), lines("a", 6, 7)]


def test_exactly_the_limit_is_one_part():
    assert list(regroup([lines("a", 0, 3)], 3)) == [lines("a", 0, 3)]


def test_big_lines_are_split_by_size_and_a_huge_one_goes_alone(monkeypatch):
    monkeypatch.setattr(log_batches, "MAX_CHARACTERS", 10)
    given = LogLines("a", ("12345", "12345", "1", "x" * 50, "y"), {"at": 5})
    parts = [part.lines for part in regroup([given], 100)]
    assert parts == [("12345", "12345"), ("1",), ("x" * 50,), ("y",)]


def test_the_time_is_that_of_the_last_line_known():
    first = LogLines("a", ("1",), {"at": 1}, "2026-01-01T00:00:01Z")
    [joined] = regroup([first, LogLines("a", ("2",), {"at": 2})], 10)
    assert joined.time == "2026-01-01T00:00:01Z"


def test_nothing_gives_nothing():
    assert list(regroup([], 10)) == []
