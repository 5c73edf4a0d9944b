from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.task.path import format_path, parse_path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("taskSpec", "steps", 0, "image"), "taskSpec.steps[0].image"),
        (("nodeSelector", "kubernetes.io/os"), 'nodeSelector["kubernetes.io/os"]'),
        (("a", 'q"]', 1, "b"), 'a["q\\"]"][1].b'),
        (("名",), '["名"]'),
    ],
)
def test_paths_as_text(path, text):
    assert format_path(path) == text
    assert parse_path(text) == path


@given(st.lists(st.text(max_size=8) | st.integers(0, 10_000)).map(tuple))
def test_every_path_comes_back(path):
    assert parse_path(format_path(path)) == path


@given(st.text())
def test_any_text_is_read_as_far_as_it_goes(text):
    assert isinstance(parse_path(text), tuple)


def test_a_key_longer_than_any_legal_one_is_cut():
    assert len(format_path(("x" * 100_000,))) < 400
