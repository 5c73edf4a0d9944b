"""A fault whose place in the text is not yet known."""

from __future__ import annotations

from dataclasses import dataclass

from translator.task.path import Path, format_path
from translator.task.problem import Problem, Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault at a path of the document's data; see `translator.task.problem.Problem` for the other fields.

    Attributes:
        at_key: the key itself is at fault, not its value.
    """

    path: Path
    message: str
    hint: str
    code: str
    severity: Severity = Severity.ERROR
    at_key: bool = False

    def problem(self, line: int, column: int) -> Problem:
        """The problem that it is at this place."""
        path, message, hint = format_path(self.path), printable(self.message), printable(self.hint)
        return Problem(self.severity, path, line, column, message, hint, self.code)


LONGEST = 600
"""Characters of a message or a hint: what the user wrote is quoted, but no more than a few lines of it."""


def printable(text: str) -> str:
    """The text on one line, cut in its middle if it is long: what a terminal would obey is an escape."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST - 200]} … {text[-197:]}"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
