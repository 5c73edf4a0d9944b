from __future__ import annotations

import pytest

from translator.store.record import backlog_of, parse_place


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
    assert backlog_of(acked, attempt, seq, ends) == backlog


@pytest.mark.parametrize("text", ["", "1", "1-", "-1", "a-1", "1-x", "1-²", "1" * 25 + "-1"])
def test_what_is_no_place_is_refused(text):
    with pytest.raises(ValueError, match="attempt"):
        parse_place(text)
