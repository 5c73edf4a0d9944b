from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.observe.lines import CUT, Lines, text


@given(data=st.binary(), cuts=st.lists(st.integers(0, 200)))
def test_whatever_the_chunks_the_lines_are_the_same(data, cuts):
    lines = Lines()
    got: list[bytes] = []
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    for start, stop in itertools.pairwise(edges):
        got += lines.feed(data[start:stop])
    got += lines.end()
    want = data.split(b"\n")
    assert got == (want[:-1] if want[-1] == b"" else want)


def test_a_carriage_return_is_text():
    assert Lines().feed(b"10%\r20%\r\n") == [b"10%\r20%\r"]


def test_the_end_comes_once():
    lines = Lines()
    assert lines.feed(b"a\n\nb") == [b"a", b""]
    assert lines.end() == [b"b"]
    assert lines.end() == []


def test_a_line_without_end_is_cut_and_memory_stays_bounded():
    lines = Lines(longest=10)
    got = lines.feed(b"x" * 25)
    assert got == [b"x" * 10 + CUT.encode()] * 2
    assert lines.feed(b"yy\nz\n") == [b"xxxxxyy", b"z"]


@given(word=st.text(alphabet="aé漢🙂", max_size=60), longest=st.integers(4, 12))
def test_no_character_is_cut(word, longest):
    lines = Lines(longest=longest)
    pieces = [*lines.feed(word.encode()), *lines.end()]
    *cut, last = [piece.decode("utf-8") for piece in pieces] or [""]
    assert all(piece.endswith(CUT) for piece in cut)
    whole = [*(piece.removesuffix(CUT) for piece in cut), last]
    assert "".join(whole) == word
    assert all(len(piece.encode()) <= longest for piece in whole)


def test_bytes_that_are_no_utf8_are_still_cut():
    lines = Lines(longest=4)
    assert lines.feed(b"\x80" * 9 + b"\n") == [b"\x80" * 4 + CUT.encode()] * 2 + [b"\x80"]


@pytest.mark.parametrize(
    ("line", "want"),
    [
        (b"caf\xc3\xa9", "café"),
        (b"bad \xff\xfe bytes", r"bad \xff\xfe bytes"),
        (b"\xf0\x9f\x99", r"\xf0\x9f\x99"),
        (b"", ""),
        (b"nul \x00", "nul \x00"),
    ],
)
def test_text(line, want):
    assert text(line) == want
