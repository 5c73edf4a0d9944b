"""Runs tasks on a real cluster, and keeps what was told of them."""

from __future__ import annotations

import copy
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tests.e2e.kubectl import kubectl
from translator.engine.argo.engine import ArgoEngine
from translator.observe.event import Event, Kind
from translator.observe.observation import Observation, WorkflowRef
from translator.observe.reducer import begin, observe
from translator.observe.state import TaskState
from translator.service.template import load_template
from translator.task.parse import parse_task
from translator.workflow.options import Options
from translator.workflow.rendered import Rendered
from translator.workflow.translate import translate

IMAGE = "library/alpine:latest"


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def task(*steps: Mapping[str, Any], pod: Mapping[str, Any] | None = None, **spec: Any) -> str:
    """A taskYaml (JSON is YAML)."""
    named = [{"name": f"s{number}", "image": IMAGE, **step} for number, step in enumerate(steps, 1)]
    return json.dumps({"taskSpec": {"displayName": "e2e", **spec, "steps": named}, "podTemplate": pod or {}})


@dataclass
class Attempt:
    """One attempt on the cluster, and all that was told of it."""

    engine: ArgoEngine
    rendered: Rendered
    ref: WorkflowRef
    state: TaskState
    events: list[Event] = field(default_factory=list)

    def observe(self, seen: Observation) -> None:
        self.state, events = observe(self.state, seen, now())
        self.events += events

    async def follow(self, until: Callable[[Attempt], bool] | None = None) -> Attempt:
        """Follow to the final status, or until something holds."""
        observations = self.engine.follow(self.ref, self.state.cursors)
        try:
            async for seen in observations:
                self.observe(seen)
                if self.state.final or (until is not None and until(self)):
                    break
        finally:
            await observations.aclose()  # type: ignore[attr-defined]
        return self

    @property
    def final(self) -> Mapping[str, Any]:
        last = self.events[-1]
        assert last.kind is Kind.STATUS
        assert [event.seq for event in self.events] == list(range(1, len(self.events) + 1))
        return last.body

    @property
    def steps(self) -> list[tuple[str, str, Any, str]]:
        """(name, phase, exit code, reason) of each step, as the final status has them."""
        return [
            (step["name"], step["phase"], step.get("exitCode"), step.get("reason", ""))
            for step in self.final["steps"]
        ]

    @property
    def lines(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for event in self.events:
            if event.kind is Kind.LOG:
                found.setdefault(event.body["step"], []).extend(event.body["lines"])
        return found

    @property
    def gaps(self) -> list[Mapping[str, Any]]:
        return [event.body for event in self.events if event.kind is Kind.GAP]


class Cluster:
    """Submits tasks under names of this session's own, and lets go of all of them at the end."""

    def __init__(self, engine: ArgoEngine) -> None:
        self.engine = engine
        self.attempts: list[Attempt] = []

    async def submit(
        self,
        text: str,
        *,
        options: Options | None = None,
        change: Callable[[dict[str, Any]], None] = lambda _: None,
        **args: Any,
    ) -> Attempt:
        task_id = f"e2e-{secrets.token_hex(4)}"
        parsed = parse_task(text, task_id=task_id, **args)
        assert parsed.task is not None, parsed.problems
        rendered = translate(parsed.task, attempt=1, options=options or Options(), template=load_template())
        workflow = copy.deepcopy(dict(rendered.workflow))
        change(workflow)
        rendered = replace(rendered, workflow=workflow)
        ref = await self.engine.submit(rendered)
        names: Sequence[str] = [step.name for step in parsed.task.steps]
        state, events = begin(task_id, "agent", 1, names, now())
        attempt = Attempt(self.engine, rendered, ref, state, events)
        self.attempts.append(attempt)
        return attempt

    async def run(self, text: str, **args: Any) -> Attempt:
        return await (await self.submit(text, **args)).follow()

    async def release(self) -> None:
        for attempt in self.attempts:
            await self.engine.terminate(attempt.ref)
            await self.engine.release(attempt.ref)
            where = ("-n", attempt.ref.namespace, "--ignore-not-found", "--wait=false")
            await kubectl("delete", "workflow.argoproj.io", attempt.ref.name, *where)
