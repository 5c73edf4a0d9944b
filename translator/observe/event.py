"""What agent-server is told: the events of one attempt (design: Events), and their bytes on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final


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


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def encode(data: object) -> bytes:
    """JSON data as it goes over the wire: UTF-8, without needless spaces.

    Raises:
        ValueError: a number is not finite.
    """
    # what UTF-8 cannot hold, half a surrogate pair, becomes JSON's own escape for it
    return _ENCODER.encode(data).encode("utf-8", "backslashreplace")


NOT_SENT: Final = "log lines were too large for a request to agent-server; the translator's own API has them"
"""Why there is a gap in the place of a log event that agent-server cannot be sent."""

_MESSAGES: Final = (4096, 1024, 256, 64)
"""Characters that messages are cut to, one after the other, until the event is small enough."""

_OUTCOMES: Final = (("name", "phase", "exitCode", "reason"), ("name", "phase"))
"""What is left of each step in a final status that is too large with the shortest messages, too."""


def fitted(event: Mapping[str, Any], most: int) -> dict[str, Any]:
    """An event, as `Event.as_json` has it, in at most so many bytes of `encode`.

    In the place of a log event that is larger a gap is told. Of any other event the messages are cut, then
    whatever explains the steps' outcomes is left out. The phases stay, however large they are.
    """
    for form in _forms(event):
        if len(encode(form)) <= most:
            return form
    return form


def _forms(event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """An event, and the shorter forms of it."""
    yield dict(event)
    if event["kind"] == Kind.LOG:
        gap = {**event, "kind": str(Kind.GAP), "why": NOT_SENT, "missing": len(event["lines"])}
        del gap["lines"]
        yield gap
        return
    steps = event.get("steps", ())
    for longest in _MESSAGES:
        cut = _with_short_message(event, longest)
        yield {**cut, "steps": [_with_short_message(step, longest) for step in steps]} if steps else cut
    for kept in _OUTCOMES if steps else ():
        yield {**cut, "steps": [{key: step[key] for key in kept if key in step} for step in steps]}


def _with_short_message(told: Mapping[str, Any], longest: int) -> dict[str, Any]:
    message = told.get("message", "")
    return {**told, "message": message[:longest] + "…"} if len(message) > longest else dict(told)
