"""An attempt goes on after what agent-server holds, whatever its Workflow has come to."""

from __future__ import annotations

import pytest

from tests.unit.observe.shapes import node, workflow
from translator.observe.event import Kind, Phase
from translator.observe.observation import LogEnd, LogLines, WorkflowRef
from translator.observe.recovery import GAP, TAKEN_UP, Found, resumed
from translator.observe.reducer import observe

NOW = "2026-11-23T22:01:00.000Z"
REF = WorkflowRef("jobs", "wf", "u-1")


def found(held=7, phase="", steps=("a", "b", "c")):
    return Found("t", "agent", 2, steps, held, phase)


def told(events):
    return [
        (event.seq, str(event.kind), event.body.get("phase") or event.body.get("why")) for event in events
    ]


def test_it_goes_on_with_a_status_that_says_why_and_a_gap_for_each_step_that_has_started():
    seen = workflow(node("a", "Succeeded", code=0), node("b"), node("c", "Pending"))
    state, events = resumed(found(), NOW, workflow=seen.object, ref=REF)
    assert told(events) == [
        (8, "status", "Running"),
        (9, "step", "Succeeded"),
        (10, "step", "Running"),
        (11, "gap", GAP),
        (12, "gap", GAP),
    ]
    assert events[0].body["message"] == TAKEN_UP
    assert events[0].body["workflow"] == {"namespace": "jobs", "name": "wf", "uid": "u-1"}
    assert [event.body.get("step") for event in events[3:]] == ["a", "b"]
    assert (state.seq, state.attempt, state.phase) == (12, 2, Phase.RUNNING)


def test_the_log_is_read_from_the_start_and_the_end_waits_for_it():
    seen = workflow(node("a", "Succeeded", code=0), phase="Succeeded")
    state, events = resumed(found(steps=("a",)), NOW, workflow=seen.object, ref=REF)
    assert not state.final
    assert not any(state.cursors.values())
    state, lines = observe(state, LogLines("a", ("one",), {"at": 1}), NOW)
    assert told(lines)[-1][1] == "log"
    state, last = observe(state, LogEnd("a"), NOW)
    assert told(last) == [(events[-1].seq + 2, "status", "Succeeded")]


def test_what_had_not_begun_begins_at_one_where_nothing_is_held():
    state, events = resumed(found(held=0), NOW, workflow=workflow(phase="").object, ref=REF)
    assert told(events) == [(1, "status", "Pending"), (2, "status", "Pending")]
    assert state.seq == 2


@pytest.mark.parametrize("phase", [str(phase) for phase in Phase if phase.final])
def test_nothing_follows_a_final_status_that_is_held(phase):
    seen = workflow(node("a", "Failed", "Error (exit code 3)", 3), phase="Failed")
    state, events = resumed(found(phase=phase), NOW, workflow=seen.object, ref=REF)
    assert events == []
    assert (state.phase, state.seq) == (Phase(phase), 7)
    assert state.step("a").exit_code == 3
    without, events = resumed(found(phase=phase), NOW)
    assert (without.phase, without.seq, events) == (Phase(phase), 7, [])


def test_a_deadline_that_was_enforced_before_the_loss_is_told_as_one():
    stopped = "workflow shutdown with strategy:  Terminate"
    seen = workflow(node("a", "Failed", stopped, 143), phase="Failed", shutdown="Terminate")
    for overdue, phase in ((True, "TimedOut"), (False, "Cancelled")):
        state, _ = resumed(
            found(steps=("a",)), NOW, workflow=seen.object, ref=REF, timeout="1h0m0s", overdue=overdue
        )
        _, last = observe(state, LogEnd("a"), NOW)
        assert told(last)[-1][2] == phase
        assert ("1h0m0s" in last[-1].body["message"]) is overdue


def test_without_a_workflow_nothing_is_said_but_the_place_is_kept():
    state, events = resumed(found(), NOW)
    assert (events, state.seq, state.phase) == ([], 7, Phase.PENDING)


def test_every_event_is_of_the_next_place_and_kind_known():
    seen = workflow(
        node("a", "Succeeded", code=0), node("b", "Failed", "Error (exit code 1)", 1), phase="Failed"
    )
    _, events = resumed(found(held=100), NOW, workflow=seen.object, ref=REF)
    assert [event.seq for event in events] == list(range(101, 101 + len(events)))
    assert {event.kind for event in events} <= set(Kind)
