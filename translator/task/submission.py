"""From a CloudTask item, as it came from JSON, to a Task or every problem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from translator.task.finding import Finding
from translator.task.identity import id_findings, namespace_findings, timeout_findings
from translator.task.params import read_params
from translator.task.parse import Parsed, parse_task
from translator.task.problem import Problem, Severity

_KNOWN = ("timeout", "scriptParams", "namespace", "taskYaml")


def parse_submission(task_id: object, agent_id: object, args: object) -> Parsed:
    """Read a submission in which any part may have any type.

    Args:
        task_id: the item's ``taskId``.
        agent_id: the item's ``agentId``; required.
        args: the item's ``args``: ``taskYaml`` (required), ``timeout`` in seconds, ``scriptParams``,
            ``namespace`` (empty and null mean "not given").

    Returns:
        The task, or every fault of all parts as a problem.
    """
    if not isinstance(args, Mapping):
        found = [Finding(("args",), "args must be an object with the key taskYaml", "", "wrong-type")]
        found += id_findings("taskId", task_id) + id_findings("agentId", agent_id)
        return Parsed(None, tuple(finding.problem(1, 1) for finding in found))
    namespace = None if args.get("namespace") in (None, "") else args["namespace"]
    timeout, params, text = args.get("timeout"), args.get("scriptParams"), args.get("taskYaml")
    found = _own_findings(task_id, agent_id, namespace, timeout, params, text)
    unknown = [finding.problem(1, 1) for finding in _unknown(args)]
    # what is only a warning is told by parse_task, too
    refused = any(finding.severity is Severity.ERROR for finding in found)
    if not refused and isinstance(text, str):
        parsed = parse_task(
            text,
            task_id=str(task_id),
            agent_id=str(agent_id),
            namespace=namespace,
            timeout=timeout,
            params=params,
        )
        problems = [*unknown, *_other_id(parsed, str(task_id)), *parsed.problems]
        return Parsed(parsed.task, tuple(sorted(problems, key=lambda each: each.line)), parsed.root)
    problems = [*(finding.problem(1, 1) for finding in found), *unknown]
    if not isinstance(text, str) or not text:
        return Parsed(None, tuple(problems))
    parsed = parse_task(text, task_id="unknown", alone=True)
    return Parsed(None, (*problems, *parsed.problems), parsed.root)


def _own_findings(
    task_id: object, agent_id: object, namespace: object, timeout: object, params: Any, text: object
) -> list[Finding]:
    found = id_findings("taskId", task_id) + id_findings("agentId", agent_id)
    found += (
        ([] if namespace is None else namespace_findings(namespace))
        + timeout_findings(timeout)
        + read_params(params)[1]
    )
    if not isinstance(text, str):
        path = ("args", "taskYaml")
        code = "required" if text is None else "wrong-type"
        found.append(Finding(path, "taskYaml must be text that holds YAML", "", code))
    elif not text:
        found.append(Finding(("args", "taskYaml"), "taskYaml is empty", "", "required"))
    return found


def _other_id(parsed: Parsed, task_id: str) -> Iterator[Problem]:
    """A warning where the taskYaml names another id than the submission."""
    written = parsed.root.data.get("taskID") if parsed.root is not None and parsed.root.entries else None
    if parsed.root is not None and isinstance(written, str) and written not in ("", task_id):
        message = f"the taskYaml says {written[:80]!r}, the submission {task_id[:80]!r}, which holds"
        found = Finding(("taskID",), message, "take taskID out", "other-id", Severity.WARNING)
        yield found.problem(*parsed.root.place(found.path))


def _unknown(args: Mapping[Any, Any]) -> list[Finding]:
    hint = "one of " + ", ".join(_KNOWN)
    return [
        Finding(
            ("args", str(key)), f"unknown key {str(key)[:80]}: ignored", hint, "unknown-key", Severity.WARNING
        )
        for key in args
        if key not in _KNOWN
    ]
