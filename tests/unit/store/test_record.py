from __future__ import annotations

import pytest

from translator.store.record import backlog_of, parse_place, unheld_of


@pytest.mark.parametrize(
    ("acked", "attempt", "seq", "ends", "backlog"),
    [
        ((0, 0), 1, 5, [], 5),
        ((1, 2), 1, 5, [], 3),
        ((1, 5), 1, 5, [], 0),
        ((1, 5), 2, 3, [7], 5),
        ((0, 0), 3, 1, [7, 4], 12),
        ((3, 1), 3, 1, [7, 4], 0),
    ],
)
def test_the_backlog_counts_all_attempts(acked, attempt, seq, ends, backlog):
    assert backlog_of(acked, unheld_of(acked, attempt, seq, ends)) == backlog


def test_attempts_that_are_not_held_have_their_last_seq():
    assert unheld_of((0, 0), 3, 1, [7, 4]) == {1: 7, 2: 4, 3: 1}
    assert unheld_of((2, 3), 3, 1, [7, 4]) == {2: 4, 3: 1}
    assert unheld_of((2, 4), 3, 1, [7, 4]) == {3: 1}
    assert unheld_of((3, 1), 3, 1, [7, 4]) == {}


@pytest.mark.parametrize("text", ["", "1", "1-", "-1", "a-1", "1-x", "1-²", "1" * 25 + "-1"])
def test_what_is_no_place_is_refused(text):
    with pytest.raises(ValueError, match="attempt"):
        parse_place(text)
