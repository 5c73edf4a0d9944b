"""What goes over HTTP (docs/protocol.md): tasks and their answers, events and what is held of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from translator.agent_server.json_text import Ambiguous, MalformedError, parse_json, unfit
from translator.agent_server.protocol.fields import (
    Known,
    asked,
    held_rows,
    kind_of,
    known_rows,
    member,
    read_asked,
    read_events,
    read_held,
    read_known,
)
from translator.observe.event import encode as dump
from translator.task.problem import Problem, Severity

BATCH_PATH: Final = "/api/v1/agent/task/batch"
CALL_PATH: Final = "/api/v1/codo/call"
INFO_PATH: Final = "/api/v1/agent/info"
LOG_PATH: Final = "/api/v1/manager/agent/task/logv2"
EVENTS_PATH: Final = "/api/v1/agent/task/events"

TASK_TYPES: Final = ("CloudTask", "RevokeTask", "GetRunningTask")

MAX_ITEMS: Final = 10_000

ERROR_CODES: Final = {
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
    415: "wrong-content-type",
}

_ITEM_FIELDS: Final = {"taskid": "taskId", "tasktype": "taskType", "agentid": "agentId", "args": "args"}

Outcome = Literal["accepted", "duplicate", "conflict", "rejected"]


@dataclass(frozen=True, slots=True)
class TaskItem:
    """One item of a batch, its envelope checked, its content not.

    Attributes:
        task_id: never empty.
        task_type: one of `TASK_TYPES`.
        agent_id: empty where the item names none.
        args: as it came, JSON data of any shape.
    """

    task_id: str
    task_type: str
    agent_id: str
    args: object


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said about one item.

    Attributes:
        task_id: empty only where the item had none.
        outcome: ``accepted`` (durable now), ``duplicate`` (the same content is held already), ``conflict``
            (other content is held under this taskId) or ``rejected`` (see the problems).
        problems: all of them, warnings too, in order of position.
        phase: the task's phase, where one is known (`translator.observe.event.Phase`).
        message: one sentence, where there is more to say.
        tasks: the answer to GetRunningTask, each with its taskId, agentId, attempt and phase.
    """

    task_id: str
    outcome: Outcome
    problems: tuple[Problem, ...] = ()
    phase: str = ""
    message: str = ""
    tasks: tuple[Mapping[str, Any], ...] | None = None

    def as_json(self) -> dict[str, Any]:
        """The answer as JSON data; what is not known is left out."""
        answer: dict[str, Any] = {"taskId": self.task_id, "outcome": self.outcome}
        if self.phase:
            answer["phase"] = self.phase
        if self.message:
            answer["message"] = self.message
        if self.tasks is not None:
            answer["tasks"] = [dict(task) for task in self.tasks]
        if self.problems:
            answer["problems"] = [problem.as_json() for problem in self.problems]
        return answer


@dataclass(frozen=True, slots=True)
class Refusal:
    """An item whose envelope is at fault, so that it never reaches the intake.

    Attributes:
        task_id: empty where the item has no usable one.
        problems: at least one; lines and columns are 1, for they belong to no taskYaml.
    """

    task_id: str
    problems: tuple[Problem, ...]

    def answer(self) -> Answer:
        """The refusal as it is answered."""
        return Answer(self.task_id, "rejected", self.problems)


def parse_batch(data: object) -> list[TaskItem | Refusal]:
    """Read a batch of tasks, each item on its own, in order.

    Keys are read without regard to case, as Go's encoding/json does: the seed's text says ``agentID`` where
    its example says ``agentId``. Keys that are not known are ignored.

    Raises:
        MalformedError: it is no array, or has more than `MAX_ITEMS` items.
    """
    if not isinstance(data, list):
        raise MalformedError("not-an-array", f"the body must be an array of tasks, not {kind_of(data)}")
    if len(data) > MAX_ITEMS:
        raise MalformedError("too-many-items", f"a batch holds at most {MAX_ITEMS} tasks, not {len(data)}")
    return [_parse_item(item) for item in data]


def encode_events(events: Sequence[Mapping[str, Any]]) -> bytes:
    """A batch of events as the body of one POST."""
    return dump({"events": events})


def parse_events(body: bytes) -> list[dict[str, Any]]:
    """Read a batch of events, as agent-server does.

    Raises:
        MalformedError: it is no batch of events, or one lacks what identifies it.
    """
    return read_events(parse_json(body))


def encode_question(attempts: Iterable[tuple[str, int]]) -> bytes:
    """The question for what is known of these attempts, as the body of one POST that brings no events."""
    return dump({"events": [], **asked(attempts)})


def parse_question(body: bytes) -> list[tuple[str, int]]:
    """The attempts that a POST asks about, as agent-server reads it; none where it brings events.

    Raises:
        MalformedError: the question is none.
    """
    data = parse_json(body)
    return read_asked(data) if isinstance(data, dict) and "ask" in data else []


def questions(attempts: Sequence[tuple[str, int]], max_bytes: int) -> Iterator[Sequence[tuple[str, int]]]:
    """The attempts of one question in several that have at most so many bytes each."""
    if len(attempts) > 1 and len(encode_question(attempts)) > max_bytes:
        half = len(attempts) // 2
        yield from questions(attempts[:half], max_bytes)
        yield from questions(attempts[half:], max_bytes)
    else:
        yield attempts


def encode_known(known: Mapping[tuple[str, int], Known]) -> bytes:
    """The answer to a question."""
    return dump(known_rows(known))


def parse_known(body: bytes) -> dict[tuple[str, int], Known]:
    """Read the answer to a question: what is known, by (taskId, attempt).

    Raises:
        MalformedError: it is no such answer.
    """
    return read_known(parse_json(body))


def encode_held(held: Mapping[tuple[str, int], int]) -> bytes:
    """The answer to a batch of events: (taskId, attempt) → highest seq held, 0 for none."""
    return dump({"held": held_rows(held)})


def parse_held(body: bytes) -> dict[tuple[str, int], int]:
    """Read the answer to a batch of events: (taskId, attempt) → highest seq held.

    Raises:
        MalformedError: it is no such answer.
    """
    return read_held(member(parse_json(body), "held"), "held")


def error_body(code: str, message: str) -> dict[str, Any]:
    """The JSON body of every answer that is an error as a whole."""
    return {"error": {"code": code, "message": message}}


def _parse_item(item: object) -> TaskItem | Refusal:
    if not isinstance(item, dict):
        return _refusal("", ("", f"a task must be an object, not {kind_of(item)}", "wrong-type"))
    fields, clashes = known_fields(item, _ITEM_FIELDS)
    task_id = fields.get("taskId")
    known_id = task_id if isinstance(task_id, str) else ""
    if isinstance(item, Ambiguous):
        name = _ITEM_FIELDS.get(item.twice.lower(), "")
        return _refusal("" if unfit(known_id) else known_id, (name, unfit(item), "duplicate-key"))
    if fault := unfit(item):
        return _refusal("" if unfit(known_id) else known_id, ("", fault, "unfit-json"))
    faults = [(name, "given twice, with two values", "duplicate-key") for name in clashes]
    faults += [
        (name, f"must be text, not {kind_of(fields[name])}", "wrong-type")
        for name in ("taskId", "taskType", "agentId")
        if fields.get(name) is not None and not isinstance(fields[name], str)
    ]
    faults += [
        (name, "is missing", "missing-key")
        for name in ("taskId", "taskType")
        if fields.get(name) in (None, "")
    ]
    task_type = fields.get("taskType")
    if isinstance(task_type, str) and task_type and task_type not in TASK_TYPES:
        faults.append(("taskType", f"{task_type[:64]!r} is no task type that runs here", "unknown-task-type"))
    if faults:
        return _refusal(known_id, *faults)
    return TaskItem(str(task_id), str(task_type), str(fields.get("agentId") or ""), fields.get("args"))


def known_fields(
    item: Mapping[str, object], names: Mapping[str, str] = _ITEM_FIELDS
) -> tuple[dict[str, object], list[str]]:
    """The known fields under their own names, and the names that came twice with different values.

    Args:
        item: with keys in any case.
        names: those in lower case, to the fields' own names.
    """
    fields: dict[str, object] = {}
    clashes: list[str] = []
    for key, value in item.items():
        name = names.get(key.lower())
        if name is None:
            continue
        if name in fields and fields[name] != value:
            clashes.append(name)
        fields[name] = value
    return fields, clashes


def _refusal(task_id: str, *faults: tuple[str, str, str]) -> Refusal:
    hints = {
        "unknown-task-type": f"one of {', '.join(TASK_TYPES)}",
        "duplicate-key": "give it once, in one spelling",
        "missing-key": "every task needs taskId, taskType, agentId and args",
    }
    problems = (
        Problem(Severity.ERROR, path, 1, 1, message, hints.get(code, ""), code)
        for path, message, code in faults
    )
    return Refusal(task_id, tuple(problems))
