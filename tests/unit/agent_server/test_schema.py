"""The events' JSON Schema against the document's examples, and against what it must refuse."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

import translator.agent_server
from tests.unit.agent_server.link.frames import SCHEMA as LINK_SCHEMA
from tests.unit.agent_server.link.frames import check
from translator.agent_server.faults import parse_faults
from translator.agent_server.ledger import Ledger
from translator.agent_server.protocol import Known, parse_batch, parse_held, parse_known, parse_question
from translator.agent_server.protocol.frame_text import decode
from translator.agent_server.protocol.frames import Unknown
from translator.observe import reducer
from translator.observe.event import Event, Kind, Phase, StepPhase
from translator.observe.observation import LogEnd, LogGap, LogLines, Submitted, WorkflowRef, WorkflowSeen

SCHEMA = json.loads((Path(translator.agent_server.__file__).parent / "event.schema.json").read_text())
DOCUMENT = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()
EXAMPLES = [
    json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
]
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
FRAME_TYPES = {
    each["properties"]["type"]["const"]
    for each in LINK_SCHEMA["$defs"].values()
    if "type" in each.get("properties", {})
}

STATUS = Event("t", "a", 1, 1, "2026-01-01T00:00:00Z", Kind.STATUS, {"phase": "Pending"}).as_json()


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator.check_schema(LINK_SCHEMA)


def test_the_documents_examples_are_what_the_code_reads():
    tasks, answers, batch, kinds, held, asking, *link, faults = EXAMPLES
    assert [type(entry).__name__ for entry in parse_batch(tasks)] == ["TaskItem"]
    assert [answer["outcome"] for answer in answers] == ["accepted", "duplicate", "conflict", "rejected"]
    for event in [*batch["events"], *kinds]:
        VALIDATOR.validate(event)
    assert {event["kind"] for event in [*batch["events"], *kinds]} == {str(kind) for kind in Kind}
    assert parse_held(json.dumps(held).encode()) == {("task123", 1): 5}
    question, known = [json.dumps(each).encode() for each in asking]
    assert len(parse_question(question)) == 3
    assert parse_known(known) == {("task123", 1): Known(5), ("task124", 1): Known(9, "Succeeded")}
    assert len(parse_faults(faults)) == 6
    frames = [frame for block in link for frame in block]
    for frame in frames:
        by_server = frame["type"] in {"tasks", "held", "refused"} or "window" in frame
        check(json.dumps(frame), by_server=by_server)
        read = decode(json.dumps(frame), sender="server" if by_server else "agent")
        assert not isinstance(read, Unknown)
    assert {frame["type"] for frame in frames} == {*FRAME_TYPES} - {"heartbeat"}
    for event in next(frame["events"] for frame in frames if frame["type"] == "events"):
        VALIDATOR.validate(event)


NOW = "2026-01-01T00:00:00Z"


def node(name, phase, kind="Pod", **more):
    step = {"displayName": name, "type": kind, "phase": phase, "boundaryID": "wf", "templateName": name}
    return {"id": f"wf-{name}", "name": f"wf.{name}", "startedAt": NOW, **step, **more}


def workflow(phase, *steps):
    root = {
        "id": "wf",
        "name": "wf",
        "displayName": "wf",
        "type": "DAG",
        "phase": phase,
        "templateName": "main",
    }
    nodes = {each["id"]: each for each in (root, *steps)}
    status = {"phase": phase, "startedAt": NOW, "nodes": nodes}
    return WorkflowSeen({"metadata": {"name": "wf", "namespace": "default", "uid": "u"}, "status": status})


def test_what_the_reducer_tells_fits_the_schema_and_the_contract():
    failed = node(
        "s1", "Failed", message="main: Error (exit code 3)", finishedAt=NOW, outputs={"exitCode": "3"}
    )
    state, events = reducer.begin("t", "a", 1, ["s1", "s2"], NOW)
    for seen in (
        Submitted(WorkflowRef("default", "wf", "u"), "http://ui"),
        workflow("Running", node("s1", "Running")),
        LogLines("s1", ("x", "y"), {}, NOW),
        LogGap("s1", "rotated", None, {}),
        LogGap("s1", "rotated", 3, {}),
        workflow("Failed", failed, node("s2", "Omitted", "Skipped")),
        LogEnd("s1"),
    ):
        state, more = reducer.observe(state, seen, NOW)
        events += more
    assert {event.kind for event in events} == set(Kind)
    assert state.final
    told = [event.as_json() for event in events]
    for event in told:
        VALIDATOR.validate(event)
    ledger = Ledger()
    assert ledger.take(told) == {("t", 1): len(told)}
    assert ledger.final("t", 1) == told[-1]
    assert ledger.violations == []


def test_the_phases_are_the_codes():
    assert SCHEMA["$defs"]["status"]["properties"]["phase"]["enum"] == [str(phase) for phase in Phase]
    assert SCHEMA["$defs"]["outcome"]["properties"]["phase"]["enum"] == [str(phase) for phase in StepPhase]


@pytest.mark.parametrize(
    "change",
    [
        {"phase": "Gone"},
        {"phase": None},
        {"phase": "Failed"},
        {"phase": "Failed", "steps": [{"name": "s", "phase": "Failed", "exit": 1}]},
        {"time": "2026-01-01 00:00:00"},
        {"seq": 0},
        {"attempt": "1"},
        {"taskId": ""},
        {"kind": "alarm"},
        {"exitCode": 3},
        {"message": None},
        {"kind": "log", "step": "s", "lines": ["x"]},
    ],
    ids=str,
)
def test_the_schema_refuses_what_is_no_event(change):
    VALIDATOR.validate(STATUS)
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({**STATUS, **change})
