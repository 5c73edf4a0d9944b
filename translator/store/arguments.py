"""What the scripts are given of a task: their ARGV, in the order that the first comment of each names."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from translator.observe.event import Event, Kind, fitted
from translator.observe.observation import WorkflowRef
from translator.observe.state import TaskState
from translator.store.log_cap import HEAD_BYTES
from translator.store.record import NewTask, Rebuilt, Record, dump, elapsed_text


def accept(task: NewTask, now_ms: int, order: float, event_bytes: int = HEAD_BYTES) -> list[Any]:
    """Of `scripts.ACCEPT`."""
    return [
        task.task_id, task.spec_hash, now_ms, order, task.agent_id, dump(task.args), *_state(task.state),
        *_events(task.events, event_bytes),
    ]  # fmt: skip


def append(
    record: Record,
    state: TaskState,
    events: Sequence[Event],
    *,
    workflow: WorkflowRef | None,
    deadline: float | None,
    elapsed: float | None,
    secret_params: Sequence[str] = (),
    keep_s: int,
    event_bytes: int = HEAD_BYTES,
) -> list[Any]:
    """Of `scripts.APPEND`."""
    fields: dict[str, Any] = {}
    if workflow is not None:
        fields["workflow"] = _ref(workflow)
    if deadline is not None:
        fields["deadline"] = repr(deadline)
    if elapsed is not None:
        fields["elapsed"] = elapsed_text(state.attempt, elapsed)
    if secret_params:
        # an earlier attempt's stay: what it printed may still come
        fields["secretParams"] = dump(sorted({*record.secret_params, *secret_params}))
    return [
        record.task_id, record.version, *_state(state), int(state.final), keep_s, *_fields(fields),
        *_events(events, event_bytes),
    ]  # fmt: skip


def retry(
    record: Record,
    state: TaskState,
    events: Sequence[Event],
    order: float,
    request: str,
    event_bytes: int = HEAD_BYTES,
) -> list[Any]:
    """Of `scripts.RETRY`."""
    return [record.task_id, record.version, *_state(state), order, request, *_events(events, event_bytes)]


def rebuild(
    task_id: str, rebuilt: Rebuilt, now_ms: int, keep_s: int, event_bytes: int = HEAD_BYTES
) -> list[Any]:
    """Of `rebuild.REBUILD`."""
    state = rebuilt.state
    fields: dict[str, Any] = {
        "hash": rebuilt.spec_hash,
        "accepted": rebuilt.accepted_ms,
        "agent": rebuilt.agent_id,
        "args": dump(rebuilt.args),
    }
    if rebuilt.workflow is not None:
        fields |= {"workflow": _ref(rebuilt.workflow), "begun": 1}
    if rebuilt.deadline is not None:
        fields["deadline"] = repr(rebuilt.deadline)
    if rebuilt.revoked:
        fields["revoked"] = rebuilt.revoked
    return [
        task_id, "" if rebuilt.version is None else rebuilt.version, now_ms, keep_s, rebuilt.held,
        *_state(state), int(state.final), _ends(state.attempt), *_fields(fields),
        *_events(rebuilt.events, event_bytes),
    ]  # fmt: skip


def _ends(attempt: int) -> str:
    """How many events the attempts before this one had: none that are still to be sent.

    0.1.0 counts the attempts by them. Those after a loss of Redis are numbered by the time.
    """
    return "0 " * (attempt - 1) if attempt < 1000 else ""


def _state(state: TaskState) -> list[Any]:
    """Attempt, state, seq and phase."""
    return [state.attempt, dump(state.as_json()), state.seq, str(state.phase)]


def _fields(fields: dict[str, Any]) -> list[Any]:
    """How many fields of the record there are, and name and value of each."""
    return [len(fields), *chain.from_iterable(fields.items())]


def _events(events: Sequence[Event], most: int) -> list[int | str]:
    """Of each event seq, step, rows and JSON; rows is -1 for what is no log.

    None has more than `most` bytes on the wire.
    """
    fields: list[int | str] = []
    for event in events:
        told = event.as_json()
        text = dump(told)
        # in ASCII it is never shorter than on the wire
        if len(text) > most:
            told = fitted(told, most)
            text = dump(told)
        is_log = told["kind"] == Kind.LOG
        fields += [event.seq, told["step"] if is_log else "", len(told["lines"]) if is_log else -1, text]
    return fields


def _ref(ref: WorkflowRef) -> str:
    return dump(ref.as_json())
