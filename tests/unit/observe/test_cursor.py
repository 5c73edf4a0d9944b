"""Resuming a log: a reader that loses its stream anywhere, any number of times, delivers every line once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from translator.observe.cursor import Cursor, Join
from translator.observe.executor import LogLine, utc


def at(nanoseconds: int, text: str = "x") -> LogLine:
    seconds, rest = divmod(nanoseconds, 10**9)
    return LogLine(
        f"2026-11-23T22:{seconds // 60:02d}:{seconds % 60:02d}.{rest:09d}Z".encode(), text.encode()
    )


def since(log: list[LogLine], time: str) -> list[LogLine]:
    """What the kubelet gives of a log: every line of that second or later."""
    return [line for line in log if not time or utc(line.time) >= utc(time.encode())]


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
        assert not join.apart
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


def test_since_is_a_little_before_the_last_line_and_in_utc():
    assert EMPTY.since == ""
    assert EMPTY.after([at(30 * 10**9 + 5)]).since == "2026-11-23T22:00:28Z"
    assert EMPTY.after([LogLine(b"2026-11-24T06:00:30.000000005+08:00", b"")]).since == "2026-11-23T22:00:28Z"


def test_a_newer_file_is_all_new():
    join = Join(EMPTY.after([at(10**9, "a")]))
    newer = [at(20 * 10**9, "x"), at(20 * 10**9 + 1, "y")]
    assert join.feed(newer) == newer
    assert join.apart
    assert not join.skipped
    assert join.feed(newer) == newer


def test_a_newer_file_may_begin_with_lines_that_are_earlier_than_the_last_of_the_older():
    join = Join(EMPTY.after([at(10**9 + 500, "a")]))
    early = [at(10**9 + 490, "b"), at(10**9 + 495, "c")]
    assert join.feed(early) == []
    assert not join.joined
    assert join.feed([at(10**9 + 501, "d")]) == [*early, at(10**9 + 501, "d")]
    assert join.apart

    join = Join(EMPTY.after([at(10**9 + 500, "a")]))
    assert join.feed(early) == []
    assert join.begin() == early
    assert join.apart


def test_the_last_line_may_come_after_one_that_is_later():
    delivered = [at(10**9 + 5, "out"), at(10**9, "err")]
    join = Join(EMPTY.after(delivered[:1]).after(delivered[1:]))
    assert join.feed(delivered[:1]) == []
    assert join.feed([delivered[1], at(10**9 + 1, "new")]) == [at(10**9 + 1, "new")]
    assert not join.apart


def test_a_clock_that_was_set_back_repeats_nothing():
    log = [at(100 * 10**9, "a"), at(101 * 10**9, "b"), at(41 * 10**9, "c"), at(42 * 10**9, "d")]
    cursor = EMPTY.after(log[:3])
    assert cursor.high == log[1].time.decode()
    assert Join(Cursor.from_json(cursor.as_json())).feed(log) == log[3:]


def test_what_is_much_earlier_is_not_kept():
    join = Join(EMPTY.after([at(60 * 10**9, "a")]))
    assert join.feed([at(10**9, "x")]) == []
    assert join.begin() == []
    assert join.apart
    assert join.skipped


def test_a_node_may_change_its_zone():
    before = LogLine(b"2026-10-25T02:59:59.900000000+02:00", b"a")
    after = LogLine(b"2026-10-25T02:00:00.100000000+01:00", b"b")
    cursor = EMPTY.after([before])
    assert Join(cursor).feed([after]) == [after]
    assert cursor.after([after]).high == ""
    assert Join(cursor).feed([before, after]) == [after]


def test_a_stream_without_anything_new_gives_nothing():
    join = Join(EMPTY.after([at(10**9, "a")]))
    assert join.feed([at(10**9 - 5, "before")]) == []
    assert not join.joined


def test_a_cursor_belongs_to_one_container():
    assert EMPTY.is_of("uid", "containerd://1")
    assert not EMPTY.is_of("uid", "containerd://2")
    assert not EMPTY.is_of("other", "containerd://1")


def test_a_cursor_stays_small():
    cursor = EMPTY.after([at(n, "x" * 1000) for n in range(10**4)])
    assert len(str(cursor.as_json())) < 200
    cursor = cursor.after([at(1, "early")])
    assert len(str(cursor.as_json())) < 250
    assert EMPTY.after([]) is EMPTY
