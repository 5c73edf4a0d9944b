"""From a taskYaml to a Task, or to every problem at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from translator.task.blanks import without_blanks, written_path
from translator.task.build import build_task
from translator.task.document import decode
from translator.task.finding import Finding
from translator.task.identity import identity_findings
from translator.task.model import Task
from translator.task.node import Node
from translator.task.params import missing_params, read_params
from translator.task.path import format_path, parse_path
from translator.task.problem import Problem, Severity
from translator.task.reading import read

MAX_PROBLEMS = 500
"""More than anybody reads; a last problem says how many were left out."""

_OUTSIDE = frozenset(("args", "taskId", "agentId"))  # parts of a submission that are not in the taskYaml


_ACCOUNT = ("podTemplate", "serviceAccountName")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What became of a taskYaml.

    Attributes:
        task: None if and only if a problem is an error.
        problems: in order of position.
        root: the document's tree, None where it could not be read.
    """

    task: Task | None
    problems: tuple[Problem, ...]
    root: Node | None = None

    def locate(self, path: str) -> tuple[int, int]:
        """Line and column of the value at the path of the task, or of its nearest existing ancestor.

        What is not in the taskYaml (``args.timeout``, …) is at line 1, column 1.
        """
        return self._find(path)[:2]

    def place(self, path: str, message: str, hint: str, code: str) -> Problem:
        """An error of the task at its line; the problem's path counts the entries as they are written."""
        line, column, written = self._find(path)
        return Problem(Severity.ERROR, written, line, column, message, hint, code)

    def _find(self, path: str) -> tuple[int, int, str]:
        crumbs = parse_path(path)
        if self.root is None or (crumbs and crumbs[0] in _OUTSIDE):
            return 1, 1, path
        if crumbs == _ACCOUNT and not (self.root.data.get("podTemplate") or {}).get(crumbs[-1]):
            crumbs = crumbs[-1:]  # the task says it at its top, as the operator's object does
        written = written_path(without_blanks(self.root.data), crumbs) if self.root.entries else crumbs
        return *self.root.place(written), path if written == crumbs else format_path(written)


def parse_task(
    text: str | bytes,
    *,
    task_id: str,
    agent_id: str = "",
    namespace: str | None = None,
    timeout: int | None = None,
    params: str | Mapping[str, Any] | None = None,
    alone: bool = False,
) -> Parsed:
    """Read a taskYaml and what came with it.

    Args:
        text: the taskYaml.
        task_id: from the submission.
        agent_id: from the submission; may be empty where there is none, as on the command line.
        namespace: where the task shall run; None: where the operator's object says, else ``default``.
        timeout: ``args.timeout`` in seconds, if given.
        params: ``scriptParams``, as a JSON object or as text that holds one.
        alone: the text is judged by itself: what it requires may be given later.

    Returns:
        The task, or every problem found. Never raises for what a user can write.
    """
    pairs, outside = read_params(params)
    decoded = decode(text)
    if isinstance(decoded, Problem):
        outside += identity_findings(task_id=task_id, agent_id=agent_id, namespace="default", timeout=timeout)
        return _parsed(None, [decoded], outside, None)
    document = read(decoded)
    if namespace is None:
        namespace = document.namespace or "default"
    outside += identity_findings(task_id=task_id, agent_id=agent_id, namespace=namespace, timeout=timeout)
    problems, found, root = document.problems, list(document.found), document.root
    if document.data is not None and not alone:
        missing = list(missing_params(document.data, pairs))
        if missing:
            return _parsed(None, problems, [*outside, *found, *missing], root)
    if document.data is None or any(finding.severity is Severity.ERROR for finding in outside):
        return _parsed(None, problems, [*outside, *found], root)
    task = build_task(
        document.data,
        task_id=task_id,
        agent_id=agent_id,
        namespace=namespace,
        timeout=timeout,
        params=pairs,
    )
    given = [decoded, task_id, agent_id, namespace, timeout, pairs]
    task = replace(task, spec_hash=sha256(json.dumps(given).encode()).hexdigest())
    return _parsed(task, problems, [*outside, *found], root)


def _parsed(
    task: Task | None, problems: Iterable[Problem], found: Iterable[Finding], root: Node | None
) -> Parsed:
    unplaced = Parsed(None, (), root)
    placed = [*problems] + [_problem(finding, unplaced) for finding in found]
    placed.sort(key=lambda problem: (problem.line, problem.column, problem.path, problem.code))
    if len(placed) > MAX_PROBLEMS:
        placed = [p for p in placed if p.severity is Severity.ERROR] or placed
    if len(placed) > MAX_PROBLEMS:
        last = placed[MAX_PROBLEMS - 1]
        message = f"and {len(placed) - MAX_PROBLEMS} more problems"
        note = Problem(
            last.severity, "", last.line, last.column, message, "mend these first", "too-many-problems"
        )
        placed = [*placed[:MAX_PROBLEMS], note]
    return Parsed(task, tuple(placed), root)


def _problem(finding: Finding, parsed: Parsed) -> Problem:
    line, column = 1, 1
    if parsed.root is not None and finding.path[0] not in _OUTSIDE:
        line, column = parsed.root.place(finding.path, at_key=finding.at_key)
    return finding.problem(line, column)
