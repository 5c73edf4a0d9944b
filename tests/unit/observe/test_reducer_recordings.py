"""The reducer over every recording of a real Argo: what a person would say happened, whatever the version."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
import yaml

from tests.unit.observe.replay import (
    CUT,
    NOW,
    WHOLE,
    Recording,
    brief,
    latest,
    outcomes,
    recordings,
    run,
    stored,
)
from translator.observe.event import Event, Kind
from translator.observe.observation import LogEnd, Observation, PodSeen, Verdict, WorkflowGone, WorkflowSeen
from translator.observe.reducer import begin, observe

EXPECTED = yaml.safe_load(Path(__file__).with_name("expected.yaml").read_text(encoding="utf-8"))

OWN = [one for one in recordings(CUT) if not (WHOLE / one.version / one.scenario).is_dir()]
"""Recorded for these tests (`tests.e2e.record`); the others are excerpts of those under WHOLE."""

KEPT = [*recordings(WHOLE), *OWN]


def expected(recording: Recording) -> dict:
    return EXPECTED.get(f"{recording.version}/{recording.scenario}") or EXPECTED[recording.scenario]


def stream(recording: Recording, watched: list[Observation] | None = None) -> list[Observation]:
    """The recording, or these of its watch events; where Argo did not end it, the service's verdict."""
    verdict = expected(recording).get("verdict")
    followed = recording.followed(recording.watched() if watched is None else watched)
    return [*followed, *([Verdict(**verdict, ended=True)] if verdict else [])]


def told(events: list[Event]) -> tuple[str, str, list[str]]:
    last = events[-1]
    return brief(last), last.body.get("message", ""), outcomes(last)


def name(recording: Recording) -> str:
    root = "cut" if recording.folder.is_relative_to(CUT) else "whole"
    return f"{root}-{recording.version}-{recording.scenario}"


every = pytest.mark.parametrize("recording", KEPT, ids=name)


@pytest.mark.skipif(not WHOLE.is_dir(), reason=f"{WHOLE} is not here: only the excerpts of it are tested")
def test_every_recording_is_expected_and_none_is_expected_in_vain():
    kept = [*recordings(WHOLE), *OWN]
    assert len(kept) >= 33 + 21
    for recording in kept:
        assert expected(recording)
    names = {one.scenario for one in kept} | {f"{one.version}/{one.scenario}" for one in kept}
    assert set(EXPECTED) <= names


@pytest.mark.parametrize(
    "recording", {one.folder: one for one in [*KEPT, *recordings(CUT)]}.values(), ids=name
)
def test_events_are_those_written_down(recording):
    want = expected(recording)
    state, events = run(recording.steps(), stream(recording))
    assert [brief(event) for event in events if event.kind is not Kind.LOG] == want["events"]
    assert outcomes(events[-1]) == want["steps"]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert state.final


@every
def test_every_observation_twice_tells_nothing_twice(recording):
    once = run(recording.steps(), stream(recording))
    twice = run(recording.steps(), [seen for one in stream(recording) for seen in (one, one)])
    assert twice == once


@every
def test_stored_and_taken_up_again_at_every_position(recording):
    want, events = run(recording.steps(), stream(recording))
    state, again = begin("task", "agent", 1, recording.steps(), NOW)
    for seen in stream(recording):
        state, more = observe(stored(state), seen, NOW)
        again += more
    assert again == events
    assert stored(state) == want


@every
def test_cut_at_every_position_and_everything_listed_anew(recording):
    watched = recording.watched()
    _, events = run(recording.steps(), stream(recording))
    for cut in range(0, len(watched), 1 if len(watched) < 60 else 9):
        state, before = run(recording.steps(), recording.followed(watched[:cut]))
        _, after = resumed(stored(state), stream(recording, [*latest(watched[:cut]), *watched[cut:]]))
        assert told(before + after) in (told(events), pods_first(recording, events))
        assert [event.seq for event in before + after] == list(range(1, len(before + after) + 1))
        assert lines(before + after) == lines(events)


@every
@pytest.mark.parametrize("seed", range(3))
def test_drops_followed_by_a_list(recording, seed):
    chance = random.Random(f"{recording.scenario}{seed}")
    watched = recording.watched()
    kept = [
        one for one in watched if one in first_of_pods(watched) or chance.random() < (0.2, 0.5, 0.8)[seed]
    ]
    _, events = run(recording.steps(), stream(recording, [*kept, *latest(watched)]))
    _, whole = run(recording.steps(), stream(recording))
    assert without_what_only_the_lost_told(told(events)) in [
        without_what_only_the_lost_told(one) for one in (told(whole), pods_first(recording, whole))
    ]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert lines(events) == lines(whole)


@every
def test_workflow_objects_alone_tell_how_it_ended(recording):
    workflows = [one for one in recording.watched() if isinstance(one, WorkflowSeen | WorkflowGone)]
    _, events = run(recording.steps(), [*stream(recording, workflows), *map(LogEnd, recording.steps())])
    _, whole = run(recording.steps(), stream(recording))
    assert brief(events[-1]).split(" ")[:2] == brief(whole[-1]).split(" ")[:2]
    ended = [one.split(" ")[:2] for one in outcomes(events[-1])]
    for one, step in zip(outcomes(whole[-1]), ended, strict=True):
        # of a step that was ended on its way Argo itself does not say whether its process had started
        stopped = one.endswith("Terminated") and step[1] == "Skipped"
        assert step == one.split(" ")[:2] or stopped


@every
def test_pods_tell_the_steps_where_argo_keeps_the_nodes_elsewhere(recording):
    seen = [offloaded(one) for one in stream(recording)]
    # without its nodes, nothing tells that a Workflow has ended which Argo 3.6 leaves Running
    seen.append(Verdict("TimedOut", "TaskDeadlineExceeded", "it was given up", ended=True))
    _, events = run(recording.steps(), seen)
    wanted = expected(recording)
    want = wanted.get("offloaded", {}).get(recording.version, wanted.get("pods_first", wanted["steps"]))
    assert outcomes(events[-1]) == want


@every
def test_nothing_follows_the_final_status(recording):
    state, _ = run(recording.steps(), stream(recording))
    for seen in (*stream(recording), Verdict("Cancelled", "Revoked", "too late", ended=True)):
        assert observe(state, seen, NOW) == (state, [])


@every
@pytest.mark.parametrize(
    ("phase", "reason"), [("Cancelled", "Revoked"), ("TimedOut", "TaskDeadlineExceeded")]
)
def test_an_order_counts_where_argo_acted_on_it_and_nowhere_else(recording, phase, reason):
    if expected(recording).get("verdict"):
        pytest.skip("Argo did not end it")
    seen = stream(recording)
    _, without = run(recording.steps(), seen)
    state, events = run(recording.steps(), [Verdict(phase, reason, "it was decided"), *seen])
    last, own = events[-1].body, without[-1].body
    assert [step["name"] for step in last["steps"]] == recording.steps()
    assert state.final
    if own["phase"] not in ("Cancelled", "TimedOut") and own.get("reason") != "WorkflowDeleted":
        assert (last["phase"], last.get("reason")) == (own["phase"], own.get("reason"))
        return
    assert (last["phase"], last["reason"]) == (phase, reason)
    words, _, where = last["message"].partition("; step ")
    assert words == "it was decided"
    assert bool(where) == (phase == "TimedOut" and recording.scenario != "on-exit-terminated")


@pytest.mark.parametrize(
    ("scenario", "ended"),
    [
        ("terminated-too-late", "status Succeeded"),
        ("terminated-too-late-for-a-failure", "status Failed StepFailed"),
    ],
)
@pytest.mark.parametrize("late", [True, False])
def test_an_order_that_comes_after_the_last_process_ended_overrules_nothing(scenario, ended, late):
    """Argo stops a pod whose own process has ended: told of the order in its order, we know better."""
    recording = Recording(CUT / "4.1" / scenario)
    seen = recording.followed(recording.watched())
    at = next(at for at, one in enumerate(seen) if is_stopped(one))
    begun = next(at for at, one in enumerate(seen) if isinstance(one, LogEnd)) if not late else at
    order = Verdict("Cancelled", "Revoked", "revoked")
    _, events = run(recording.steps(), [*seen[:begun], order, *seen[begun:]])
    assert brief(events[-1]) == (ended if late else "status Cancelled Revoked")


def is_stopped(seen: Observation) -> bool:
    return isinstance(seen, WorkflowSeen) and "shutdown" in seen.object["spec"]


def first_of_pods(watched: list[Observation]) -> list[Observation]:
    """An engine tells a pod that exists before it tells what became of its Workflow."""
    pods = {one.object["metadata"]["name"]: one for one in reversed(watched) if isinstance(one, PodSeen)}
    return list(pods.values())


def resumed(state, seen):
    events = []
    for one in seen:
        state, more = observe(state, one, NOW)
        events += more
    return state, events


def pods_first(recording: Recording, events: list[Event]) -> tuple[str, str, list[str]]:
    """How it may end where the pods are told first."""
    ended, words, steps = told(events)
    return ended, words, expected(recording).get("pods_first", steps)


def lines(events):
    return {event.body["step"]: event.body["lines"] for event in events if event.kind is Kind.LOG}


def offloaded(seen: Observation) -> Observation:
    if not isinstance(seen, WorkflowSeen):
        return seen
    status = {k: v for k, v in seen.object.get("status", {}).items() if k not in ("nodes", "compressedNodes")}
    return WorkflowSeen({**seen.object, "status": {**status, "offloadNodeStatusVersion": "fnv:1"}})


def without_what_only_the_lost_told(last: tuple[str, str, list[str]]) -> object:
    """Leave out why a step could not start: its pod told it while it waited, and nothing else does."""
    found = [
        re.sub("ImagePullFailed|Unschedulable|StartTimeout", "NotStarted", one) for one in (last[0], *last[2])
    ]
    return found, last[1] if found == [last[0], *last[2]] else ""


def _renamed(seen: Observation, called: dict[str, str]) -> Observation:
    """The Workflow as it is where its steps' names were made: it alone says what a person calls them."""
    if not isinstance(seen, WorkflowSeen):
        return seen
    metadata = seen.object["metadata"]
    annotations = {**(metadata.get("annotations") or {}), "codo.dev/step-names": json.dumps(called)}
    return WorkflowSeen({**seen.object, "metadata": {**metadata, "annotations": annotations}})


def _without_words(events: list[Event], called: dict[str, str]) -> list[dict]:
    """The events with the steps by a person's names, without the messages, in which they stand too."""
    found = []
    for event in events:
        body = {key: value for key, value in event.body.items() if key != "message"}
        for key in ("step", "name"):
            if key in body:
                body[key] = called.get(body[key], body[key])
        if "steps" in body:
            body["steps"] = [
                {k: called.get(v, v) if k == "name" else v for k, v in step.items() if k != "message"}
                for step in body["steps"]
            ]
        found.append({"kind": str(event.kind), "seq": event.seq, **body})
    return found


@pytest.mark.parametrize("recording", OWN, ids=name)
def test_steps_are_told_by_the_names_that_a_person_gave_them(recording: Recording):
    called = {step: f"步骤 {step}" for step in recording.steps()}
    plain = run(recording.steps(), stream(recording))
    seen = [_renamed(each, called) for each in stream(recording)]
    state, events = run(list(called.values()), seen)
    assert _without_words(events, {}) == _without_words(plain[1], called)
    assert [called[step.name] for step in plain[0].steps] == [step.name for step in state.steps]
    assert state.cursors_in_workflow == plain[0].cursors
    assert stored(state) == state
