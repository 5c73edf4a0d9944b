"""From cerberus' errors to findings that a person can act on."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from cerberus import errors
from cerberus.errors import ValidationError

from translator.task.finding import Finding
from translator.task.node import Node, NullWord, Unquoted
from translator.task.path import Path, format_path
from translator.task.problem import Severity
from translator.task.schema.kinds import Rules
from translator.task.schema.task import TASK
from translator.task.syntax import missing_space

KUBERNETES_FIELDS = frozenset(
    (
        "affinity",
        "dnsConfig",
        "securityContext",
        "tolerations",
        "topologySpreadConstraints",
        "valueFrom",
        "volumes",
    )
)
"""Fields whose inside is Kubernetes' own: unknown keys there are left out with a warning."""

_MAX_HINTS = 200  # looking for the nearest key is slow, and nobody reads further

_OF_SUBMISSION = {
    "namespace": "it is args.namespace of the submission, or --namespace of the command line",
    "scriptParams": "it is args.scriptParams of the submission, or --params of the command line",
    "taskId": "it is the submission's, beside args; --task-id of the command line",
    "agentId": "it is the submission's, beside args",
    "taskType": "it is the submission's, beside args",
    "args": "it is the submission's; the taskYaml is args.taskYaml",
    "taskYaml": "only what is inside it is the taskYaml",
}
"""What people write into the taskYaml although it stands beside it, and where it belongs."""

_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "float": "a number",
    "boolean": "true or false",
    "dict": "a mapping",
    "list": "a list",
}

_FOUND: tuple[tuple[type, str], ...] = (
    (bool, "the boolean"),
    (int, "the number"),
    (float, "the number"),
    (NullWord, "the null value"),
    (Unquoted, "the date or number"),
    (str, "text"),
    (list, "a list"),
    (dict, "a mapping"),
)


def findings(found: Iterable[ValidationError], root: Node) -> list[Finding]:
    """Each error as a finding, in no order.

    Args:
        found: from `translator.task.validator.schema_errors`.
        root: the document, for values as they were written.
    """
    result = []
    hints = 0
    for error in found:
        path: Path = error.document_path
        if error.code == errors.UNKNOWN_FIELD.code:
            hints += 1
            result.append(_unknown(path, hint=hints <= _MAX_HINTS))
        else:
            result.append(_finding(error, path, root))
    return result


def _finding(error: ValidationError, path: Path, root: Node) -> Finding:
    if error.code == errors.BAD_TYPE.code:
        return _wrong_type(error, path, root)
    bound = error.constraint
    match error.code:
        case errors.CUSTOM.code:
            message, hint, code = error.info
        case errors.REQUIRED_FIELD.code:
            message, hint, code = f"{path[-1]} is required", "", "required"
        case errors.NOT_NULLABLE.code | errors.EMPTY_NOT_ALLOWED.code:
            message, hint, code = _empty_message(path, error.code), "", "empty"
        case errors.UNALLOWED_VALUE.code:
            near = _nearest(str(error.value), bound)
            message, hint, code = f"{error.value!r} is not allowed", near or _one_of(bound), "not-allowed"
        case errors.MIN_VALUE.code:
            message, hint, code = f"{error.value} is out of range", f"at least {bound}", "out-of-range"
        case errors.MAX_VALUE.code:
            message, hint, code = f"{error.value} is out of range", f"at most {bound}", "out-of-range"
        case errors.MIN_LENGTH.code:
            message, hint, code = f"{path[-1]} is empty", f"at least {bound}", "empty"
        case _ if isinstance(error.value, str):  # MAX_LENGTH is the only other rule in the schemas
            message = f"{path[-1]} has {len(error.value)} characters"
            hint, code = f"at most {bound}", "too-long"
        case _:
            message, hint, code = f"{len(error.value)} entries are too many", f"at most {bound}", "too-many"
    return Finding(path, message, hint, code, at_key="keysrules" in error.schema_path)


def _one_of(words: Iterable[str]) -> str:
    return "one of " + ", ".join(words)


def _empty_message(path: Path, code: int) -> str:
    name = f"item {path[-1]}" if isinstance(path[-1], int) else path[-1]
    return f"{name} is empty" if code == errors.EMPTY_NOT_ALLOWED.code else f"{name} has no value"


def _wrong_type(error: ValidationError, path: Path, root: Node) -> Finding:
    wanted = error.constraint[0] if isinstance(error.constraint, list) else error.constraint
    node, _ = root.find(path)
    written = (node.written or "")[:64]
    value = error.value
    if isinstance(error.constraint, list) and "float" in error.constraint:
        found = _kind(value) + (f" {written}" if written else "")
        return Finding(path, f"expected a quantity, found {found}", "such as 500m, 2, 1Gi", "wrong-type")
    if wanted == "string" and not isinstance(value, (Mapping, list)):
        message = f"expected text, found {_kind(value)} {written}"
        # Go reads no bare number as a duration either
        text = f"{written}s" if path[-1] == "timeout" and written.isdecimal() else written
        return Finding(path, message, f'write "{text}"', "quote-text")
    hint = ""
    if isinstance(value, str) and wanted in ("dict", "list") and (missing := missing_space(written)):
        return Finding(path, *missing, "missing-space")
    if isinstance(value, str) and wanted == "list":
        hint = f'write ["{written}"]' if "\n" not in written and written else "write a list"
    elif isinstance(value, str) and wanted in ("integer", "boolean"):
        hint = _unquoted(written, wanted, of_file=str(path[-1]) in ("mode", "defaultMode"))
    scalar = "" if isinstance(value, (str, Mapping, list)) else f" {written}"
    message = f"expected {_KINDS[wanted]}, found {_kind(value)}{scalar}"
    return Finding(path, message, hint, "wrong-type")


def _unquoted(written: str, wanted: str, *, of_file: bool) -> str:
    """What to write instead of text, where that can be told."""
    if wanted == "boolean":
        return f"without quotes: {written.lower()}" if written.lower() in ("true", "false") else ""
    if of_file:
        octal = re.fullmatch(r"0?o?([0-7]{3})", written)
        return f"write 0{octal[1]}" if octal else "an octal number, such as 0644: its digits are 0 to 7"
    digits = written.isascii() and written.isdecimal()
    return f"without quotes: {written.lstrip('0') or '0'}" if digits else ""


def _kind(value: Any) -> str:
    # bool before int: True is an int
    for kind, name in _FOUND:
        if isinstance(value, kind):
            return name
    return "nothing"


def _unknown(path: Path, *, hint: bool) -> Finding:
    key = str(path[-1])
    near = _meant(key, path[:-1]) if hint else ""
    if KUBERNETES_FIELDS.intersection(crumb for crumb in path[:-1] if isinstance(crumb, str)):
        where = format_path(path[:-1])
        message = f"Kubernetes has no field {key[:64]} in {where}: left out"
        return Finding(path, message, near, "unknown-kubernetes-key", Severity.WARNING, at_key=True)
    if len(path) == 1 and key in _OF_SUBMISSION:
        message = f"{key} is no part of a taskYaml"
        return Finding(path, message, _OF_SUBMISSION[key], "unknown-key", at_key=True)
    others = _one_of(_known_keys(path[:-1])) if hint else ""
    return Finding(path, f"unknown key {key[:64]}", near or others, "unknown-key", at_key=True)


def _meant(key: str, holder: Path) -> str:
    """The nearest key: of this level, or of another one that a user may have confused with it."""
    known = _known_keys(holder)
    homes = _homes()
    own = re.sub(r"\[[0-9]+\]", "[]", format_path(holder))
    others = homes if own in ("", *homes.values()) else {}
    near = _close(key, [*known, *others])
    if near is None or near in known:
        return f"did you mean {near}?" if near else ""
    return f"{near} belongs in {others[near]}"


def _nearest(word: str, known: Iterable[str]) -> str:
    near = _close(word, known)
    return f"did you mean {near}?" if near else ""


def _close(word: str, known: Iterable[str]) -> str | None:
    by_lower = {name.lower(): name for name in reversed(list(known))}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6) if len(word) <= 64 else []
    return by_lower[near[0]] if near else None


def _known_keys(path: Path) -> tuple[str, ...]:
    rules: Rules = {"schema": TASK}
    for crumb in path:
        rules = rules["schema"] if isinstance(crumb, int) else rules["schema"][crumb]
    return tuple(rules["schema"])


@cache
def _homes() -> dict[str, str]:
    """Where each key of the seed's own levels belongs, the outermost place first."""
    spec = TASK["taskSpec"]["schema"]
    pod = TASK["podTemplate"]["schema"]
    step = spec["steps"]["schema"]["schema"]
    levels = (
        ("the document's top level", TASK),
        ("taskSpec", spec),
        ("podTemplate", pod),
        ("taskSpec.steps[]", step),
        ("podTemplate.securityContext", pod["securityContext"]["schema"]),
        ("taskSpec.steps[].securityContext", step["securityContext"]["schema"]),
    )
    homes: dict[str, str] = {}
    for home, fields in levels:
        for key in fields:
            homes.setdefault(key, home)
    return homes
