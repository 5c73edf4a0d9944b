"""What agent-server is told: the events of one attempt (design: Events)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Phase(StrEnum):
    """A task's phase. The last five are final: nothing follows them in an attempt."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"
    CANCELLED = "Cancelled"
    TIMED_OUT = "TimedOut"

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self not in (Phase.PENDING, Phase.RUNNING)


class StepPhase(StrEnum):
    """A step's phase. The last three are final."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self not in (StepPhase.PENDING, StepPhase.RUNNING)


class Kind(StrEnum):
    """What an event tells."""

    STATUS = "status"
    STEP = "step"
    LOG = "log"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Event:
    """One event of one attempt.

    Attributes:
        seq: 1 for an attempt's first event, then without gaps.
        time: RFC 3339 in UTC, with a ``Z``.
        kind: which fields `body` has.
        body: the fields of that kind, in the wire's own names (``exitCode``, ``startedAt``, …), JSON data;
            what is not known is left out, never null (`translator.observe.telling` has the fields).
    """

    task_id: str
    agent_id: str
    attempt: int
    seq: int
    time: str
    kind: Kind
    body: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The event as one flat JSON object, as agent-server gets it."""
        return {
            "taskId": self.task_id,
            "agentId": self.agent_id,
            "attempt": self.attempt,
            "seq": self.seq,
            "time": self.time,
            "kind": str(self.kind),
            **self.body,
        }
