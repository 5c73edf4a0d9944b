"""Judges what agent-server was told of an attempt by what the task is known to do.

Every printed line is told once and in order, or a gap stands in its place; there is one final status, it fits
what was told of the steps, and it is what a task with such steps may end as.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.outside.agent_server import AgentServer, Json, is_final
from tests.outside.tasks import Step, Task

ENDED = ("Succeeded", "Failed", "Skipped")
_NUMBERED = re.compile(r"(\S+) (\d+)")


@dataclass
class Story:
    """What was told of one attempt.

    Attributes:
        events: all of them.
        wrong: what broke a promise, in words.
        lines: the numbers of each step's lines.
        gaps: each step's gaps.
        needless: gaps where no line is missing.
    """

    events: Sequence[Json]
    wrong: list[str] = field(default_factory=list)
    lines: dict[str, list[int]] = field(default_factory=dict)
    gaps: dict[str, list[Json]] = field(default_factory=dict)
    needless: list[Json] = field(default_factory=list)

    @property
    def final(self) -> Json:
        return next((event for event in self.events if is_final(event)), {})

    @property
    def ended(self) -> tuple[str, str]:
        """Phase and reason."""
        return self.final.get("phase", ""), self.final.get("reason", "")

    @property
    def steps(self) -> dict[str, Json]:
        """What the final status says of each step."""
        return {step["name"]: step for step in self.final.get("steps", ())}

    @property
    def phases(self) -> list[str]:
        """The phase of each step in the final status."""
        return [step["phase"] for step in self.final.get("steps", ())]


def judge(
    told: AgentServer,
    task: Task,
    attempt: int = 1,
    *,
    lost: bool = False,
    secrets: Sequence[str] = (),
    foreign: bool = False,
    printed: Mapping[str, int] | None = None,
) -> Story:
    """Read an attempt; fails with everything that is wrong.

    Args:
        told: who was told.
        task: what was submitted.
        attempt: of the task.
        lost: Redis lost what it held: lines may come again after a gap that says so.
        secrets: what may stand in no event.
        foreign: lines without a number are expected too.
        printed: what a witness saw of steps that did not run to their end, their last lines' numbers.
    """
    story = Story(told.events(task.id, attempt))
    story.wrong += [breach for breach in told.breaches if task.id in breach]
    if not story.final:
        story.wrong.append("no final status")
    _steps_fit(story, task)
    _verdict_fits(story, task)
    for step in task.steps:
        seen = (printed or {}).get(step.name, 0)
        _lines_fit(story, step, lost=lost, foreign=foreign, seen=seen)
    for secret in secrets:
        if any(secret in body for body in told.bodies):
            story.wrong.append(f"{secret} was not masked")
    story.wrong += [
        f"nobody printed for {name}" for name in {*story.lines} - {step.name for step in task.steps}
    ]
    assert not story.wrong, "\n".join([f"{task.id}/{attempt}", *story.wrong, *map(_short, story.events)])
    return story


def _short(event: Json) -> str:
    """An event for people, without what is the same in all, and without most of its lines."""
    told = {key: value for key, value in event.items() if key not in ("taskId", "agentId", "attempt")}
    if len(told.get("lines", ())) > 2:
        told["lines"] = f"{told['lines'][0]!r} … {told['lines'][-1]!r}, {len(told['lines'])} in all"
    return str(told)


def _steps_fit(story: Story, task: Task) -> None:
    statuses = [event["phase"] for event in story.events if event["kind"] == "status"]
    if "Running" in statuses and "Pending" in statuses[statuses.index("Running") :]:
        story.wrong.append("the task was Running, then Pending")
    last: dict[str, Json] = {}
    for event in story.events:
        if event["kind"] == "step":
            before, after = last.get(event["name"], {"phase": "Pending"})["phase"], event["phase"]
            if before != after and (before in ENDED or after == "Pending"):
                story.wrong.append(f"step {event['name']} was {before}, then {after}")
            last[event["name"]] = event
    if not story.final:
        return
    if [step["name"] for step in story.final["steps"]] != [step.name for step in task.steps]:
        story.wrong.append("the final status does not list the task's steps in order")
    for step in story.final["steps"]:
        story.wrong += [
            f"step {step['name']} {fault}" for fault in _outcome_faults(step, last.get(step["name"]))
        ]


def _outcome_faults(step: Json, seen: Json | None) -> Iterator[str]:
    """What is wrong with what the final status says of a step that was told of before."""
    phase, started = step["phase"], bool(step.get("startedAt"))
    if phase not in ENDED:
        yield f"is {phase} in the final status"
    if seen is None and phase != "Skipped":
        yield f"is {phase} in the final status, and was never told of"
    for key in ("phase", "exitCode", "reason"):
        # the final status may know more than what was told while the process still ran
        if seen is not None and seen.get(key) not in (None, step.get(key)):
            yield f"{key} is {step.get(key)} in the final status, and was {seen.get(key)}"
    if phase == "Succeeded" and not started:
        yield "Succeeded and had not started"
    if phase == "Skipped" and started:
        yield "had started and is Skipped"


def _verdict_fits(story: Story, task: Task) -> None:
    phase, steps = story.ended[0], story.steps
    bad = [s.name for s in task.steps if not s.continues and steps.get(s.name, {}).get("phase") == "Failed"]
    undone = [s.name for s in task.steps if steps.get(s.name, {}).get("phase") == "Skipped"]
    if phase == "Succeeded" and (bad or undone):
        story.wrong.append(f"Succeeded, but {bad} failed and {undone} did not run")
    if phase == "Failed" and not bad:
        story.wrong.append("Failed, but no step without onError: continue has")
    if phase in ("Failed", "Error", "TimedOut", "Cancelled") and not story.final.get("message"):
        story.wrong.append(f"{phase} without a message")


def _told_of(story: Story, step: str) -> Iterator[tuple[str, Any]]:
    for event in story.events:
        if event.get("step") == step and event["kind"] == "log":
            yield from (("line", line) for line in event["lines"])
        elif event.get("step") == step and event["kind"] == "gap":
            yield "gap", event


def _lines_fit(story: Story, step: Step, *, lost: bool, foreign: bool, seen: int) -> None:
    numbers = story.lines.setdefault(step.name, [])
    gaps = story.gaps.setdefault(step.name, [])
    previous, between = 0, list[Json]()
    for kind, what in _told_of(story, step.name):
        if kind == "gap":
            gaps.append(what)
            between.append(what)
            continue
        match = _NUMBERED.fullmatch(what)
        if match is None or match[1] != step.name:
            if not foreign:
                story.wrong.append(f"{step.name} did not print {what!r}")
            continue
        number = int(match[2])
        numbers.append(number)
        if number > step.lines:
            story.wrong.append(f"{step.name} did not print line {number}")
        if number <= previous and not (lost and between):
            story.wrong.append(f"{step.name}: line {number} after line {previous}")
        else:
            _gap_fits(story, step.name, max(number - previous - 1, 0), between, lost=lost)
        previous, between = number, []
    outcome = story.steps.get(step.name, {})
    whole = outcome.get("phase") == "Succeeded" or (
        outcome.get("phase") == "Failed" and outcome.get("exitCode", 0) == step.exit != 0
    )
    if whole:
        _gap_fits(story, step.name, step.lines - previous, between, lost=lost)
    elif seen > previous and not between:
        story.wrong.append(f"{step.name}: lines {previous + 1} to {seen}, at least, are lost in silence")


def _gap_fits(story: Story, step: str, missing: int, gaps: Sequence[Json], *, lost: bool) -> None:
    """Whether lines are missing where gaps are told, and as many as they say."""
    if missing and not gaps:
        story.wrong.append(f"{step}: {missing} lines are lost in silence")
    if gaps and not missing:
        story.needless.extend(gaps)
    counts = [gap.get("missing") for gap in gaps]
    if gaps and None not in counts and sum(counts) != missing and not lost:
        story.wrong.append(f"{step}: {missing} lines are missing, {sum(counts)} are told")
