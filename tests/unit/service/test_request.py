from __future__ import annotations

import json
from dataclasses import replace

import pytest

from translator.service.request import ENVELOPE, SMALLEST, Part, RequestLimit, first_batch, grouped
from translator.store.kept import Kept
from translator.store.log_cap import HEAD_BYTES


def kept(seq, *, lines=None, attempt=1):
    event = {"seq": seq} if lines is None else {"seq": seq, "lines": ["x"] * lines}
    return Kept(attempt, seq, json.dumps(event).encode())


def part(*entries):
    return Part(None, entries, [json.loads(each.text) for each in entries], more=False)


def seqs(entries, row_limit=10, **limits):
    batch, events = first_batch(entries, row_limit, **limits)
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


def test_a_batch_is_no_larger_than_a_request_may_be():
    size = kept(1).size
    assert seqs([kept(1), kept(2), kept(3)], max_bytes=2 * size) == [1, 2]
    assert seqs([kept(1), kept(2)], max_bytes=size - 1) == [1]


def test_a_shorter_event_counts_for_as_much_as_the_stored_one():
    """What is dropped of a log that grows too large is decided by the stored ones."""
    short = replace(kept(1), whole=1000)
    assert seqs([short, kept(2)], max_bytes=1000) == [1]
    assert part(short).size == 1001


def test_a_part_knows_its_attempt_rows_and_bytes():
    entries = [kept(1, lines=3, attempt=2), kept(2, attempt=2)]
    assert (part(*entries).attempt, part(*entries).rows) == (2, 4)
    assert part(*entries).size == sum(len(each.text) + 1 for each in entries)


def test_parts_share_a_request_as_long_as_they_fit():
    parts = [part(kept(1, lines=rows)) for rows in (4, 6, 1, 50, 2, 2)]

    def rows(**limits):
        return [[each.rows for each in group] for group in grouped(parts, 10, **limits)]

    assert rows() == [[4, 6], [1], [50], [2, 2]]
    assert rows(max_bytes=1) == [[4], [6], [1], [50], [2], [2]]
    assert list(grouped([], 10)) == []


def test_after_a_refusal_as_too_large_requests_are_much_smaller():
    """What is stored meanwhile may be lost to agent-server, so the limit is found in one or two steps."""
    limit = RequestLimit(960_000)
    assert limit.events == 960_000 - ENVELOPE
    limit.refused(800_000)
    assert limit.events == 100_000 - ENVELOPE
    limit.refused(900_000)
    assert limit.events == 100_000 - ENVELOPE, "that was sent before"
    limit.refused(90_000)
    assert limit.events == SMALLEST - ENVELOPE
    limit.refused(20_000)
    assert limit.events == SMALLEST - ENVELOPE


def test_no_request_is_larger_than_what_stays_in_the_store_until_it_is_answered():
    assert RequestLimit(1 << 30).events == HEAD_BYTES - ENVELOPE
