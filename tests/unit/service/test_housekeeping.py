from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.service.housekeeping import water_level


@pytest.mark.parametrize(
    ("sizes", "room", "level"),
    [
        pytest.param([], 10, 0, id="nothing"),
        pytest.param([1, 2, 3], 10, 3, id="all fit"),
        pytest.param([10, 10], 10, 5, id="equal shares"),
        pytest.param([1, 100, 100], 21, 10, id="the small keep what they have"),
        pytest.param([5], 0, 0, id="no room"),
    ],
)
def test_the_largest_are_cut_to_one_level(sizes, room, level):
    assert water_level(sizes, room) == level


@given(st.lists(st.integers(0, 10**9), max_size=20), st.integers(0, 10**10))
def test_what_is_cut_fits_and_wastes_little(sizes, room):
    level = water_level(sizes, room)
    kept = sum(min(size, level) for size in sizes)
    assert kept <= room
    assert kept == sum(sizes) or kept > room - max(1, len(sizes))
