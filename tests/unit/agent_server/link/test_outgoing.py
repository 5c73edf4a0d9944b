from __future__ import annotations

import json

import pytest

from tests.unit.agent_server.link.frames import event, log
from translator.agent_server.link.actions import Declined, Settled
from translator.agent_server.link.outgoing import Outgoing
from translator.errors import PermanentError


@pytest.fixture
def outgoing():
    made = Outgoing(10)
    made.allow(10, 100, 100_000)
    return made


def going(outgoing, now=0.0):
    """What goes now: (task, seqs) of each frame."""
    frames = []
    while text := outgoing.next_frame(now):
        events = json.loads(text)["events"]
        frames.append((events[0]["taskId"], [each["seq"] for each in events]))
    return frames


def test_one_frame_of_an_attempt_is_under_way_at_a_time(outgoing):
    outgoing.add(1, [log(1), log(2)])
    assert going(outgoing) == [("t", [1, 2])]
    outgoing.add(2, [log(3)])
    assert going(outgoing) == []
    assert outgoing.held({("t", 1): 2}) == [Settled(1, {("t", 1): 2})]
    assert going(outgoing) == [("t", [3])]


def test_a_frame_has_so_many_lines(outgoing):
    outgoing.add(1, [log(1, *"xxxx"), event(2), log(3, *"xxxxx"), log(4, *["x"] * 50), log(5)])
    frames = []
    for _ in range(3):
        frames += going(outgoing)
        outgoing.held({("t", 1): frames[-1][1][-1]})
    assert frames == [("t", [1, 2, 3]), ("t", [4]), ("t", [5])]


@pytest.mark.parametrize(("events", "size"), [(3, 100_000), (100, 3 * len(json.dumps(log(1))))])
def test_the_window_is_what_may_be_under_way(outgoing, events, size):
    outgoing.allow(10, events, size)
    for number in range(5):
        outgoing.add(number, [log(1, task=f"t{number}")])
    assert going(outgoing) == [("t0", [1]), ("t1", [1]), ("t2", [1])]
    outgoing.held({("t1", 1): 1})
    assert going(outgoing) == [("t3", [1])]


def test_what_is_bigger_than_the_window_goes_alone(outgoing):
    outgoing.allow(10, 100, 50)
    outgoing.add(1, [log(1, "x" * 100), log(2)])
    outgoing.add(2, [log(1, task="u")])
    assert going(outgoing) == [("t", [1, 2])]
    outgoing.held({("t", 1): 2})
    assert going(outgoing) == [("u", [1])]


def test_statuses_do_not_wait_behind_anothers_logs(outgoing):
    outgoing.allow(10, 1, 100_000)
    for task in ("t", "u"):
        outgoing.add(task == "t", [log(1, task=task), log(2, task=task)])
    going(outgoing)
    outgoing.add(3, [event(1, task="v", phase="Pending")])
    outgoing.held({("t", 1): 1})
    assert going(outgoing) == [("v", [1])]


def test_attempts_take_turns(outgoing):
    outgoing.allow(1, 1, 100_000)
    for number, task in enumerate(("t", "u")):
        outgoing.add(number, [log(seq, task=task) for seq in (1, 2)])
    order = []
    for _ in range(4):
        order += going(outgoing)
        task, seqs = order[-1]
        outgoing.held({(task, 1): seqs[-1]})
    assert order == [("t", [1]), ("u", [1]), ("t", [2]), ("u", [2])]


def test_an_offer_of_many_attempts_is_settled_when_all_are_held(outgoing):
    outgoing.add(1, [log(1), log(1, task="u")])
    going(outgoing)
    assert outgoing.held({("t", 1): 1}) == []
    assert outgoing.held({("u", 1): 1}) == [Settled(1, {("t", 1): 1, ("u", 1): 1})]
    assert outgoing.kept == 0


def test_a_part_that_is_held_is_not_sent_again(outgoing):
    outgoing.add(1, [log(seq) for seq in (1, 2, 3)])
    going(outgoing)
    assert outgoing.held({("t", 1): 2}) == []
    assert going(outgoing) == [], "the frame is not answered yet"
    outgoing.rewind()
    assert outgoing.open() == {("t", 1): 3}
    assert going(outgoing) == [("t", [3])]


def test_what_is_held_already_does_not_go_at_all(outgoing):
    outgoing.add(1, [log(1), log(2)])
    assert outgoing.held({("t", 1): 2, ("unheard", 1): 9}) == [Settled(1, {("t", 1): 2})]
    assert going(outgoing) == []


def test_what_was_under_way_goes_again_in_order(outgoing):
    outgoing.add(1, [log(1), log(2)])
    going(outgoing)
    outgoing.add(2, [log(3)])
    outgoing.rewind()
    assert outgoing.in_flight == (0, 0)
    assert going(outgoing) == [("t", [1, 2, 3])]


def test_a_refusal_fails_every_offer_of_the_attempt_and_no_other(outgoing):
    outgoing.add(1, [log(1), log(1, task="u")])
    outgoing.add(2, [log(2)])
    outgoing.add(3, [log(2, task="u")])
    going(outgoing)
    assert outgoing.refuse(("t", 1), "no", "why", 1.0) == [
        Declined(1, ("t", 1), "no", "why", 1.0),
        Declined(2, ("t", 1), "no", "why", 1.0),
    ]
    assert outgoing.refuse(("t", 1), "no", "why", 1.0) == [], "nothing is under way"
    assert outgoing.kept == 1
    assert outgoing.held({("u", 1): 2}) == [Settled(3, {("u", 1): 2})]


def test_a_withdrawn_offer_is_forgotten_but_its_frame_is_waited_for(outgoing):
    outgoing.add(1, [log(1), log(2)])
    going(outgoing, now=5.0)
    outgoing.withdraw(1)
    outgoing.withdraw(1)
    assert outgoing.kept == 0
    assert outgoing.in_flight[0] == 2
    assert outgoing.since() == 5.0
    outgoing.add(2, [log(1), log(2), log(3)])
    assert going(outgoing) == []
    assert outgoing.held({("t", 1): 2}) == []
    assert going(outgoing) == [("t", [3])]
    assert outgoing.held({("t", 1): 3}) == [Settled(2, {("t", 1): 3})]
    assert outgoing.since() is None


def test_a_withdrawn_offer_does_not_go_again(outgoing):
    outgoing.add(1, [log(1)])
    going(outgoing)
    outgoing.withdraw(1)
    outgoing.rewind()
    assert (outgoing.open(), outgoing.kept, going(outgoing)) == ({}, 0, [])


def test_an_event_that_fits_into_no_frame_is_refused_and_leaves_nothing(outgoing, monkeypatch):
    monkeypatch.setattr("translator.agent_server.link.outgoing.MAX_FRAME", 2000)
    with pytest.raises(PermanentError, match="event 2 of task t has"):
        outgoing.add(1, [log(1), log(2, "x" * 2000)])
    assert (outgoing.kept, going(outgoing)) == (0, [])
