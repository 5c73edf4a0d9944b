"""Recordings of a real Argo, as the observations that an engine would make of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from translator.observe.event import Event, Kind
from translator.observe.executor import UserLines
from translator.observe.lines import text
from translator.observe.observation import (
    LogEnd,
    LogLines,
    Observation,
    PodGone,
    PodSeen,
    WorkflowGone,
    WorkflowSeen,
)
from translator.observe.pods import read as read_pod
from translator.observe.reducer import begin, observe
from translator.observe.state import TaskState

NOW = "2026-11-23T22:00:00Z"

CUT = Path(__file__).parents[2] / "data" / "observe"
WHOLE = Path(__file__).parents[4] / "shared" / "argo-recordings"


@dataclass(frozen=True)
class Recording:
    """One Workflow's run. `folder` is below ``<version>/<scenario>``."""

    folder: Path

    @property
    def version(self) -> str:
        return self.folder.parent.name

    @property
    def scenario(self) -> str:
        return self.folder.name

    def steps(self) -> list[str]:
        spec = _events(self.folder)[0]["object"]["spec"]
        entry = next(one for one in spec["templates"] if one["name"] == spec["entrypoint"])
        parts = entry["dag"]["tasks"] if "dag" in entry else entry["containerSet"]["containers"]
        return [part["name"] for part in parts]

    def watched(self) -> list[Observation]:
        """Every watch event."""
        return [_observation(event) for event in _events(self.folder)]

    def followed(self, watched: Iterable[Observation]) -> list[Observation]:
        """These watch events as an engine yields them: each step's log once its container has ended."""
        told: set[str] = set()
        seen: list[Observation] = []
        for one in watched:
            seen.append(one)
            if isinstance(one, PodSeen | PodGone):
                seen += self._logs(one, told)
        return seen

    def lines(self, step: str) -> tuple[str, ...]:
        """The user's lines of a step, of its recorded log; none where it was not kept."""
        for path in sorted(self.folder.glob("*.log")):
            if path.name.split(".")[1] == step or f"-{step}-" in path.name:
                return _lines(path)
        return ()

    def _logs(self, seen: PodSeen | PodGone, told: set[str]) -> Iterator[Observation]:
        for step, pod in read_pod(seen.object, gone=isinstance(seen, PodGone)).items():
            ended = pod.container == "terminated" or pod.gone
            if pod.ran and ended and step not in told:
                told.add(step)
                if lines := self.lines(step):
                    yield LogLines(step, lines, {"after": len(lines)})
                yield LogEnd(step)


def recordings(root: Path) -> list[Recording]:
    return [Recording(path.parent) for path in sorted(root.glob("*/*/events.jsonl"))]


def latest(watched: Iterable[Observation]) -> list[Observation]:
    """What listing shows after these watch events: the pods, then the Workflow."""
    pods: dict[str, Observation] = {}
    workflow: list[Observation] = []
    for seen in watched:
        if isinstance(seen, PodSeen | PodGone):
            pods[seen.object["metadata"]["name"]] = seen
        elif isinstance(seen, WorkflowSeen | WorkflowGone):
            workflow = [seen]
    return [*pods.values(), *workflow]


def run(steps: list[str], stream: Iterable[Observation]) -> tuple[TaskState, list[Event]]:
    """Reduce a whole stream."""
    state, events = begin("task", "agent", 1, steps, NOW)
    for seen in stream:
        state, more = observe(state, seen, NOW)
        events += more
    return state, events


def stored(state: TaskState) -> TaskState:
    """The state as it comes back from the store."""
    return TaskState.from_json(json.loads(json.dumps(state.as_json())))


def brief(event: Event) -> str:
    """An event as the tables have it: ``bad Failed 3 StepFailed``, ``status Running``, ``log bad 2``."""
    body = event.body
    if event.kind is Kind.LOG:
        return f"log {body['step']} {len(body['lines'])}"
    if event.kind is Kind.STATUS:
        return _words("status", body)
    return _words(body["name"], body)


def outcomes(event: Event) -> list[str]:
    """The steps of a final status, as the tables have them."""
    return [_words(step["name"], step) for step in event.body["steps"]]


def _words(name: str, body: Any) -> str:
    words = [name, body["phase"], body.get("exitCode"), body.get("reason")]
    return " ".join(str(word) for word in words if word is not None)


def _observation(event: dict[str, Any]) -> Observation:
    found, deleted = event["object"], event["type"] == "DELETED"
    if found["kind"] == "Workflow":
        return WorkflowGone() if deleted else WorkflowSeen(found)
    return PodGone(found) if deleted else PodSeen(found)


@cache
def _lines(path: Path) -> tuple[str, ...]:
    log = UserLines()
    return tuple(text(line.text) for line in log.feed(path.read_bytes()) + log.end())


@cache
def _events(folder: Path) -> list[dict[str, Any]]:
    with (folder / "events.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
