"""What is stored of one task, as Python sees it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
        args: the submission's args as they came; None: Redis lost them, and the Workflow did not carry them.
        version: counts the writes of `state`; a writer that does not know the latest is refused.
        workflow: what the engine runs, once that is known.
        deadline: when the attempt's time is up, in seconds since 1970, for people; set with `workflow`.
        elapsed: seconds that the attempt has run since it was submitted, as far as that was counted; None: it
            was not (the record is of 0.1.0, or was made again).
        revoked: why the task is to be cancelled; empty: it is not.
        parked: why its events are not sent; empty: they are.
        released: the engine has forgotten the Workflow.
        accepted_ms: when the task was accepted, in milliseconds since 1970.
        acked: attempt and seq of the last event that agent-server holds, (0, 0) for none.
        spec_hash: as in `NewTask`.
        secret_params: the names of the scriptParams that were secret when an attempt was submitted.
    """

    task_id: str
    agent_id: str
    args: Mapping[str, Any] | None
    version: int
    state: TaskState
    workflow: WorkflowRef | None = None
    deadline: float | None = None
    elapsed: float | None = None
    revoked: str = ""
    parked: str = ""
    released: bool = False
    accepted_ms: int = 0
    acked: tuple[int, int] = (0, 0)
    spec_hash: str = ""
    secret_params: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A record that is made again, of what is known elsewhere.

    Attributes:
        args: None: nobody knows them any more.
        held: seq of the last event of this attempt that agent-server holds.
        state: from where the attempt goes on.
        events: those that lead there from `held` on.
        version: of the record that it replaces; None: there is none.
        revoked: as in `Record`.
    """

    agent_id: str
    args: Mapping[str, Any] | None
    spec_hash: str
    held: int
    state: TaskState
    events: tuple[Event, ...]
    workflow: WorkflowRef | None
    deadline: float | None
    accepted_ms: int
    version: int | None = None
    revoked: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A task as lists show it.

    Attributes:
        accepted_ms: when the task was accepted, in milliseconds since 1970.
        workflow: what the engine runs, once that is known.
        parked: why its events are not sent; empty: they are.
    """

    task_id: str
    agent_id: str
    attempt: int
    phase: str
    accepted_ms: int
    workflow: WorkflowRef | None
    parked: str


@dataclass(frozen=True, slots=True)
class Open:
    """What is still to be done of one task.

    Attributes:
        waits: it has not been submitted.
        runs: the engine has not been told to forget it.
        backlog: how many events agent-server does not hold.
        unheld: attempt → its highest seq, of every attempt with such events.
        parked: why its events are not to be sent; empty: they are.
        agent_id: the agent that agent-server addressed.
        phase: as last told.
        attempt: the current one.
        ended: its final event is stored.
        revoked: it is to be cancelled.
        submitted: it has a Workflow.
        seq: of its last event.
        begun: the engine may have a Workflow of the attempt.
    """

    task_id: str
    waits: bool
    runs: bool
    backlog: int
    parked: str
    unheld: Mapping[int, int] = field(default_factory=dict)
    agent_id: str = ""
    phase: str = ""
    attempt: int = 1
    ended: bool = False
    revoked: bool = False
    submitted: bool = False
    seq: int = 0
    begun: bool = False


def dump(data: Any) -> str:
    """JSON in ASCII (it may hold half a surrogate pair), without spaces, the same for the same data."""
    return json.dumps(data, separators=(",", ":"), sort_keys=True)


def parse_record(task_id: str, fields: Mapping[bytes, bytes]) -> Record:
    """A record from the fields of its hash."""
    text = {name.decode(): value.decode() for name, value in fields.items()}
    state = TaskState.from_json(json.loads(text["state"]))
    return Record(
        task_id=task_id,
        agent_id=text["agent"],
        args=json.loads(text["args"]),
        version=int(text["version"]),
        state=state,
        workflow=WorkflowRef.from_json(json.loads(text["workflow"])) if "workflow" in text else None,
        deadline=float(text["deadline"]) if "deadline" in text else None,
        elapsed=_elapsed(text.get("elapsed", ""), state.attempt),
        revoked=text.get("revoked", ""),
        parked=text.get("parked", ""),
        released=text.get("released") == "1",
        accepted_ms=int(text["accepted"]),
        acked=parse_place(text["acked"]),
        spec_hash=text["hash"],
        secret_params=tuple(json.loads(text.get("secretParams", "[]"))),
    )


def elapsed_text(attempt: int, seconds: float) -> str:
    """How many seconds an attempt has run, as it is stored: with the attempt.

    A replica of 0.1.0 that begins the next attempt leaves the field as it is.
    """
    return f"{attempt} {seconds:.3f}"


def _elapsed(text: str, attempt: int) -> float | None:
    of, _, seconds = text.partition(" ")
    return float(seconds) if of == str(attempt) else None


def parse_place(text: str) -> tuple[int, int]:
    """Attempt and seq of ``<attempt>-<seq>``.

    Raises:
        ValueError: it is no such text.
    """
    attempt, dash, seq = text.partition("-")
    if not dash or not attempt.isdecimal() or not seq.isdecimal() or len(text) > 24 or not text.isascii():
        raise ValueError(f"{text!r} is not <attempt>-<seq>")
    return int(attempt), int(seq)


def unheld_of(acked: tuple[int, int], attempt: int, seq: int, ends: Sequence[int]) -> dict[int, int]:
    """The attempts with events after `acked`, and the highest seq of each.

    The attempts before the last one had ``ends`` events, and that one has `seq`. The first is not 1 where
    Redis had lost the ones before it.
    """
    before = ends[: attempt - 1]
    lengths = enumerate([*before, seq], attempt - len(before))
    return {number: length for number, length in lengths if (number, length) > acked}


def backlog_of(acked: tuple[int, int], unheld: Mapping[int, int]) -> int:
    """How many events follow `acked`, by what `unheld_of` says."""
    attempt, held = acked
    return sum(unheld.values()) - (held if attempt in unheld else 0)
