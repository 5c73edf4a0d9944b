"""What is stored of one task, as Python sees it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from translator.observe.event import Event
from translator.observe.observation import WorkflowRef
from translator.observe.state import TaskState


@dataclass(frozen=True, slots=True)
class NewTask:
    """A checked submission on its way into the store.

    Attributes:
        args: the submission's args as they came.
        spec_hash: of the canonical submission: equal hashes, equal content.
        state: the first attempt's state.
        events: the first attempt's first events.
    """

    task_id: str
    agent_id: str
    args: Mapping[str, Any]
    spec_hash: str
    state: TaskState
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A task as it is stored.

    Attributes:
        version: counts the writes of `state`; a writer that does not know the latest is refused.
        workflow: what the engine runs, once that is known.
        deadline: when the attempt's time is up, in seconds since 1970; set with `workflow`.
        revoked: why the task is to be cancelled; empty: it is not.
        parked: why its events are not sent; empty: they are.
        released: the engine has forgotten the Workflow.
    """

    task_id: str
    agent_id: str
    args: Mapping[str, Any]
    version: int
    state: TaskState
    workflow: WorkflowRef | None = None
    deadline: float | None = None
    revoked: str = ""
    parked: str = ""
    released: bool = False


@dataclass(frozen=True, slots=True)
class Open:
    """What is still to be done of one task.

    Attributes:
        waits: it has not been submitted.
        runs: the engine has not been told to forget it.
        backlog: how many events agent-server does not hold.
        parked: its events are not to be sent.
    """

    task_id: str
    waits: bool
    runs: bool
    backlog: int
    parked: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """One event in the outbox: its place and its JSON text."""

    attempt: int
    seq: int
    text: bytes


def dump(data: Any) -> str:
    """JSON in ASCII (it may hold half a surrogate pair), without spaces, the same for the same data."""
    return json.dumps(data, separators=(",", ":"), sort_keys=True)


def ref_text(ref: WorkflowRef) -> str:
    """A reference as it is stored."""
    return dump(asdict(ref))


def parse_record(task_id: str, fields: Mapping[bytes, bytes]) -> Record:
    """A record from the fields of its hash."""
    text = {name.decode(): value.decode() for name, value in fields.items()}
    return Record(
        task_id=task_id,
        agent_id=text["agent"],
        args=json.loads(text["args"]),
        version=int(text["version"]),
        state=TaskState.from_json(json.loads(text["state"])),
        workflow=WorkflowRef(**json.loads(text["workflow"])) if "workflow" in text else None,
        deadline=float(text["deadline"]) if "deadline" in text else None,
        revoked=text.get("revoked", ""),
        parked=text.get("parked", ""),
        released=text.get("released") == "1",
    )


def event_pairs(events: Sequence[Event]) -> list[int | str]:
    """Events as the scripts take them: seq, JSON, seq, JSON, and so on."""
    return [part for event in events for part in (event.seq, dump(event.as_json()))]


def parse_kept(entry_id: bytes, entry: Mapping[bytes, bytes]) -> Kept:
    """An event from its entry in the outbox."""
    attempt, _, seq = entry_id.partition(b"-")
    return Kept(int(attempt), int(seq), entry[b"event"])
