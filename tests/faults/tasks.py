"""Tasks that number their lines, and what must come of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.faults.cluster import NAMESPACE

AGENT = "agent1"


def script(lines: int, pause: float = 0.01, code: int = 0, more: str = "") -> str:
    """A step that writes so many lines, a pause after each, and exits."""
    return (
        f'i=0; while [ $i -lt {lines} ]; do i=$((i+1)); echo "@STEP line $i of {lines}"; '
        f"sleep {pause}; done\n"
        f"{more}\nexit {code}\n"
    )


FILES = "# {{this}} goes by a ConfigMap"


@dataclass(slots=True)
class Task:
    """One task as it is submitted, and as it must end.

    Attributes:
        task_id: the fake cluster does not take what has "refused" in it; "stubborn" minds no
            signal, "stuck" has no image.
        steps: lines, pause, exit code and more of each step.
        phases: the final phases that are right.
        whole: every line of every step that ran must be there; otherwise those that are must be the first.
        attempts: so many attempts must end; set by a retry.
        acknowledged: it was answered ``accepted`` or ``duplicate``.
    """

    task_id: str
    steps: list[tuple[int, float, int, str]]
    phases: frozenset[str] = frozenset({"Succeeded"})
    whole: bool = True
    timeout: int = 36000  # where the service's clock is fast, it comes sooner
    attempts: int = 1
    acknowledged: bool = False
    rejected: bool = False
    params: str = ""
    names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.names = [f"s{number}" for number, _ in enumerate(self.steps, 1)]

    def item(self) -> dict[str, Any]:
        """As agent-server submits it."""
        listed = [
            {"name": name, "image": "alpine:3", "script": script(*step).replace("@STEP", name)}
            for name, step in zip(self.names, self.steps, strict=True)
        ]
        text = json.dumps({"taskSpec": {"displayName": "numbers", "steps": listed}})
        args = {
            "timeout": self.timeout,
            "namespace": NAMESPACE,
            "taskYaml": text,
            "scriptParams": self.params,
        }
        return {"taskId": self.task_id, "taskType": "CloudTask", "agentId": AGENT, "args": args}

    def lines(self, name: str) -> list[str]:
        """What a step writes."""
        count = self.steps[self.names.index(name)][0]
        return [f"{name} line {number} of {count}" for number in range(1, count + 1)]


def plain(task_id: str, *lines: int, pause: float = 0.01) -> Task:
    """A task that succeeds."""
    return Task(task_id, [(count, pause, 0, "") for count in lines or (10, 10)])


def failing(task_id: str, lines: int = 10) -> Task:
    """A task whose first step fails."""
    return Task(task_id, [(lines, 0.01, 3, ""), (lines, 0.01, 0, "")], frozenset({"Failed"}))


def filed(task_id: str, lines: int = 10, *, secret: bool = True) -> Task:
    """A task that needs a ConfigMap, and a Secret too unless told otherwise."""
    steps = [(lines, 0.01, 0, FILES), (lines, 0.01, 0, FILES)]
    return Task(task_id, steps, params='{"password": "hush"}' if secret else "")


def endless(task_id: str) -> Task:
    """A task that somebody has to cancel."""
    return Task(task_id, [(10000, 0.05, 0, "")], frozenset({"Cancelled"}), whole=False)


def stuck(task_id: str) -> Task:
    """A task whose first step never starts."""
    return Task(task_id, [(1, 0.01, 0, ""), (1, 0.01, 0, "")], frozenset({"Failed"}), whole=False)


def refused(task_id: str) -> Task:
    """A task that the cluster does not take, after it took its ConfigMap and Secret."""
    steps = [(1, 0.01, 0, FILES)]
    return Task(task_id, steps, frozenset({"Error"}), whole=False, params='{"password": "hush"}')


def invalid(task_id: str) -> Task:
    """A task that must be rejected, and of which nothing may ever be told."""
    return Task(task_id, [])


def revocation(task_id: str) -> dict[str, Any]:
    """The wish that a task be cancelled."""
    args = {"taskId": task_id}
    return {"taskId": f"revoke-{task_id}", "taskType": "RevokeTask", "agentId": AGENT, "args": args}
