from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.agent_server.link.frames import check_event
from translator.observe.event import NOT_SENT, encode, fitted

IDS = {"taskId": "t1", "agentId": "a1", "attempt": 1, "seq": 5, "time": "2026-01-01T00:00:00Z"}


def final(steps, message="", told="m"):
    rows = [
        {"name": f"step {n}", "phase": "Failed", "exitCode": 1, "reason": "StepFailed", "remedy": "r" * 90,
         "message": told, "startedAt": "2026-01-01T00:00:00Z", "pod": "p" * 63}
        for n in range(steps)
    ]  # fmt: skip
    status = {"kind": "status", "phase": "Failed", "reason": "StepFailed", "message": message}
    return {**IDS, **status, "steps": rows}


def test_an_event_that_fits_stays_as_it_is():
    event = final(3)
    assert fitted(event, len(encode(event))) == event


def test_a_log_event_that_is_too_large_becomes_a_gap_of_its_number():
    event = {**IDS, "kind": "log", "step": "build", "lines": ["x" * 100] * 7}
    short = fitted(event, 500)
    assert short == {**IDS, "kind": "gap", "step": "build", "why": NOT_SENT, "missing": 7}
    check_event(short)


@pytest.mark.parametrize("character", ["m", '"', "\x01", "😀"])
@pytest.mark.parametrize("steps", [1, 300])
def test_a_final_status_keeps_every_outcome_however_long_its_messages(character, steps):
    event = final(steps, character * 50_000, character * 20_000)
    short = fitted(event, 128 * 1024)
    check_event(short)
    assert len(encode(short)) <= 128 * 1024
    assert [(row["name"], row["phase"], row["exitCode"]) for row in short["steps"]] == [
        (row["name"], row["phase"], row["exitCode"]) for row in event["steps"]
    ]
    assert short["message"].startswith(character * 64)
    assert short == event or short["message"].endswith("…")


def test_the_phases_stay_where_nothing_more_fits():
    short = fitted(final(900, told="m" * 500), 60_000)
    check_event(short)
    assert len(encode(short)) <= 60_000
    assert short["steps"][899] == {"name": "step 899", "phase": "Failed"}


def test_a_message_is_cut_no_shorter_than_it_must_be():
    assert fitted(final(2, "m" * 9000), 5500)["message"] == "m" * 4096 + "…"


@given(st.recursive(st.text() | st.integers() | st.booleans(), st.lists))
def test_what_goes_over_the_wire_is_json_and_never_longer_than_in_ascii(data):
    assert json.loads(encode(data)) == data
    assert len(encode(data)) <= len(json.dumps(data, separators=(",", ":")))
