from __future__ import annotations

import pytest

from translator.task.document import MAX_BYTES, decode
from translator.task.problem import Problem


@pytest.mark.parametrize("source", ["a: 名", "a: 名".encode(), "\ufeffa: 名", "\ufeffa: 名".encode()])
def test_text_without_its_byte_order_mark(source):
    assert decode(source) == "a: 名"


def test_the_limit_is_one_mebibyte_of_utf8():
    assert isinstance(decode("x" * MAX_BYTES), str)
    assert isinstance(decode("x" * MAX_BYTES + "x"), Problem)
    assert isinstance(decode("名" * (MAX_BYTES // 3 + 1)), Problem)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"])
def test_places_count_yamls_line_ends_and_characters(line_end):
    problem = decode(f"a{line_end}名字\x00")
    assert isinstance(problem, Problem)
    assert (problem.line, problem.column) == (2, 3)
