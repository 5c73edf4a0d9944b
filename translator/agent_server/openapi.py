"""What the OpenAPI document says about bodies that the API reads itself, without a model."""

from __future__ import annotations

from typing import Any, Final

from translator.agent_server.protocol import MAX_ITEMS, TASK_TYPES

_TASK: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["taskId", "taskType", "args"],
    "properties": {
        "taskId": {"type": "string", "minLength": 1},
        "taskType": {"enum": list(TASK_TYPES)},
        "agentId": {"type": "string"},
        "args": {
            "type": "object",
            "properties": {
                "taskYaml": {"type": "string"},
                "timeout": {"type": "integer", "description": "seconds"},
                "scriptParams": {
                    "type": ["string", "object"],
                    "description": "a JSON object, or one as text",
                },
                "namespace": {"type": "string", "default": "default"},
            },
        },
    },
}

_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["severity", "path", "line", "column", "message", "hint", "code"],
    "properties": {
        "severity": {"enum": ["error", "warning"]},
        "line": {"type": "integer"},
        "column": {"type": "integer"},
        **{name: {"type": "string"} for name in ("path", "message", "hint", "code")},
    },
}

_ANSWER: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["taskId", "outcome"],
    "properties": {
        "taskId": {"type": "string"},
        "outcome": {"enum": ["accepted", "duplicate", "conflict", "rejected"]},
        "phase": {"type": "string"},
        "message": {"type": "string"},
        "problems": {"type": "array", "items": _PROBLEM},
        "tasks": {"type": "array", "items": {"type": "object"}},
    },
}

_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        }
    },
}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


BATCH: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "array", "maxItems": MAX_ITEMS, "items": _TASK}}},
    }
}

_UNAUTHORIZED: Final = _json("The bearer token is missing or wrong", _ERROR)
_FORBIDDEN: Final = _json("Without a token: Host or Origin is neither this machine nor listed", _ERROR)

_TOO_MUCH: Final = _json(
    "Redis is nearly full, or too many read at once; try again after Retry-After", _ERROR
)

BATCH_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: _json("One answer for each item, in order", {"type": "array", "items": _ANSWER}),
    400: _json("The body is no array of tasks in JSON", _ERROR),
    401: _UNAUTHORIZED,
    403: _FORBIDDEN,
    408: _json("The body came too slowly", _ERROR),
    413: _json("The body is too large", _ERROR),
    415: _json("The Content-Type is not application/json, or the body is compressed", _ERROR),
    429: _TOO_MUCH,
    503: _json("Nothing can be stored now; try again after Retry-After", _ERROR),
}

GUARDED: Final[dict[int | str, dict[str, Any]]] = {
    status: BATCH_ANSWERS[status] for status in (401, 403, 429)
}

_UNAVAILABLE: Final = _json("It cannot be said now; try again after Retry-After", _ERROR)

READING_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    401: _UNAUTHORIZED,
    403: _FORBIDDEN,
    404: _json("There is no such task", _ERROR),
    422: _json("A parameter is wrong", _ERROR),
    429: _TOO_MUCH,
    503: _UNAVAILABLE,
}

CALL: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": _TASK}}}
}

CALL_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    **{status: answer for status, answer in BATCH_ANSWERS.items() if status != 200},
    200: _json("What became of the task; once it has ended, all about it", _ANSWER),
    422: _json("A parameter is wrong", _ERROR),
    504: _json("The task has not ended in time; it goes on", _ERROR),
}

NATIVE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["action", "taskId"],
                    "properties": {
                        "action": {"enum": ["submit", "terminate", "retry"]},
                        "taskId": _TASK["properties"]["taskId"],
                        "agentId": _TASK["properties"]["agentId"],
                        "args": _TASK["properties"]["args"],
                    },
                }
            }
        },
    }
}

NATIVE_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    **BATCH_ANSWERS,
    200: _json("What became of it", _ANSWER),
}

READY_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {503: _json("Tasks cannot be taken now", _ERROR)}
