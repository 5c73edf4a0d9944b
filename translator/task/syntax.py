"""What the YAML parser says about text that is no YAML, as a problem."""

from __future__ import annotations

from yaml.error import MarkedYAMLError, YAMLError

from translator.task.finding import printable
from translator.task.problem import Problem, Severity

# libyaml's own words (scanner.c, parser.c), and what usually lies behind them
_HINTS = (
    ("cannot start any token", "indent with spaces, not tabs; quote text that begins with @, ` or %"),
    ("mapping values are not allowed", "quote text that holds ': ', or check the indentation"),
    ("unknown escape", "write \\\\ for a backslash, or use single quotes"),
    ("unexpected end of stream", "the quote that begins here is not closed"),
    ("not find expected", "check the indentation, and quotes and brackets that are not closed"),
)


def syntax_problem(error: YAMLError) -> Problem:
    """The parser's complaint at its place, with a hint for the common mistakes."""
    if not isinstance(error, MarkedYAMLError):
        return Problem(Severity.ERROR, "", 1, 1, printable(str(error)), "", "yaml-syntax")
    complaint = error.problem or "the text is not YAML"
    message = f"{complaint} {error.context}" if error.context else complaint
    hint = next((hint for words, hint in _HINTS if words in complaint), "")
    mark = error.problem_mark
    if "unexpected end of stream" in complaint and error.context_mark is not None:
        mark = error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    return Problem(Severity.ERROR, "", line, column, printable(message), hint, "yaml-syntax")
