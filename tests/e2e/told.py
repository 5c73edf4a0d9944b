"""What agent-server was told of one task, in the words in which tests ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Json = Mapping[str, Any]


def instant(event: Json, field: str = "time") -> datetime:
    return datetime.fromisoformat(event[field])


@dataclass(frozen=True)
class Told:
    """The events of one attempt, the final status last."""

    task_id: str
    events: Sequence[Json]

    @property
    def final(self) -> Json:
        return self.events[-1]

    @property
    def ended(self) -> tuple[str, str]:
        """(phase, reason) of the final status."""
        return self.final["phase"], self.final.get("reason", "")

    @property
    def steps(self) -> dict[str, Json]:
        """Each step as the final status has it."""
        return {step["name"]: step for step in self.final["steps"]}

    @property
    def outcomes(self) -> list[tuple[Any, ...]]:
        """(name, phase, exit code, reason) of each step, as the final status has them."""
        return [
            (step["name"], step["phase"], step.get("exitCode"), step.get("reason", ""))
            for step in self.final["steps"]
        ]

    @property
    def phases(self) -> list[tuple[str, str]]:
        """(step, or "task"; phase) of each status and step event, in order, repeats left out."""
        told = [
            (event["name"] if event["kind"] == "step" else "task", event["phase"])
            for event in self.events
            if event["kind"] in ("status", "step")
        ]
        return [one for at, one in enumerate(told) if at == 0 or one != told[at - 1]]

    @property
    def lines(self) -> dict[str, list[str]]:
        """The log lines of each step that wrote any."""
        found: dict[str, list[str]] = {}
        for event in self.events:
            if event["kind"] == "log":
                found.setdefault(event["step"], []).extend(event["lines"])
        return found

    @property
    def gaps(self) -> list[Json]:
        return [event for event in self.events if event["kind"] == "gap"]

    @property
    def workflow(self) -> Json:
        found: Json = self.final["workflow"]
        return found

    def first(self, **wanted: Any) -> Json:
        """The first event with these fields."""
        return next(event for event in self.events if holds(event, wanted))

    def seconds(self, before: Json, after: Json) -> float:
        """Between the times of two events."""
        return (instant(after) - instant(before)).total_seconds()


def holds(event: Json, wanted: Json) -> bool:
    return all(event.get(name) == value for name, value in wanted.items())


def lived(lines: Sequence[str]) -> float:
    """Seconds from the first to the last line of `tests.e2e.tasks.CLOCK`."""
    return float(lines[-1]) - float(lines[0])
