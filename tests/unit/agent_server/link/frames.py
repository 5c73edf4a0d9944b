"""Every frame that is said in a test is checked with the link's JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import translator.agent_server
from translator.agent_server.link.machine import Machine
from translator.agent_server.link.server import ServerLink

SCHEMA = json.loads((Path(translator.agent_server.__file__).parent / "link.schema.json").read_text())


def _validator(name):
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})


VALIDATORS = {reference["$ref"].rpartition("/")[2]: None for reference in SCHEMA["oneOf"]}
VALIDATORS = {name: _validator(name) for name in VALIDATORS}


def check(text, *, by_server):
    """Validate one frame as its sender's."""
    frame = json.loads(text)
    name = frame["type"]
    if name == "hello":
        name = "serverHello" if by_server else "agentHello"
    VALIDATORS[name].validate(frame)
    return frame


def check_all(monkeypatch):
    """From now on every machine checks what it says."""
    put = Machine._put

    def checked(self, text, now):
        check(text, by_server=isinstance(self, ServerLink))
        put(self, text, now)

    monkeypatch.setattr(Machine, "_put", checked)


@pytest.fixture(autouse=True)
def checked_frames(monkeypatch):
    check_all(monkeypatch)


def event(seq, kind="status", *, task="t", **body):
    """The least that is an event."""
    attempt = body.pop("attempt", 1)
    return {
        "taskId": task, "agentId": "a", "attempt": attempt, "seq": seq, "time": "", "kind": kind, **body,
    }  # fmt: skip


def log(seq, *lines, task="t"):
    return event(seq, "log", task=task, step="s", lines=list(lines) or ["x"])
