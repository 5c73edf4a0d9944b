from __future__ import annotations

import contextlib
import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.agent_server.link.frames import SCHEMA, check, event
from translator.agent_server.json_text import MalformedError
from translator.agent_server.protocol.frame_text import decode, encode, encode_event, encode_events_frame
from translator.agent_server.protocol.frames import (
    AgentHello,
    Answers,
    Call,
    Events,
    Heartbeat,
    Held,
    Later,
    Refused,
    Reply,
    ServerHello,
    Tasks,
    Unknown,
)

BY_AGENT = [
    AgentHello("a", "504", "translator/1", 15.0, {("t", 1): 4}),
    Heartbeat(),
    Answers(3, [{"taskId": "t", "outcome": "accepted"}]),
    Later(3, 1.5, "Redis is away"),
    Call(1, "any", {"x": None}, 2.0),
    Reply(1, {"x": 1}),
    Reply(2, error=("busy", "too many")),
]
BY_SERVER = [
    ServerHello("server/1", 15.0, 1000, 4096, 1 << 20, {("t", 1): 0}),
    Heartbeat(),
    Tasks(1, [{"taskId": "t"}, "nonsense"]),
    Held({("t", 1): 4, ("\u2028", 2): 0}),
    Refused("t", 1, "no", "not now", 2.0),
    Refused("t", 1, "no", "never", None),
    Call(1, "any", [], 2.0),
    Reply(1),
]
FRAMES = [*((frame, "agent") for frame in BY_AGENT), *((frame, "server") for frame in BY_SERVER)]


@pytest.mark.parametrize(("frame", "sender"), FRAMES, ids=repr)
def test_a_frame_is_read_as_it_was_written_and_fits_the_schema(frame, sender):
    text = encode(frame)
    data = check(text, by_server=sender == "server")
    jsonschema.Draft202012Validator(SCHEMA).validate(data)
    assert decode(text, sender=sender) == frame
    more = json.dumps({**data, "new": [1]})
    assert decode(more, sender=sender) == frame


def test_events_are_written_as_they_are():
    events = [event(1, phase="Pending"), event(2, "log", step="s", lines=["\ud800", "ü\u2028\x00"])]
    text = encode_events_frame([encode_event(each) for each in events])
    check(text, by_server=False)
    assert decode(text, sender="agent") == Events(events, len(text))
    assert decode(text, sender="agent").key == ("t", 1)


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ('{"type": "tomorrow", "x": 1}', "agent"),
        (encode(Tasks(1, ["x"])), "agent"),
        (encode(Held({})), "agent"),
        (encode(Answers(1, [])), "server"),
    ],
)
def test_what_the_sender_does_not_send_is_unknown(text, sender):
    assert isinstance(decode(text, sender=sender), Unknown)


GOOD = {
    "call": json.loads(encode(BY_AGENT[4])),
    "reply": json.loads(encode(BY_AGENT[6])),
    "later": json.loads(encode(BY_AGENT[3])),
    "answers": json.loads(encode(BY_AGENT[2])),
    "hello": json.loads(encode(BY_AGENT[0])),
    "events": {"type": "events", "events": [event(1)]},
}


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("call", {"call": 0}),
        ("call", {"method": ""}),
        ("call", {"timeoutSeconds": 0}),
        ("call", {"timeoutSeconds": 10**400}),
        ("reply", {"error": "busy"}),
        ("reply", {"error": {}}),
        ("later", {"retryAfter": -1}),
        ("later", {"retryAfter": True}),
        ("answers", {"answers": ["ok"]}),
        ("answers", {"batch": "1"}),
        ("hello", {"clientId": ""}),
        ("hello", {"heartbeatSeconds": 0}),
        ("hello", {"open": [{"taskId": "t", "attempt": 1}]}),
        ("hello", {"version": 0}),
        ("hello", {"capabilities": None}),
        ("events", {"events": []}),
        ("events", {"events": [event(1), event(1, task="u")]}),
        ("events", {"events": [{**event(1), "seq": 0}]}),
        ("events", {"events": [event(1, "log", lines="x")]}),
    ],
    ids=str,
)
def test_a_known_frame_with_a_wrong_field_is_malformed(kind, change):
    decode(json.dumps(GOOD[kind]), sender="agent")
    with pytest.raises(MalformedError, match=kind):
        decode(json.dumps({**GOOD[kind], **change}), sender="agent")


@pytest.mark.parametrize(
    "text", ["", "1", "[]", "{}", '{"type": 1}', "[" * 100_000], ids=lambda text: text[:9]
)
def test_what_is_no_frame_is_malformed(text):
    with pytest.raises(MalformedError):
        decode(text, sender="agent")


@given(
    st.sampled_from(["hello", "tasks", "answers", "later", "events", "held", "refused", "call", "reply"]),
    st.dictionaries(
        st.sampled_from(["batch", "items", "answers", "events", "held", "open", "call", "error", "version"]),
        st.none()
        | st.integers(-1, 2)
        | st.text(max_size=2)
        | st.lists(st.integers() | st.just({}), max_size=2),
    ),
    st.sampled_from(["agent", "server"]),
)
def test_any_json_is_a_frame_or_malformed(kind, fields, sender):
    read = None
    with contextlib.suppress(MalformedError):
        read = decode(json.dumps({"type": kind, **fields}), sender=sender)
    # nothing else is raised, and what was read can be written
    assert read is None or isinstance(read, Unknown | Events) or encode(read)
