"""Resuming a log: a reader that loses its stream anywhere, any number of times, delivers every line once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from translator.observe.cursor import Cursor, Join
from translator.observe.executor import LogLine, utc


def at(nanoseconds: int, text: str = "x") -> LogLine:
    seconds, rest = divmod(nanoseconds, 10**9)
    return LogLine(f"2026-11-23T22:{seconds // 60:02d}:{seconds % 60:02d}.{rest:09d}Z", text.encode())


def since(log: list[LogLine], time: str) -> list[LogLine]:
    """What the kubelet gives of a log: every line of that second or later."""
    return [line for line in log if not time or utc(line.time) >= utc(time)]


EMPTY = Cursor("uid", "containerd://1")

gaps = st.sampled_from([0, 0, 1, 1000, 10**8, 10**9, 7 * 10**9])
logs = st.lists(st.tuples(gaps, st.sampled_from(["a", "b", ""])), max_size=30)


def written(steps: list[tuple[int, str]]) -> list[LogLine]:
    now, log = 0, []
    for gap, text in steps:
        now += gap
        log.append(at(now, text))
    return log


@given(steps=logs, losses=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5)), max_size=6))
def test_every_line_once_however_often_the_stream_is_lost(steps, losses):
    log = written(steps)
    cursor, got = EMPTY, []
    for reads, size in [*losses, (10**6, 7)]:
        cursor = Cursor.from_json(cursor.as_json())
        join, stream = Join(cursor), since(log, cursor.since)[:reads]
        for start in range(0, len(stream), size):
            new = join.feed(stream[start : start + size])
            got += new
            cursor = cursor.after(new)
        assert not join.lost
    assert got == log


def test_two_streams_that_are_not_read_in_step():
    log = [at(10**9 + 900, "out"), at(10**9 + 100, "err"), at(10**9 + 950, "out")]
    for cut in range(4):
        cursor = EMPTY.after(log[:cut])
        assert [*log[:cut], *Join(cursor).feed(since(log, cursor.since))] == log


def test_lines_of_one_time_are_counted():
    log = [at(5, "a"), at(5, "b"), at(5, "a"), at(5, "a"), at(6, "b")]
    cursor = EMPTY.after(log[:2]).after(log[2:3])
    assert cursor.same == 3
    assert Join(cursor).feed(log) == log[3:]


def test_since_is_some_seconds_before_the_last_line_and_in_utc():
    assert EMPTY.since == ""
    assert EMPTY.after([at(30 * 10**9 + 5)]).since == "2026-11-23T22:00:25Z"
    assert EMPTY.after([LogLine("2026-11-24T06:00:30.000000005+08:00", b"")]).since == "2026-11-23T22:00:25Z"


def test_a_log_that_was_rotated_away_has_lost_lines():
    cursor = EMPTY.after([at(10**9, "a")])
    join = Join(cursor)
    newer = [at(20 * 10**9, "x"), at(20 * 10**9 + 1, "y")]
    assert join.feed(newer) == newer
    assert join.lost
    assert join.feed(newer) == newer


def test_right_behind_a_rotation_nothing_is_lost():
    newer = [at(2 * 10**9, "b"), at(9 * 10**9, "c")]
    join = Join(EMPTY.after([at(10**9, "a")]), continuous=True)
    assert [*join.feed(newer), *join.end()] == newer
    assert not join.lost


def test_newer_lines_wait_a_moment_for_the_last_one_to_be_found():
    last, newer = at(10**9, "a"), at(10**9 + 5, "b")
    join = Join(EMPTY.after([last]))
    assert join.feed([newer]) == []
    # the file goes on with the line that was delivered: all before it was delivered as well
    assert join.feed([last, at(10**9 + 9, "c")]) == [at(10**9 + 9, "c")]
    assert not join.lost

    join = Join(EMPTY.after([last]))
    assert join.feed([newer]) == []
    assert join.end() == [newer]
    assert join.lost


def test_a_stream_without_anything_new_has_lost_nothing():
    join = Join(EMPTY.after([at(10**9, "a")]))
    assert join.feed([at(10**9 - 5, "before")]) == []
    assert join.end() == []
    assert not join.lost


def test_a_cursor_belongs_to_one_container():
    assert EMPTY.is_of("uid", "containerd://1")
    assert not EMPTY.is_of("uid", "containerd://2")
    assert not EMPTY.is_of("other", "containerd://1")


def test_a_cursor_stays_small():
    cursor = EMPTY.after([at(n, "x" * 1000) for n in range(10**4)])
    assert len(str(cursor.as_json())) < 200
    assert EMPTY.after([]) is EMPTY
