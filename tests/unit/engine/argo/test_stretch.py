from __future__ import annotations

from collections.abc import Sequence

from translator.engine.argo.stretch import Stretch
from translator.observe.cursor import Cursor
from translator.observe.executor import Line


def log(first: int, last: int, end: str = "\n") -> bytes:
    lines = [f"2026-01-01T00:00:{number:02}.000000001Z line {number}" for number in range(first, last + 1)]
    return ("\n".join(lines) + end).encode()


def texts(lines: Sequence[Line]) -> list[str]:
    return [text.decode() for _, text in lines]


def numbers(first: int, last: int) -> list[str]:
    return [f"line {number}" for number in range(first, last + 1)]


START = Cursor("pod", "container")


def read(chunk: bytes) -> tuple[Stretch, Cursor]:
    stretch = Stretch(START)
    return stretch, START.after(stretch.feed(chunk))


def test_an_overlap_is_left_out() -> None:
    _, cursor = read(log(1, 10))
    second = Stretch(cursor)
    assert texts(second.feed(log(5, 12))) == numbers(11, 12)
    assert second.joined
    assert not second.apart


def test_a_newer_file_goes_on_where_the_older_ended() -> None:
    first, cursor = read(log(1, 10))
    second = Stretch(cursor)
    fresh = second.feed(log(11, 12))
    assert second.apart
    assert texts(first.continued(fresh, 0)) == numbers(11, 12)


def test_a_line_that_rotation_cut_in_two_is_put_together() -> None:
    first, cursor = read(log(1, 10) + b"2026-01-01T00:00:11.000000001Z li")
    rest = b"2026-01-01T00:00:11.000000002Z ne 11\n" + log(12, 12)
    assert texts(first.continued(Stretch(cursor).feed(rest), 0)) == numbers(11, 12)


def test_a_line_that_was_cut_but_is_whole_in_the_next_read_is_not_doubled() -> None:
    _, cursor = read(log(1, 10) + b"2026-01-01T00:00:11.000000001Z li")
    second = Stretch(cursor)
    assert texts(second.feed(log(6, 12))) == numbers(11, 12)
    assert not second.apart


def test_an_unfinished_line_before_an_empty_file_is_the_last_one() -> None:
    first, cursor = read(log(1, 10) + b"2026-01-01T00:00:11.000000001Z li")
    second = Stretch(cursor)
    assert second.finish(0) == []
    assert not second.joined
    assert second.begin() == []
    assert second.apart
    assert texts(first.continued([], 0)) == ["li"]


EXITED = (
    b"2026-01-01T00:00:11.000000001Z "
    b'time=2026-01-01T00:00:11.000Z level=INFO msg="sub-process exited" argo=true error="exit status 3"\n'
)


def test_lines_that_waited_for_the_end_come_before_those_of_a_newer_file() -> None:
    first, cursor = read(log(1, 10) + EXITED + log(12, 12))
    assert first.exited
    second = Stretch(cursor)
    assert texts(first.continued(second.feed(log(13, 13)), 3)) == numbers(12, 13)


def test_an_unfinished_line_comes_with_the_end() -> None:
    stretch = Stretch(START)
    assert texts(stretch.feed(log(1, 2, end=""))) == ["line 1"]
    assert texts(stretch.finish(0)) == ["line 2"]


def test_chunks_may_end_anywhere() -> None:
    whole = log(1, 3, end="")
    for at in range(len(whole)):
        stretch = Stretch(START)
        assert texts([*stretch.feed(whole[:at]), *stretch.feed(whole[at:])]) == numbers(1, 2)
        assert texts(stretch.continued([(b"", b"")], 0)) == ["line 3"]


def test_what_is_no_log_is_told() -> None:
    stretch = Stretch(START)
    assert stretch.feed(b"unable to retrieve container logs for c1\n") == []
    assert stretch.strange == "unable to retrieve container logs for c1"
