"""What agent-server holds in the end, against what must be there. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.tasks import Task
from translator.agent_server.ledger import Ledger, is_final
from translator.observe.reasons import RUNNER_LOST
from translator.observe.recovery import GAP as RETOLD


@dataclass(slots=True)
class Account:
    """The sum of a run, or of several.

    Attributes:
        faults: kills, stops, cuts and refusals that were made.
        tasks: acknowledged ones.
        lines: held.
        lost: lines and final statuses that are missing.
        repeated: lines that came again, final statuses after the final one, events with other content.
        wrong: every fault that was found, in words.
    """

    faults: int = 0
    tasks: int = 0
    lines: int = 0
    lost: int = 0
    repeated: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Account) -> None:
        """Sum up."""
        self.faults += other.faults
        self.tasks += other.tasks
        self.lines += other.lines
        self.lost += other.lost
        self.repeated += other.repeated
        self.wrong += other.wrong

    def __str__(self) -> str:
        return (
            f"faults {self.faults}, tasks {self.tasks}, lines {self.lines}, "
            f"lost {self.lost}, repeated {self.repeated}"
        )


def audit(
    tasks: Iterable[Task], ledger: Ledger, faults: int, *, mortal: bool = False, retold: bool = False
) -> Account:
    """Compare what agent-server was told with what must have been told.

    Args:
        tasks: all that were submitted.
        ledger: what agent-server holds.
        faults: how many were made.
        mortal: what runs dies with the service (the local engine): such a task may have ended in Error.
        retold: Redis has lost its data: after a gap that says so, a step's lines may come again.
    """
    account = Account(faults=faults)
    known = {task.task_id: task for task in tasks}
    for violation in ledger.violations:
        account.repeated += "repeated" in violation.message or "after the final" in violation.message
        account.wrong.append(f"contract: {violation}")
    for task_id in sorted({event["taskId"] for event in ledger.kept}):
        if task_id not in known or known[task_id].rejected:
            account.wrong.append(f"{task_id}: events of a task that was never accepted")
    for task in known.values():
        if not task.acknowledged:
            continue
        account.tasks += 1
        for attempt in range(1, task.attempts + 1):
            _attempt(
                task, attempt, ledger.events(task.task_id, attempt), account, mortal=mortal, retold=retold
            )
        if extra := ledger.events(task.task_id, task.attempts + 1):
            account.wrong.append(f"{task.task_id}: an attempt nobody asked for: {extra[0]}")
    return account


def _attempt(
    task: Task,
    attempt: int,
    events: tuple[Mapping[str, Any], ...],
    account: Account,
    *,
    mortal: bool,
    retold: bool,
) -> None:
    where = f"{task.task_id} attempt {attempt}"
    finals = [event for event in events if is_final(event)]
    if not finals:
        account.lost += 1
        account.wrong.append(f"{where}: no final status; the last event: {events[-1] if events else None}")
        return
    if len(finals) > 1 or not is_final(events[-1]):
        account.repeated += 1
        account.wrong.append(f"{where}: the final status is not the one last event")
    final = finals[0]
    died = mortal and final.get("reason") == RUNNER_LOST
    whole = task.whole and not died
    if final["phase"] not in task.phases and not died:
        account.wrong.append(f"{where}: ended {final['phase']} {final.get('reason')}: {final.get('message')}")
    gaps = [event for event in events if event["kind"] == "gap"]
    if whole and any(not retold or gap["why"] != RETOLD for gap in gaps):
        account.wrong.append(f"{where}: a gap: {gaps[0]}")
    # a step whose exit code is known was seen to its end
    ended = {step["name"] for step in final["steps"] if step.get("exitCode") is not None}
    for name in task.names:
        told: list[str] = []
        for event in events:
            if retold and event["kind"] == "gap" and event["step"] == name and event["why"] == RETOLD:
                # up to there the lines must be the first, from there on they are all of them
                _lines(f"{where} {name}, before the loss", told, task.lines(name), account, whole=False)
                told = []
            elif event["kind"] == "log" and event["step"] == name:
                told += event["lines"]
        _lines(f"{where} {name}", told, task.lines(name), account, whole=name in ended and (whole or died))


def _lines(where: str, told: list[str], wanted: list[str], account: Account, *, whole: bool) -> None:
    account.lines += len(told)
    again = sum(count - 1 for count in Counter(told).values())
    last = max((wanted.index(line) + 1 for line in told if line in wanted), default=0)
    due = wanted if whole else wanted[:last]
    missing = len(set(due) - set(told))
    account.repeated += again
    account.lost += missing
    if told != due:
        account.wrong.append(
            f"{where}: {missing} lines missing, {again} repeated, {len(told)} told of {len(wanted)}: "
            f"{told[:2]} … {told[-2:]}"
        )
