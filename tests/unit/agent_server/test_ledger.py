from __future__ import annotations

import pytest

from translator.agent_server.ledger import Ledger


def event(seq, kind="status", **body):
    attempt = body.pop("attempt", 1)
    return {"taskId": "t", "agentId": "a", "attempt": attempt, "seq": seq, "time": "", "kind": kind, **body}


WHOLE = [
    event(1, phase="Pending"),
    event(2, phase="Running"),
    event(3, "step", name="s1", phase="Running"),
    event(4, "log", step="s1", lines=["one", "two"]),
    event(5, "gap", step="s1", why="rotated"),
    event(6, "step", name="s1", phase="Failed", exitCode=3),
    event(7, phase="Failed", steps=[{"name": "s1", "phase": "Failed"}, {"name": "s2", "phase": "Skipped"}]),
]


def messages(ledger):
    return [(violation.seq, violation.message) for violation in ledger.violations]


def test_a_whole_attempt_breaks_nothing():
    ledger = Ledger()
    assert ledger.take(WHOLE[:4]) == {("t", 1): 4}
    assert ledger.final("t", 1) is None
    assert ledger.take(WHOLE[4:]) == {("t", 1): 7}
    assert ledger.violations == []
    assert ledger.events("t", 1) == tuple(WHOLE)
    assert ledger.kept == WHOLE
    assert ledger.final("t", 1) == WHOLE[-1]


def test_repeats_are_borne_where_they_are_the_same():
    ledger = Ledger()
    ledger.take(WHOLE)
    assert ledger.take(WHOLE[3:]) == {("t", 1): 7}
    assert ledger.kept == WHOLE
    assert ledger.violations == []
    ledger.take([event(4, "log", step="s1", lines=["one"])])
    assert messages(ledger) == [(4, "repeated with other content")]
    assert str(ledger.violations[0]) == "t attempt 1 seq 4: repeated with other content"


def test_a_gap_in_seq_is_told_and_what_came_after_it_is_not_held():
    ledger = Ledger()
    assert ledger.take([WHOLE[1]]) == {("t", 1): 0}
    assert ledger.take([WHOLE[0], WHOLE[2]]) == {("t", 1): 1}
    assert messages(ledger) == [(2, "came where seq 1 was due"), (3, "came where seq 2 was due")]
    assert ledger.take(WHOLE) == {("t", 1): 7}


def test_nothing_may_follow_the_final_status():
    ledger = Ledger()
    ledger.take([*WHOLE, event(8, phase="Succeeded", steps=[]), event(9, "log", step="s1", lines=["x"])])
    assert messages(ledger) == [(8, "came after the final status"), (9, "came after the final status")]
    assert ledger.held("t", 1) == 7


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (None, ["is a final status without steps"]),
        ([], ["leaves out step s1"]),
        ([{"name": "s1", "phase": "Succeeded"}], ["says step s1 is Succeeded, its last event said Failed"]),
        (
            [{"name": "s1", "phase": "Failed"}, {"name": "s2", "phase": "Pending"}],
            ["leaves step s2 at Pending"],
        ),
    ],
)
def test_the_final_status_repeats_every_outcome(steps, expected):
    ledger = Ledger()
    final = {**WHOLE[6], "steps": steps}
    if steps is None:
        del final["steps"]
    ledger.take([*WHOLE[:6], final])
    assert messages(ledger) == [(7, message) for message in expected]
    assert ledger.held("t", 1) == 7


@pytest.mark.parametrize(
    ("next_event", "message"),
    [
        (event(7, "step", name="s1", phase="Running"), "step s1 went from Failed to Running"),
        (event(7, "alarm"), "is of unknown kind alarm"),
        ({**event(7, phase="Running"), "agentId": "b"}, "has agentId b, not a"),
    ],
)
def test_other_breaches_are_told(next_event, message):
    ledger = Ledger()
    ledger.take([*WHOLE[:6], next_event])
    assert messages(ledger) == [(7, message)]


def test_attempts_are_apart_and_the_log_is_the_last_ones():
    ledger = Ledger()
    second = [event(1, attempt=2, phase="Pending"), event(2, "log", attempt=2, step="s1", lines=["again"])]
    assert ledger.take([*second, *WHOLE]) == {("t", 2): 2, ("t", 1): 7}
    assert ledger.log("t---a") == {"taskId": "t", "agentId": "a", "lines": [{"step": "s1", "line": "again"}]}
    assert ledger.violations == []


def test_a_log_shows_its_gaps_where_they_are():
    ledger = Ledger()
    ledger.take(WHOLE)
    log = ledger.log("t---a")
    assert log is not None
    assert log["lines"] == [
        {"step": "s1", "line": "one"},
        {"step": "s1", "line": "two"},
        {"step": "s1", "gap": "rotated"},
    ]
    assert ledger.log("t---b") is None
    assert ledger.log("t") is None


def test_ids_may_hold_the_separator():
    ledger = Ledger()
    ledger.take([{**event(1, phase="Pending"), "taskId": "x---y", "agentId": "z"}])
    log = ledger.log("x---y---z")
    assert log is not None
    assert log["taskId"] == "x---y"
