"""What is dropped of the logs, and what agent-server and the API then see."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import pytest

from tests.integration.store.samples import accepted, event, seqs, state
from translator.agent_server.desk import Told
from translator.agent_server.log_pages import Cursor, read_log
from translator.observe.event import Kind, Phase
from translator.store.kept import DROPPED
from translator.store.store import Store

LINE = "x" * 1000


@pytest.fixture
def store(redis):
    """Keeps 20 kB of held log, and 200 kB of any."""
    return Store(redis, shards=4, keep_s=60, keep_bytes=20_000, spill_bytes=200_000)


def log(seq, step="a"):
    return replace(event("t1", seq), body={"step": step, "lines": [LINE, "end"]})


def told(seq, step="a"):
    return replace(event("t1", seq), kind=Kind.STEP, body={"name": step, "phase": "Running"})


async def grow(store, record, events):
    return await store.append(record, state("t1", events[-1].seq), events)


async def outbox(store):
    """All of it, acknowledged part by part as the deliverer does."""
    found, place = [], None
    while kept := await store.outbox("t1", 128):
        assert kept[0].place != place
        found += [json.loads(each.text) for each in kept]
        place = kept[-1].place
        await store.acknowledge("t1", *place)
    return found


async def history(store):
    found, place = [], (0, 0)
    while kept := await store.events("t1", place, 50):
        found += [json.loads(each.text) for each in kept]
        place = kept[-1].place
    return found


async def test_what_agent_server_holds_is_dropped_beyond_the_cap_and_shown_as_one_gap(store):
    record = await grow(store, await accepted(store), [log(seq) for seq in range(2, 102)])
    assert len(await history(store)) == 101, "nothing is dropped that agent-server does not hold"
    await store.acknowledge("t1", 1, 101)
    record = await grow(store, record, [log(102)])
    await grow(store, record, [log(103)])

    told = await history(store)
    [gap] = [each for each in told if each["kind"] == "gap"]
    first = told.index(gap)
    # the first event of all is a log of another size, but a log
    assert gap == {
        "taskId": "t1", "agentId": "agent", "attempt": 1, "seq": 1, "time": event("t1", 1).time,
        "kind": "gap", "step": "a", "why": DROPPED, "missing": gap["missing"],
    }  # fmt: skip
    kept = told[first + 1 :]
    assert 15 < len(kept) < 20
    assert [each["seq"] for each in kept] == list(range(104 - len(kept), 104))
    assert gap["missing"] == 1 + 2 * (102 - len(kept))
    assert seqs(await store.outbox("t1", 10)) == [(1, 102), (1, 103)]


async def test_a_long_absence_costs_the_oldest_lines_and_no_status(store):
    record = await accepted(store)
    events = [
        told(2),
        *(log(seq) for seq in range(3, 303)),
        told(303),
        *(log(seq, "b") for seq in range(304, 604)),
    ]
    for start in range(0, len(events), 50):
        record = await grow(store, record, events[start : start + 50])
    got = await outbox(store)

    assert [each["seq"] for each in got] == list(range(1, 604))
    assert [each["name"] for each in got if each["kind"] == "step"] == ["a", "a"]
    gaps = [each for each in got if each["kind"] == "gap"]
    assert [gap["step"] for gap in gaps] == ["a", "b"]
    lines = sum(len(each["lines"]) for each in got if each["kind"] == "log")
    assert lines + sum(gap["missing"] for gap in gaps) == 1 + 600 * 2
    assert 0 < lines * 1010 / 2 < 200_000 + 130_000


@pytest.mark.parametrize("limit", [3_000, 30_000, 150_000])
async def test_however_small_the_limit_the_newest_lines_stay(store, limit):
    """As where many tasks share the limit for all of them: what one request may hold is over their share."""
    events = [told(2), *(log(seq) for seq in range(3, 600)), told(600)]
    record = await grow(store, await accepted(store), events)
    size = await store.shrink("t1", keep=limit, spill=limit)
    assert await store.shrink("t1", keep=limit, spill=limit) == size, "what is small enough stays as it is"
    assert size < max(limit, 128 * 1200) + min(limit, 64 * 1024) + 1200
    got = await outbox(store)

    assert [each["seq"] for each in got] == list(range(1, record.state.seq + 1))
    assert [each["seq"] for each in got if each["kind"] == "step"] == [2, 600]
    [gap] = [each for each in got if each["kind"] == "gap"]
    whole = [each["seq"] for each in got if each.get("lines")]
    first, last = [seq for seq in whole if seq < gap["seq"]], [seq for seq in whole if seq > gap["seq"]]
    assert first == [1, *range(3, 129)], "what was perhaps sent"
    assert last == list(range(600 - len(last), 600)), "the newest"
    assert len(last) >= min(limit, 64 * 1024) // 1300
    assert gap["missing"] == 2 * (last[0] - gap["seq"])


async def test_what_was_perhaps_sent_never_changes(store):
    record = await grow(store, await accepted(store), [log(seq) for seq in range(2, 190)])
    before = [each.text for each in await store.outbox("t1", 128)]
    for start in range(190, 1000, 90):
        record = await grow(store, record, [log(seq) for seq in range(start, start + 90)])
        assert [each.text for each in await store.outbox("t1", 128)] == before


@pytest.mark.parametrize("step", [1, 3, 40, 128])
async def test_repeats_are_the_same_wherever_the_outbox_stands(store, step):
    """Growing and acknowledging in turn: an event once read from the outbox is never read otherwise."""
    record = await accepted(store)
    seen, seq, held = {}, 1, 0
    for turn in range(25):
        record = await grow(store, record, [log(seq + n, "ab"[turn // 6 % 2]) for n in range(1, 41)])
        seq += 40
        batch = await store.outbox("t1", 128)
        for kept in batch:
            assert seen.setdefault(kept.seq, kept.text) == kept.text
        assert [kept.seq for kept in batch] == list(range(held + 1, held + 1 + len(batch)))
        held = batch[min(step, len(batch)) - 1].seq
        await store.acknowledge("t1", 1, held)


async def test_the_history_of_a_closed_task_shrinks_to_the_cap(store):
    record = await grow(store, await accepted(store), [log(seq) for seq in range(2, 102)])
    assert await store.shrink("t1") > 90_000
    await store.append(record, replace(state("t1", 102), phase=Phase.ERROR), [told(102)])
    await store.acknowledge("t1", 1, 102)
    assert await store.shrink("t1") <= 20_000
    assert [each["kind"] for each in await history(store)][:2] == ["gap", "log"]


class Shelf:
    """What the API reads events by."""

    def __init__(self, store):
        self._store = store

    async def events(self, task_id, after, limit):
        kept = await self._store.events(task_id, after, limit)
        return [Told(json.loads(each.text), each.place, each.is_gap) for each in kept]


class Reader:
    """Reads a log page by page, and checks that its numbered lines are those that were written."""

    def __init__(self, store, step, counted=True):
        self._shelf, self._step = Shelf(store), step
        self._at = Cursor.start(1) if counted else Cursor((1, 0))
        self.read, self.missing, self.gaps = 0, 0, []
        self.expected = {"a": 0, "b": 0}

    async def page(self, limit):
        page = await read_log(self._shelf, "t1", self._at, limit, self._step)
        assert len(page.rows) <= limit
        for row in page.rows:
            if "gap" in row:
                self.gaps.append(row)
                self.missing += row.get("missing", 0)
                self.expected[row["step"]] += row.get("missing", 0)
            else:
                self.read += 1
                number = int(row["line"]) if row["line"].isdecimal() else 0
                if all("missing" in gap for gap in self.gaps):
                    assert number == self.expected[row["step"]]
                self.expected[row["step"]] = number + 1
        self._at = Cursor.parse(page.after.text())
        return page.exhausted


@pytest.mark.parametrize("seed", range(6))
async def test_a_reader_who_is_overtaken_is_told_how_many_lines_it_lacks(store, seed):
    random = Random(seed)
    record = await accepted(store)
    readers = [Reader(store, step) for step in ("", "a", "b")]
    uncounted = Reader(store, "", counted=False)
    written, seq = {"a": 1, "b": 0}, 1  # the first event of all is a line
    await store.acknowledge("t1", 1, 1)
    for step in "aaaaaaaaaaaabbbbbbbb":
        events = [told(seq := seq + 1, step)]
        for _ in range(random.randint(1, 40)):
            lines = [
                f"{number:0400}" for number in range(written[step], written[step] + random.randint(1, 7))
            ]
            written[step] += len(lines)
            events.append(replace(event("t1", seq := seq + 1), body={"step": step, "lines": lines}))
        record = await grow(store, record, events)
        await store.acknowledge("t1", 1, random.randint(seq - 30, seq))
        await store.shrink("t1", keep=20_000, spill=200_000)
        for reader in (*readers, uncounted):
            if random.random() < 0.5:
                await reader.page(random.choice([1, 3, 50]))
    for reader in (*readers, uncounted):
        while not await reader.page(random.choice([1, 3, 50])):
            pass
    assert [(reader.read + reader.missing) for reader in readers] == [
        written["a"] + written["b"],
        written["a"],
        written["b"],
    ]
    assert any(reader.gaps for reader in readers)
    assert uncounted.gaps


async def test_a_reader_in_the_midst_of_an_event_that_is_dropped_is_told(store):
    """The row of the gap was left out, as one of the event's own that had been read."""
    record = await grow(store, await accepted(store), [log(seq) for seq in range(2, 60)])
    half = (await read_log(Shelf(store), "t1", Cursor.start(1), 4, "")).after
    assert half.text() == "1-2-1-3"
    await store.acknowledge("t1", 1, 59)
    await grow(store, record, [log(60)])
    page = await read_log(Shelf(store), "t1", half, 1, "")
    kept = len([each for each in await history(store) if each["kind"] == "log"])
    assert list(page.rows) == [{"step": "a", "gap": DROPPED, "missing": 1 + 2 * (59 - kept) - 4}]
    # one that does not know how far it was says no number
    page = await read_log(Shelf(store), "t1", Cursor((1, 2), 1), 1, "")
    assert list(page.rows) == [{"step": "a", "gap": DROPPED}]
