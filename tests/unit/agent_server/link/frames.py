"""Every frame and every event that is said in a test is checked with the JSON Schemas."""

from __future__ import annotations

import contextlib
import json
from functools import cache
from pathlib import Path

import jsonschema
import pytest

import translator.agent_server
from translator.agent_server.client import AgentServerClient
from translator.agent_server.json_text import MalformedError
from translator.agent_server.link.machine import Machine
from translator.agent_server.link.server import ServerLink
from translator.agent_server.protocol.frame_text import decode
from translator.agent_server.protocol.frames import Unknown

FOLDER = Path(translator.agent_server.__file__).parent
SCHEMA = json.loads((FOLDER / "link.schema.json").read_text())
NOW = "2026-01-02T03:04:05.678Z"


def _validator(name):
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})


VALIDATORS = {reference["$ref"].rpartition("/")[2]: None for reference in SCHEMA["oneOf"]}
VALIDATORS = {name: _validator(name) for name in VALIDATORS}
EVENT = jsonschema.Draft202012Validator(json.loads((FOLDER / "event.schema.json").read_text()))


def _name(frame, by_server):
    if frame["type"] == "hello":
        return "serverHello" if by_server else "agentHello"
    return frame["type"]


def check(text, *, by_server):
    """Validate one frame as its sender's, and the events in it."""
    frame = json.loads(text)
    VALIDATORS[_name(frame, by_server)].validate(frame)
    for each in frame["events"] if frame["type"] == "events" else ():
        check_event(each)
    return frame


def check_event(event):
    """Validate one event; those that differ in nothing but their seq once, as it takes its time."""
    _check_event(json.dumps({**event, "seq": min(event["seq"], 2)}, sort_keys=True))


@cache
def _check_event(text):
    EVENT.validate(json.loads(text))


@pytest.fixture(autouse=True)
def checked_frames(monkeypatch):
    """Every machine checks what it says and hears, and the client what it posts; told at the test's end.

    What is heard and refused as no frame, or is of no known type, was meant by the test to be so.
    """
    put, receive, send, faults = Machine._put, Machine.receive, AgentServerClient.send, []

    def checked(text, by_server):
        try:
            check(text, by_server=by_server)
        except jsonschema.ValidationError as error:
            # whoever runs the link would only see it break
            faults.append(f"{text[:300]}: {error.message}")

    def said(self, text, now):
        checked(text, isinstance(self, ServerLink))
        put(self, text, now)

    def heard(self, text, now):
        by_server = not isinstance(self, ServerLink)
        with contextlib.suppress(MalformedError):
            if not isinstance(decode(text, sender="server" if by_server else "agent"), Unknown):
                checked(_known_fields(text, by_server), by_server)
        return receive(self, text, now)

    async def posted(self, events):
        try:
            for each in events:
                check_event(each)
        except jsonschema.ValidationError as error:
            faults.append(error.message)
        return await send(self, events)

    monkeypatch.setattr(Machine, "_put", said)
    monkeypatch.setattr(Machine, "receive", heard)
    monkeypatch.setattr(AgentServerClient, "send", posted)
    yield faults
    assert faults == []


def _known_fields(text, by_server):
    """The frame without fields that are not known, which its reader ignores."""
    frame = json.loads(text)
    known = SCHEMA["$defs"][_name(frame, by_server)]["properties"]
    return json.dumps({name: value for name, value in frame.items() if name in known})


def event(seq, kind="status", *, task="t", **body):
    """The least that is an event."""
    attempt = body.pop("attempt", 1)
    if kind == "status":
        body.setdefault("phase", "Running")
    return {
        "taskId": task, "agentId": "a", "attempt": attempt, "seq": seq, "time": NOW, "kind": kind, **body,
    }  # fmt: skip


def log(seq, *lines, task="t"):
    return event(seq, "log", task=task, step="s", lines=list(lines) or ["x"])
