"""The link's frames as text: JSON objects with a ``type`` (link.schema.json).

Fields that are not known are ignored; a frame of a type that is not known is `Unknown`, and ignored too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from translator.agent_server.json_text import MalformedError, parse_json
from translator.agent_server.protocol.fields import (
    held_rows,
    is_count,
    kind_of,
    member,
    read_events,
    read_held,
)
from translator.agent_server.protocol.frames import (
    AgentHello,
    Answers,
    Call,
    Draining,
    Events,
    Frame,
    Heartbeat,
    Held,
    Later,
    Refused,
    Reply,
    Role,
    ServerHello,
    Tasks,
    Unknown,
)
from translator.observe.event import encode as dump

_ROLES: Final[tuple[Role, ...]] = ("agent", "server")


def encode(frame: Frame) -> str:
    """A frame as text (events go by `encode_events_frame`)."""
    name, body = _ENCODERS[type(frame)](frame)
    return dump({"type": name, **body}).decode()


def encode_event(event: Mapping[str, Any]) -> bytes:
    """One event, as it stands in an events frame."""
    return dump(event)


def encode_events_frame(events: Sequence[bytes]) -> str:
    """An events frame, of events that are encoded already."""
    return (b'{"type":"events","events":[' + b",".join(events) + b"]}").decode()


def decode(text: str, *, sender: Role) -> Frame:
    """Read a frame.

    Args:
        text: the message.
        sender: who sent it; what only the other may send is `Unknown`.

    Raises:
        MalformedError: it is no frame.
    """
    data = parse_json(text)
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        raise MalformedError("no-frame", "a frame must be an object with a type")
    decoder = _DECODERS.get((data["type"], sender))
    if decoder is None:
        return Unknown(data["type"])
    try:
        return decoder(data, len(text))
    except MalformedError as error:
        raise MalformedError(error.code, f"{data['type']}: {error.message}") from error


def _encode_hello(frame: Any) -> tuple[str, dict[str, Any]]:
    body: dict[str, Any] = {
        "version": frame.version,
        "software": frame.software,
        "capabilities": list(frame.capabilities),
        "heartbeatSeconds": frame.heartbeat_s,
    }
    own: dict[str, Any]
    if isinstance(frame, AgentHello):
        own = {"clientId": frame.client_id, "bizId": frame.biz_id, "open": held_rows(frame.open)}
        if frame.replica:
            own["replica"] = frame.replica
    else:
        window = {"events": frame.window_events, "bytes": frame.window_bytes}
        own = {"rowLimit": frame.row_limit, "window": window, "held": held_rows(frame.held)}
    return "hello", {**body, **own}


def _encode_refused(frame: Any) -> tuple[str, dict[str, Any]]:
    body = {"taskId": frame.task_id, "attempt": frame.attempt, "code": frame.code, "message": frame.message}
    return "refused", body if frame.retry_after is None else {**body, "retryAfter": frame.retry_after}


def _encode_reply(frame: Any) -> tuple[str, dict[str, Any]]:
    if frame.error is None:
        return "reply", {"call": frame.call, "result": frame.result}
    code, message = frame.error
    return "reply", {"call": frame.call, "error": {"code": code, "message": message}}


_ENCODERS: Final[Mapping[type, Callable[[Any], tuple[str, dict[str, Any]]]]] = {
    AgentHello: _encode_hello,
    ServerHello: _encode_hello,
    Heartbeat: lambda _: ("heartbeat", {}),
    Tasks: lambda frame: ("tasks", {"batch": frame.batch, "items": list(frame.items)}),
    Answers: lambda frame: ("answers", {"batch": frame.batch, "answers": list(frame.answers)}),
    Later: lambda frame: (
        "later",
        {"batch": frame.batch, "retryAfter": frame.retry_after, "message": frame.message},
    ),
    Draining: lambda _: ("draining", {}),
    Held: lambda frame: ("held", {"held": held_rows(frame.held)}),
    Refused: _encode_refused,
    Call: lambda frame: (
        "call",
        {
            "call": frame.call,
            "method": frame.method,
            "params": frame.params,
            "timeoutSeconds": frame.timeout_s,
        },
    ),
    Reply: _encode_reply,
}


def _agent_hello(data: dict[str, Any], _: int) -> Frame:
    return AgentHello(
        client_id=_text(data, "clientId"),
        biz_id=_text(data, "bizId", ""),
        software=_text(data, "software", ""),
        heartbeat_s=_seconds(data, "heartbeatSeconds", above=0),
        open=read_held(member(data, "open"), "open"),
        replica=_text(data, "replica", ""),
        version=_count(data, "version", 1),
        capabilities=_names(data, "capabilities"),
    )


def _server_hello(data: dict[str, Any], _: int) -> Frame:
    window = data.get("window")
    window = window if isinstance(window, dict) else {}
    return ServerHello(
        software=_text(data, "software", ""),
        heartbeat_s=_seconds(data, "heartbeatSeconds", above=0),
        row_limit=_count(data, "rowLimit", 1),
        window_events=_count(window, "events", 1),
        window_bytes=_count(window, "bytes", 1),
        held=read_held(member(data, "held"), "held"),
        version=_count(data, "version", 1),
        capabilities=_names(data, "capabilities"),
    )


def _events(data: dict[str, Any], size: int) -> Frame:
    events = read_events(data)
    if len({(event["taskId"], event["attempt"]) for event in events}) != 1:
        raise MalformedError("mixed-events", "a frame holds events of one attempt, at least one")
    return Events(events, size)


def _answers(data: dict[str, Any], _: int) -> Frame:
    answers = member(data, "answers")
    if not all(isinstance(answer, dict) for answer in answers):
        raise MalformedError("invalid-frame", "an answer must be an object")
    return Answers(_count(data, "batch", 1), answers)


def _refused(data: dict[str, Any], _: int) -> Frame:
    return Refused(
        _text(data, "taskId"),
        _count(data, "attempt", 1),
        _text(data, "code"),
        _text(data, "message", ""),
        _seconds(data, "retryAfter") if "retryAfter" in data else None,
    )


def _reply(data: dict[str, Any], _: int) -> Frame:
    number, error = _count(data, "call", 1), data.get("error")
    if error is None:
        return Reply(number, data.get("result"))
    if not isinstance(error, dict):
        raise MalformedError("invalid-frame", f"error must be an object, not {kind_of(error)}")
    return Reply(number, error=(_text(error, "code"), _text(error, "message", "")))


_DECODERS: Final[Mapping[tuple[str, Role], Callable[[dict[str, Any], int], Frame]]] = {
    ("hello", "agent"): _agent_hello,
    ("hello", "server"): _server_hello,
    ("tasks", "server"): lambda data, _: Tasks(_count(data, "batch", 1), member(data, "items")),
    ("answers", "agent"): _answers,
    ("later", "agent"): lambda data, _: Later(
        _count(data, "batch", 1), _seconds(data, "retryAfter"), _text(data, "message", "")
    ),
    ("draining", "agent"): lambda _data, _size: Draining(),
    ("events", "agent"): _events,
    ("held", "server"): lambda data, _: Held(read_held(member(data, "held"), "held")),
    ("refused", "server"): _refused,
    **{("heartbeat", role): lambda _data, _size: Heartbeat() for role in _ROLES},
    **{
        ("call", role): lambda data, _: Call(
            _count(data, "call", 1),
            _text(data, "method"),
            data.get("params"),
            _seconds(data, "timeoutSeconds", above=0),
        )
        for role in _ROLES
    },
    **{("reply", role): _reply for role in _ROLES},
}


def _text(data: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = data.get(name, default)
    if isinstance(value, str) and (value or default is not None):
        return value
    raise MalformedError("invalid-frame", f"{name} must be text, not {kind_of(value)}")


def _count(data: Mapping[str, Any], name: str, least: int) -> int:
    value = data.get(name)
    if is_count(value, least):
        return value
    raise MalformedError("invalid-frame", f"{name} must be a whole number from {least}")


def _seconds(data: Mapping[str, Any], name: str, *, above: float = -1.0) -> float:
    value = data.get(name)
    if (type(value) is int or type(value) is float) and 0 <= value <= 86400 and value > above:
        return float(value)
    raise MalformedError("invalid-frame", f"{name} must be seconds, at most 86400")


def _names(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(each for each in member(data, name) if isinstance(each, str))
