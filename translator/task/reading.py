"""What a taskYaml says by itself, whatever was submitted with it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from translator.task.blanks import compact, without_blanks
from translator.task.finding import Finding
from translator.task.node import Node
from translator.task.operator_object import unwrap
from translator.task.path import Path, format_path
from translator.task.problem import Problem, Severity
from translator.task.rules import cross_findings
from translator.task.schema_findings import findings
from translator.task.tree import build
from translator.task.validator import schema_errors

MAX_RECENT = 128
"""Documents that are remembered: one comes again with other parameters, and when its task is submitted."""

MAX_RECENT_BYTES = 256 * 1024
"""Of a document that is remembered, about; all of them stay below 32 MiB."""

_VALUE_BYTES = 500
"""Of a value with its place and its copies, about."""


@dataclass(frozen=True, slots=True)
class Document:
    """A taskYaml that was read and checked; it is shared, so that nobody may change anything in it.

    Attributes:
        problems: those of the text itself.
        found: faults in what it says, in no order.
        root: its tree, None where it could not be read.
        data: what it says, without blanks and unknown keys; None where there is an error.
        namespace: where it says that the task runs; None: it does not.
    """

    problems: tuple[Problem, ...]
    found: tuple[Finding, ...] = ()
    root: Node | None = None
    data: Mapping[str, Any] | None = None
    namespace: str | None = None


_recent: OrderedDict[str, Document] = OrderedDict()
_lock = threading.Lock()


def read(text: str) -> Document:
    """Read and check one document.

    Args:
        text: as `translator.task.document.decode` gives it.
    """
    with _lock:
        if (known := _recent.get(text)) is not None:
            _recent.move_to_end(text)
            return known
    document = _read(text)
    root = document.root
    if root is not None and len(text) + root.chars + _VALUE_BYTES * root.count <= MAX_RECENT_BYTES:
        with _lock:
            _recent[text] = document
            if len(_recent) > MAX_RECENT:
                _recent.popitem(last=False)
    return document


def _read(text: str) -> Document:
    root, problems = build(text)
    if root is None or root.entries is None:
        if not any(problem.severity is Severity.ERROR for problem in problems):
            problems.append(_no_mapping(root))
        return Document(tuple(problems), (), root)
    namespace = None
    if (wrapped := unwrap(root)) is not None:
        problems += wrapped.problems
        if wrapped.spec is None:
            return Document(tuple(problems), (), root)
        root, namespace = wrapped.spec, wrapped.namespace
    data = without_blanks(root.data)
    faulted = {problem.path for problem in problems}  # the tree knows better what is wrong there
    found = tuple(
        finding
        for finding in (*findings(schema_errors(data), root), *cross_findings(data))
        if not faulted or format_path(finding.path) not in faulted
    )
    if problems or any(finding.severity is Severity.ERROR for finding in found):
        return Document(tuple(problems), found, root, None, namespace)
    data = compact(data)
    for finding in found:
        if finding.code == "unknown-kubernetes-key":
            _drop(data, finding.path)
    return Document((), found, root, data, namespace)


def _no_mapping(root: Node | None) -> Problem:
    hint = "a taskYaml is a mapping with the key taskSpec"
    if root is None or root.data is None:
        return Problem(Severity.ERROR, "", 1, 1, "the document is empty", hint, "empty-document")
    return Problem(
        Severity.ERROR, "", root.line, root.column, "the document is not a mapping", hint, "not-a-mapping"
    )


def _drop(data: Any, path: Path) -> None:
    for crumb in path[:-1]:
        data = data[crumb]
    data.pop(path[-1], None)
