"""What agent-server was told of one task by two engines, and whether it is the same.

What may differ, and why, is all here: `MAY_DIFFER`, and what `observed` and `differences` do about it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MAY_DIFFER = {
    "time, startedAt, finishedAt": "clocks, and how long a pod takes to start",
    "pod, workflow": "names of the cluster",
    "message": "words of the kubelet, of Argo and of this machine; the reason and the remedy are compared",
    "how lines are grouped into events": "a line is told when it is read",
    "a step's Running, where it ended in an instant": "nobody may have looked at the pod meanwhile",
    "Pending told again with another reason": "what a pod waits for (image, node) has no counterpart here",
    "order of stdout and stderr": "two pipes in a container (argo-facts, Logs), one here",
}
"""What is not compared → why."""

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Observed:
    """What was told of a task, without what may differ.

    Attributes:
        outcome: phase and reason of the final status, or why the engine would not run it.
        steps: of each step name, phase, exit code, reason, remedy.
        phases: the task's own phases in order.
        lines: by step.
        gaps: (step, why).
        messages: for people: the task's, then each step's.
    """

    outcome: tuple[str, str]
    steps: tuple[tuple[Any, ...], ...] = ()
    phases: tuple[str, ...] = ()
    lines: Mapping[str, Sequence[str]] = field(default_factory=dict)
    gaps: tuple[tuple[str, str], ...] = ()
    messages: tuple[str, ...] = ()


def observed(events: Sequence[Event]) -> Observed:
    """What the events of one attempt tell, the last of them the final status."""
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1)), "seq has a gap"
    final = events[-1]
    lines: dict[str, list[str]] = {}
    for event in events:
        if event["kind"] == "log":
            lines.setdefault(event["step"], []).extend(event["lines"])
    told = [event["phase"] for event in events if event["kind"] == "status"]
    return Observed(
        outcome=(final["phase"], final.get("reason", "")),
        steps=tuple(
            (
                step["name"],
                step["phase"],
                step.get("exitCode"),
                step.get("reason", ""),
                step.get("remedy", ""),
            )
            for step in final["steps"]
        ),
        phases=tuple(phase for at, phase in enumerate(told) if phase not in told[:at]),
        lines=lines,
        gaps=tuple((event["step"], event["why"]) for event in events if event["kind"] == "gap"),
        messages=(final.get("message", ""), *(step.get("message", "") for step in final["steps"])),
    )


def differences(one: Observed, other: Observed, *, mixed: Collection[str] = ()) -> list[str]:
    """What is not the same, one line each; none: nothing.

    Args:
        one: of the local engine.
        other: of the cluster.
        mixed: steps that wrote to stdout and to stderr.
    """
    found = []
    if one.outcome != other.outcome:
        found.append(f"verdict: {_pair(one.outcome, other.outcome)}")
    if one.phases != other.phases:
        found.append(f"phases: {_pair(one.phases, other.phases)}")
    if len(one.steps) != len(other.steps):
        found.append(f"steps: {_pair(one.steps, other.steps)}")
    for mine, theirs in zip(one.steps, other.steps, strict=False):
        if mine != theirs:
            found.append(f"step {mine[0]}: {_pair(mine[1:4], theirs[1:4])}")
    for step in sorted({*one.lines, *other.lines}):
        mine, theirs = list(one.lines.get(step, ())), list(other.lines.get(step, ()))
        if step in mixed:
            mine, theirs = sorted(mine), sorted(theirs)
        if mine != theirs:
            found.append(f"lines of {step}: {_first(mine, theirs)}")
    if one.gaps != other.gaps:
        found.append(f"gaps: {_pair(one.gaps, other.gaps)}")
    if found:
        found.append(f"messages: {_pair(one.messages, other.messages)}")
    return found


def _first(mine: Sequence[str], theirs: Sequence[str]) -> str:
    """The first line that differs, and how many there are."""
    pairs = zip(mine, theirs, strict=False)
    at = next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(mine), len(theirs)))
    here, there = (_short(lines[at]) if at < len(lines) else "no line" for lines in (mine, theirs))
    return f"line {at + 1} of {len(mine)} and {len(theirs)}: {_pair(here, there)}"


def _short(line: str) -> str:
    return line if len(line) <= 200 else f"{line[:90]}… ({len(line)}) …{line[-90:]}"


def _pair(one: object, other: object) -> str:
    return f"local {one!r}, cluster {other!r}"
