"""Whether one reading of a log goes on where another ended."""

from __future__ import annotations

import pytest

from translator.engine.argo import continuity
from translator.engine.argo.continuity import Continuity, End
from translator.engine.argo.stretch import Stretch
from translator.observe.cursor import Cursor
from translator.observe.executor import Line

NOBODY = Cursor("u", "c")


def stamp(second: float) -> str:
    return f"2026-01-01T00:00:{second:012.9f}Z"


def lines(*seconds: float) -> list[Line]:
    return [(stamp(second).encode(), b"line") for second in seconds]


def told(*seconds: float) -> Cursor:
    """The cursor after lines of these times."""
    return NOBODY.after(lines(*seconds))


def stretch(*seconds: float, cursor: Cursor = NOBODY) -> Stretch:
    read = Stretch(cursor)
    read.feed(b"".join(time + b" " + text + b"\n" for time, text in lines(*seconds)))
    return read


def of(cursor: Cursor = NOBODY, *, tells_start: bool = False) -> Continuity:
    return Continuity(cursor, tells_start=tells_start)


@pytest.mark.parametrize(("first", "goes_on"), [(5.0, True), (7.9, True), (8.1, False)])
def test_a_newer_file_goes_on_where_its_first_line_follows_closely(first: float, goes_on: bool) -> None:
    known = of()
    before = stretch(4.0, 5.0)
    known.end_follow(before, None, 0.0, stalled=True)
    known.open(before, 0.1)
    assert known.goes_on(stretch(first, cursor=told(4.0, 5.0)), before) is goes_on


@pytest.mark.parametrize(
    ("newest", "after", "goes_on"),
    [
        (5.0, 4.9, True),  # the last line was the newest file's last, and there was one rotation since
        (5.0, 5.1, False),  # there may have been two
        (4.0, 4.9, True),  # the file began before the last line
        (4.9, 4.9, False),  # or after it: two streams are not read in step
    ],
)
def test_a_newer_file_goes_on_where_the_older_was_the_newest_shortly_before(
    newest: float, after: float, goes_on: bool
) -> None:
    known = of()
    before = stretch(1.0, newest, 5.0) if newest < 5 else stretch(1.0, 5.0)
    assert not known.see_newest(stamp(newest), before, 100.0)
    known.end_follow(before, None, 100.0, stalled=True)
    known.open(before, 100.0 + after)
    silent = stretch(55.0, cursor=told(1.0, 5.0))
    assert known.goes_on(silent, before) is goes_on
    assert known.goes_on(stretch(cursor=told(5.0)), before) is goes_on


def test_who_began_anew_in_an_empty_file_is_in_it_as_long_as_it_is_empty() -> None:
    known = of(told(5.0))
    before, empty = stretch(1.0, 5.0), stretch(cursor=told(5.0))
    known.see_first(stamp(1.0), before, 98.0)
    assert known.see_newest("", before, 100.0), "it may be in the older one"
    known.end_follow(before, None, 100.1, stalled=True)
    known.open(before, 100.2)
    known.receive(2 * continuity.UNROTATED)
    for minutes in range(5):
        assert not known.see_newest("", empty, 101.0 + 60 * minutes)
    assert known.see_newest("", empty, 401.0), "its connection would seem dead"
    known.end_follow(empty, before, 401.0, stalled=True)
    known.open(before, 401.1)
    assert known.goes_on(stretch(50.0, cursor=told(5.0)), before)
    known.open(before, 401.2)  # the connection broke: a file may have come and gone
    assert not known.goes_on(stretch(50.0, cursor=told(5.0)), before)


def test_a_file_of_which_lines_were_left_out_goes_on_nowhere() -> None:
    newer = stretch(1.0, cursor=told(5.0))
    newer.feed(f"{stamp(6.0)} line\n".encode())
    assert newer.apart
    assert newer.skipped
    assert not of().goes_on(newer, stretch(5.0))


def test_an_empty_newer_file_goes_on_where_the_process_had_exited() -> None:
    assert not of().goes_on(stretch(), stretch(5.0))
    exited = stretch(5.0)
    exited.feed(
        f"{stamp(6.0)} time={stamp(6.0)} level=INFO".encode() + b' msg="sub-process exited" argo=true\n'
    )
    assert exited.exited
    assert of().goes_on(stretch(), exited)


def test_it_may_yet_be_told_for_a_while_that_the_container_has_ended() -> None:
    known = of()
    known.end_follow(stretch(1.0), None, 100.0, stalled=False)
    assert known.unconfirmed_for(10.0, 103.0) == 7.0
    assert known.unconfirmed_for(10.0, 111.0) == 0.0
    known.confirmed = True
    assert known.unconfirmed_for(10.0, 103.0) == 0.0


def test_a_follow_that_stalled_had_come_to_its_files_end() -> None:
    known = of()
    known.end_follow(stretch(1.0), None, 100.0, stalled=True)
    assert known.confirmed


def test_a_follow_that_brought_nothing_to_join_leaves_the_one_before_it() -> None:
    known = of(told(5.0))
    before = stretch(5.0)
    known.end_follow(stretch(cursor=told(5.0)), before, 100.0, stalled=False)
    assert known.before is before


def test_a_newer_file_is_noticed_once() -> None:
    known = of()
    newer = stretch(9.0, cursor=told(5.0))
    assert not known.is_told(newer)
    assert known.parts(newer)
    assert known.is_told(newer)
    assert not known.parts(newer)
    assert known.is_told(stretch(5.0, 9.0, cursor=told(5.0)))


def test_a_small_log_does_not_leap(monkeypatch: pytest.MonkeyPatch) -> None:
    known = of()
    known.receive(100)
    late = stretch(1.0, 30.0)
    assert known.in_one_piece
    assert known.leap(lines(30.0), late, stamp(1.0), 0.0) is None
    monkeypatch.setattr(continuity, "UNROTATED", 100)
    assert known.may_be_rotated
    assert not known.in_one_piece
    assert known.leap(lines(30.0), late, stamp(1.0), 0.0) == 0


def test_nothing_leaps_before_the_first_line_is_told() -> None:
    assert of(told(1.0)).leap(lines(30.0), stretch(30.0), "", 0.0) is None


def test_a_process_that_was_silent_while_its_file_was_the_newest_has_not_leapt() -> None:
    known, before = of(told(1.0)), stretch(1.0)
    late = stretch(30.0, 31.0)
    assert not known.see_newest(stamp(1.0), before, 100.0)
    assert known.leap(lines(30.0, 31.0), late, stamp(1.0), 104.9) is None
    assert known.leap(lines(30.0, 31.0), late, stamp(1.0), 105.1) == 0
    known.see_first(stamp(1.0), stretch(0.5, 30.0), 104.0)
    assert known.leap(lines(30.0, 50.0), stretch(30.0, 50.0), stamp(1.0), 105.1) == 0
    known.see_first(stamp(0.4), stretch(0.5, 30.0), 104.0)
    assert known.leap(lines(30.0, 50.0), stretch(30.0, 50.0), stamp(1.0), 105.1) is None


def test_a_line_that_is_not_there_yet_is_no_stall() -> None:
    known, nothing = of(told(1.0)), stretch(cursor=told(1.0))
    known.open(None, 100.0)
    assert not known.see_newest(stamp(2.0), nothing, 101.5)
    assert not known.see_newest(stamp(2.0), nothing, 104.5)
    assert known.see_newest(stamp(2.0), nothing, 106.0)
    assert known.see_newest(stamp(2.0), stretch(1.0), 106.0)
    assert not known.see_newest("unable", stretch(1.0), 106.0)


@pytest.mark.parametrize(
    ("cursor", "tells_start", "headless"),
    [(NOBODY, True, True), (NOBODY, False, False), (told(1.0), True, False)],
)
def test_a_log_is_headless_where_the_executor_would_have_begun_it(
    cursor: Cursor, tells_start: bool, headless: bool
) -> None:
    assert of(tells_start=tells_start).is_headless(stretch(1.0), cursor) is headless


def test_a_reading_is_whole_if_it_ends_with_the_newest_line() -> None:
    assert of().judge_end(stretch(1.0, 2.0), None, stamp(2.0)) is End.WHOLE
    assert of().judge_end(stretch(1.0, 2.0), None, stamp(3.0)) is End.DOUBTFUL
    assert of().judge_end(stretch(1.0, 2.0), None, None) is End.DOUBTFUL


@pytest.mark.parametrize("newest", ["", "unable to retrieve"])
def test_a_reading_is_whole_where_there_is_no_line_to_compare_with(newest: str) -> None:
    assert of().judge_end(stretch(1.0, 2.0), None, newest) is End.WHOLE


def test_a_doubtful_reading_leaves_the_one_before_it_if_it_joined_that() -> None:
    known, before = of(), stretch(1.0)
    known.judge_end(stretch(1.0, 2.0, cursor=told(1.0)), before, stamp(3.0))
    assert known.before is before
    known.judge_end(stretch(2.0, cursor=told(1.0)), before, stamp(3.0))
    assert known.before is None


@pytest.mark.parametrize(("last", "end"), [(2.0, End.WHOLE), (2.5, End.CUT_OFF)])
def test_readings_that_all_end_with_the_same_line_are_whole(last: float, end: End) -> None:
    known = of()
    assert known.judge_end(stretch(1.0, 2.0), None, stamp(3.0)) is End.DOUBTFUL
    assert known.judge_end(stretch(1.0, 2.0), None, None) is End.DOUBTFUL
    assert known.judge_end(stretch(1.0, last), None, stamp(3.0)) is end


def test_a_newest_line_that_is_older_shows_a_clock_that_was_set_back() -> None:
    known = of()
    assert known.judge_end(stretch(1.0, 9.0), None, stamp(2.0)) is End.DOUBTFUL
    assert known.from_start
