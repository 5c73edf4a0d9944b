"""One fault in a submission, and how it reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from translator.errors import PermanentError


class Severity(StrEnum):
    """Whether a problem stops the task."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a submission.

    Attributes:
        severity: an error stops the task; a warning does not.
        path: where in the document, as ``taskSpec.steps[0].image``; empty for the document as a whole.
        line: 1-based line of the value (or of the key, where the key is at fault) in the taskYaml.
        column: 1-based column.
        message: what is wrong, in one sentence without a full stop.
        hint: what would be right; empty where nothing more helpful than the message can be said.
        code: stable kebab-case name of the rule, such as ``unknown-key``.
    """

    severity: Severity
    path: str
    line: int
    column: int
    message: str
    hint: str
    code: str

    def text(self, file: str) -> str:
        """The problem as one line: ``file:line:column: error: path: message (hint)``."""
        where = f"{self.path}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{file}:{self.line}:{self.column}: {self.severity}: {where}{self.message}{hint}"

    def as_json(self) -> dict[str, Any]:
        """The problem as the JSON object that the API and ``--format json`` give."""
        return {
            "severity": str(self.severity),
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "hint": self.hint,
            "code": self.code,
        }


class InvalidInput(PermanentError):  # noqa: N818 - the problems it holds are the errors
    """A submission that cannot become a task.

    Args:
        problems: all of them, warnings too, in order of position; at least one is an error.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        first = next(p for p in self.problems if p.severity is Severity.ERROR)
        where = f"{first.path}: " if first.path else ""
        super().__init__(
            f"line {first.line}: {where}{first.message}",
            reason="InvalidTask",
            remedy="mend the problems listed and submit the task again",
        )
