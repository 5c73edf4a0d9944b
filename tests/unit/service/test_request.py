from __future__ import annotations

import json

import pytest

from translator.service.request import Part, first_batch, grouped
from translator.store.kept import Kept


def kept(seq, *, lines=None, attempt=1):
    event = {"seq": seq} if lines is None else {"seq": seq, "lines": ["x"] * lines}
    return Kept(attempt, seq, json.dumps(event).encode())


def part(*entries):
    return Part(None, entries, [json.loads(each.text) for each in entries], more=False)


def seqs(entries, row_limit=10):
    batch, events = first_batch(entries, row_limit)
    assert [each.seq for each in batch] == [event["seq"] for event in events]
    return [each.seq for each in batch]


@pytest.mark.parametrize(
    ("entries", "batch"),
    [
        ([kept(1, lines=4), kept(2, lines=6), kept(3)], [1, 2]),
        ([kept(1, lines=4), kept(2, lines=5), kept(3), kept(4)], [1, 2, 3]),
        ([kept(1, lines=50), kept(2)], [1]),
        ([kept(1, lines=0)] * 11, [1] * 10),
        ([kept(1), kept(2), kept(1, attempt=2)], [1, 2]),
    ],
    ids=["rows", "a status is a row", "one over the limit", "no lines are a row", "one attempt"],
)
def test_a_batch_is_the_longest_beginning_within_the_limits(entries, batch):
    assert seqs(entries) == batch


def test_a_batch_is_no_larger_than_the_bytes_that_may_be_dropped_later(monkeypatch):
    size = len(kept(1).text)
    monkeypatch.setattr("translator.service.request.HEAD_BYTES", 2 * size)
    assert seqs([kept(1), kept(2), kept(3)]) == [1, 2]
    monkeypatch.setattr("translator.service.request.HEAD_BYTES", size - 1)
    assert seqs([kept(1), kept(2)]) == [1]


def test_a_part_knows_its_attempt_rows_and_bytes():
    entries = [kept(1, lines=3, attempt=2), kept(2, attempt=2)]
    assert (part(*entries).attempt, part(*entries).rows) == (2, 4)
    assert part(*entries).size == sum(len(each.text) for each in entries)


def test_parts_share_a_request_as_long_as_they_fit(monkeypatch):
    parts = [part(kept(1, lines=rows)) for rows in (4, 6, 1, 50, 2, 2)]

    def rows():
        return [[each.rows for each in group] for group in grouped(parts, 10)]

    assert rows() == [[4, 6], [1], [50], [2, 2]]
    monkeypatch.setattr("translator.service.request.HEAD_BYTES", 1)
    assert rows() == [[4], [6], [1], [50], [2], [2]]
    assert list(grouped([], 10)) == []
