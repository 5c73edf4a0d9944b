"""What an agent-server holds of each attempt, and whether the events keep the contract. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from translator.observe.event import Kind, Phase, StepPhase

FINAL = frozenset(str(phase) for phase in Phase if phase.final)
STEP_FINAL = frozenset(str(phase) for phase in StepPhase if phase.final)


def is_final(event: Mapping[str, Any]) -> bool:
    """Whether an event is the last of its attempt."""
    return event.get("kind") == Kind.STATUS and event.get("phase") in FINAL


@dataclass(frozen=True, slots=True)
class Violation:
    """One event that breaks the contract (docs/protocol.md)."""

    task_id: str
    attempt: int
    seq: int
    message: str

    def as_json(self) -> dict[str, Any]:
        """The violation as JSON data."""
        return {"taskId": self.task_id, "attempt": self.attempt, "seq": self.seq, "message": self.message}

    def __str__(self) -> str:
        return f"{self.task_id} attempt {self.attempt} seq {self.seq}: {self.message}"


@dataclass(slots=True)
class Attempt:
    """The events held of one attempt; `events[n]` has seq n + 1.

    Attributes:
        steps: each step's last told phase.
    """

    events: list[Mapping[str, Any]] = field(default_factory=list)
    steps: dict[str, str] = field(default_factory=dict)

    @property
    def final(self) -> Mapping[str, Any] | None:
        """The final status, once it has come."""
        return self.events[-1] if self.events and is_final(self.events[-1]) else None


class Ledger:
    """Events by (taskId, attempt), each checked as it comes.

    Attributes:
        kept: every event held, once, in the order of arrival.
        violations: what broke the contract, in the order of arrival.
    """

    def __init__(self) -> None:
        self.kept: list[Mapping[str, Any]] = []
        self.violations: list[Violation] = []
        self._attempts: dict[tuple[str, int], Attempt] = {}
        self._tasks: set[str] = set()

    def take(self, events: Iterable[Mapping[str, Any]]) -> dict[tuple[str, int], int]:
        """Take a batch (of `protocol.parse_events`) and say what is held of its attempts now.

        An event that comes out of order is not held, one that breaks another rule is.
        """
        touched: dict[tuple[str, int], None] = {}
        for event in events:
            touched[event["taskId"], event["attempt"]] = None
            self._take(event)
        return {key: self.held(*key) for key in touched}

    def held(self, task_id: str, attempt: int) -> int:
        """The highest seq held of an attempt, 0 for none."""
        known = self._attempts.get((task_id, attempt))
        return len(known.events) if known else 0

    def events(self, task_id: str, attempt: int) -> tuple[Mapping[str, Any], ...]:
        """All that is held of an attempt, in order."""
        known = self._attempts.get((task_id, attempt))
        return tuple(known.events) if known else ()

    def final(self, task_id: str, attempt: int) -> Mapping[str, Any] | None:
        """An attempt's final status, once it has come."""
        known = self._attempts.get((task_id, attempt))
        return known.final if known else None

    def knows(self, task_id: str) -> bool:
        """Whether anything is held of a task."""
        return task_id in self._tasks

    def log(self, log_id: str) -> dict[str, Any] | None:
        """The log of the last attempt of ``taskId---agentId``, None for an unknown one.

        Both ids may hold ``---``, so the whole is compared, not cut.
        """
        found: Attempt | None = None
        for (task_id, _), attempt in sorted(self._attempts.items(), key=lambda item: item[0][1]):
            if attempt.events and f"{task_id}---{attempt.events[0]['agentId']}" == log_id:
                found = attempt
        if found is None:
            return None
        rows: list[dict[str, Any]] = []
        for event in found.events:
            if event["kind"] == Kind.LOG:
                rows += [{"step": event.get("step"), "line": line} for line in event["lines"]]
            elif event["kind"] == Kind.GAP:
                rows.append({"step": event.get("step"), "gap": event.get("why")})
        first = found.events[0]
        return {"taskId": first["taskId"], "agentId": first["agentId"], "lines": rows}

    def _take(self, event: Mapping[str, Any]) -> None:
        attempt = self._attempts.setdefault((event["taskId"], event["attempt"]), Attempt())
        seq, expected = event["seq"], len(attempt.events) + 1
        if seq < expected:
            if attempt.events[seq - 1] != event:
                self._violated(event, "repeated with other content")
            return
        if attempt.final:
            self._violated(event, "came after the final status")
            return
        if seq > expected:
            self._violated(event, f"came where seq {expected} was due")
            return
        if attempt.events and attempt.events[0]["agentId"] != event["agentId"]:
            self._violated(event, f"has agentId {event['agentId']}, not {attempt.events[0]['agentId']}")
        for message in _faults(event, attempt.steps):
            self._violated(event, message)
        attempt.events.append(event)
        self._tasks.add(event["taskId"])
        self.kept.append(event)

    def _violated(self, event: Mapping[str, Any], message: str) -> None:
        self.violations.append(Violation(event["taskId"], event["attempt"], event["seq"], message))


def _faults(event: Mapping[str, Any], steps: dict[str, str]) -> list[str]:
    """What is wrong with an event that came in its turn; notes a step's phase in `steps`."""
    kind = event["kind"]
    if kind == Kind.STEP:
        name, phase = str(event.get("name")), str(event.get("phase"))
        before = steps.get(name, "")
        steps[name] = phase
        return (
            [f"step {name} went from {before} to {phase}"] if before in STEP_FINAL and phase != before else []
        )
    if kind in {Kind.LOG, Kind.GAP}:
        steps.setdefault(str(event.get("step")), "")
        return []
    if kind != Kind.STATUS:
        return [f"is of unknown kind {kind}"]
    return _outcome_faults(event, steps) if is_final(event) else []


def _outcome_faults(event: Mapping[str, Any], steps: Mapping[str, str]) -> list[str]:
    """A final status must repeat every step's outcome."""
    rows = event.get("steps")
    if not isinstance(rows, list):
        return ["is a final status without steps"]
    told = {str(row.get("name")): str(row.get("phase")) for row in rows if isinstance(row, dict)}
    faults = [f"leaves out step {name}" for name in steps if name not in told]
    faults += [f"leaves step {name} at {phase}" for name, phase in told.items() if phase not in STEP_FINAL]
    faults += [
        f"says step {name} is {told[name]}, its last event said {phase}"
        for name, phase in steps.items()
        if name in told and phase in STEP_FINAL and told[name] != phase
    ]
    return faults
