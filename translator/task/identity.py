"""What identifies a task and says where and how long it runs: the submission's parts beside the taskYaml."""

from __future__ import annotations

from typing import Any

from translator.task.finding import Finding
from translator.task.names import label_fault
from translator.task.schema.kinds import INT32

MAX_ID = 253
"""Characters of a taskId or agentId: enough for any known scheme, short enough for keys and annotations."""


def identity_findings(*, task_id: Any, agent_id: Any, namespace: Any, timeout: Any) -> list[Finding]:
    """Faults in them; an empty agent_id is none here."""
    found = [*id_findings("taskId", task_id), *namespace_findings(namespace), *timeout_findings(timeout)]
    return found + (id_findings("agentId", agent_id) if agent_id != "" else [])


def id_findings(name: str, value: Any) -> list[Finding]:
    """Faults in a required taskId or agentId."""
    if not isinstance(value, str):
        return [Finding((name,), f"{name} must be text", "", "required" if value is None else "wrong-type")]
    if not value:
        return [Finding((name,), f"{name} is empty", "", "required")]
    if len(value) > MAX_ID:
        return [Finding((name,), f"{name} has {len(value)} characters", f"at most {MAX_ID}", "too-long")]
    # C0 and DEL break keys and lines of logs; lone surrogates cannot be stored as UTF-8
    if any(char < " " or char == "\x7f" or "\ud800" <= char <= "\udfff" for char in value):
        return [Finding((name,), f"{name} holds a control character", "remove it", "bad-character")]
    return []


def namespace_findings(value: Any) -> list[Finding]:
    """Faults in the namespace's name."""
    path = ("args", "namespace")
    if not isinstance(value, str):
        return [Finding(path, "namespace must be text", "", "wrong-type")]
    fault = label_fault(value)
    return [Finding(path, *fault, "bad-name")] if fault is not None else []


def timeout_findings(value: Any) -> list[Finding]:
    """Faults in the timeout in seconds."""
    path = ("args", "timeout")
    if value is None:
        return []
    if isinstance(value, bool) or not isinstance(value, int):
        digits = isinstance(value, str) and value.isascii() and value.isdecimal()
        hint = f"without quotes: {value}" if digits else "such as 600"
        return [Finding(path, "timeout must be a whole number of seconds", hint, "wrong-type")]
    if not 0 < value <= INT32:
        return [
            Finding(path, f"a timeout of {_shown(value)} s is out of range", f"1 to {INT32}", "out-of-range")
        ]
    return []


def _shown(value: int) -> str:
    return str(value) if abs(value) < 1 << 64 else "more than 2^64"
